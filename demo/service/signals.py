"""What the system tells a running listener: to end, or to load its model again.

SIGINT and SIGTERM end it. SIGHUP loads the model's file again, but for the one that comes because
the terminal was closed: then there is no terminal any more, and it ends, as programs do.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any


def has_terminal() -> bool:
    """Whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Signals:
    """What has come so far."""

    def __init__(self) -> None:
        self._stops: list[int] = []
        self.reloads: SimpleQueue[Any] = SimpleQueue()  # its `put` is safe in a signal handler
        # Where hanging up was ignored, as nohup does, it does not end the program.
        self._hangs_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and has_terminal()

    def stopped(self) -> bool:
        """Whether it is to end."""
        return bool(self._stops)

    def on_stop(self, number: int, _frame: Any) -> None:
        """End; at once when it is the second time."""
        if self._stops:
            os._exit(128 + number)
        self._stops.append(number)

    def on_hang_up(self, number: int, _frame: Any) -> None:
        """Load the model again, or end because the terminal has gone."""
        if self._hangs_up and not has_terminal():
            self._stops.append(number)
        else:
            self.reloads.put(number)


@contextmanager
def heeded() -> Iterator[Signals]:
    """Heed signals until the block ends."""
    signals = Signals()
    handlers = {
        signal.SIGINT: signals.on_stop,
        signal.SIGTERM: signals.on_stop,
        signal.SIGHUP: signals.on_hang_up,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_hang_ups() -> None:
    """For a program that is about to take this process's place, and has no handler at first."""
    if not has_terminal():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
