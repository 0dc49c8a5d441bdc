"""PortAudio, through sounddevice: the one place that imports it and knows how it fails.

PortAudio looks for devices once, when it is initialised, and its calls wait for ever when the sound
server hangs. So it is initialised anew before a lost microphone is looked for, and every call is
made in a thread that can be left behind.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, redirect_stderr, suppress
from functools import cache
from typing import Any, Generic, TypeVar

from edge_asc.demo.sources.source import CaptureHung
from edge_asc.install import add_extra, add_package

T = TypeVar("T")
_STDERR = 2
_PRIVATE = ("_initialize", "_terminate", "_exit_handler")  # there is no public way; since 0.4.6


class NoMicrophone(OSError):
    """There is nothing to record from, and only a person can change that; one line says how."""


def sounddevice() -> Any:
    """The module; its first import initialises PortAudio.

    Raises:
        NoMicrophone: it or the library is missing, or it is one that this file does not know.
        OSError: PortAudio does not start.
    """
    try:
        import sounddevice as module
    except ImportError as error:
        raise NoMicrophone(
            f"a microphone needs sounddevice: {add_extra('live')} ({error})"
        ) from error
    except OSError as error:
        raise NoMicrophone(
            f"a microphone needs PortAudio: sudo apt install libportaudio2 ({error})"
        ) from error
    except Exception as error:  # PortAudioError, which has no name before the import has worked
        raise OSError(f"PortAudio does not start: {error}") from error
    if missing := [name for name in _PRIVATE if not hasattr(module, name)]:
        raise NoMicrophone(
            f"sounddevice {module.__version__} has no {', '.join(missing)}, and a lost microphone "
            f"could not be opened again: {add_package('sounddevice==0.5.6')}"
        )
    return module


def reinitialise() -> None:
    """Let PortAudio look for devices again. All streams must be closed before.

    Raises:
        OSError: as for `sounddevice`.
    """
    module = sounddevice()
    with suppress(module.PortAudioError):  # it is not initialised when the last try failed
        module._terminate()
    with errors_of("PortAudio does not start"):
        module._initialize()


@contextmanager
def errors_of(what: str) -> Iterator[None]:
    """Turn PortAudio's errors into OSError, one line that begins with `what`."""
    module = sounddevice()
    try:
        yield
    except (module.PortAudioError, ValueError) as error:  # ValueError: no device of that kind
        raise OSError(f"{what}: {' '.join(str(error).split())}") from error


@contextmanager
def own_stderr(*, hide_libraries: bool = False) -> Iterator[None]:
    """Give Python's stderr a descriptor of its own, apart from that of the C libraries.

    sounddevice points descriptor 2 at nothing for as long as it initialises PortAudio, and what
    another thread says in that moment is lost.

    Args:
        hide_libraries: throw away what ALSA and PortAudio print, which would spoil a full-screen
            view; what matters of it is in errors and notices.
    """
    stderr = sys.__stderr__
    if stderr is None or sys.stderr is not stderr or stderr.fileno() != _STDERR:
        yield  # whoever redirected it has a descriptor of their own
        return
    with os.fdopen(os.dup(_STDERR), "w", buffering=1, errors="backslashreplace") as own:
        if hide_libraries:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)
        try:
            with redirect_stderr(own):
                yield
        finally:
            os.dup2(own.fileno(), _STDERR)


class GuardedCall(Generic[T]):
    """A call in a thread of its own, because it may never return.

    It hangs when it takes longer than `limit_s`; `what` it is, is said then.
    """

    def __init__(self, call: Callable[[], T], limit_s: float, what: str) -> None:
        self._what, self._limit_s = what, limit_s
        self._begin_s = time.monotonic()
        self._future: Future[T] = Future()
        _stderr_copy()
        threading.Thread(target=self._run, args=(call,), name="portaudio", daemon=True).start()

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._future.set_result(call())
        except BaseException as error:  # raised where the result is asked for
            self._future.set_exception(error)

    def returned(self) -> bool:
        """Whether it has.

        Raises:
            CaptureHung: it has not, and its limit is over.
        """
        if not self._future.done() and time.monotonic() - self._begin_s > self._limit_s:
            raise self._hung()
        return self._future.done()

    def result(self, timeout_s: float | None = None) -> T:
        """What the call returned or raised; waits for it, as a rule as long as its limit.

        Raises:
            CaptureHung: it has not returned by then.
        """
        wait([self._future], self._limit_s if timeout_s is None else timeout_s)
        if not self._future.done():
            raise self._hung()
        return self._future.result()

    def _hung(self) -> CaptureHung:
        _leave_behind()
        age_s = time.monotonic() - self._begin_s
        return CaptureHung(f"the sound system hangs: {self._what} takes longer than {age_s:.1f} s")


def _leave_behind() -> None:
    """Make the process whole without PortAudio: it can print, and end.

    Descriptor 2 points at nothing when it is the initialisation that hangs, and at exit
    sounddevice would wait for PortAudio.
    """
    copy = _stderr_copy()
    if copy is not None:
        os.dup2(copy, _STDERR)
    module = sys.modules.get("sounddevice")
    if module is not None and hasattr(module, "_exit_handler"):
        atexit.unregister(module._exit_handler)


@cache
def _stderr_copy() -> int | None:
    """A copy of descriptor 2, from before the first call; None where it is closed."""
    with suppress(OSError):
        return os.dup(_STDERR)
    return None
