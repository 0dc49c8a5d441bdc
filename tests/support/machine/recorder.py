"""A process that records from a `Microphone` and tells, line by line, what happens to it.

Run as a program it reads from PulseAudio until its stdin ends, then closes the microphone and
writes what it recorded to a file. Times are of the monotonic clock, which all processes share.
"""

import json
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from waiting import PATIENCE_S

Event = dict[str, Any]


class Recorder:
    """The process, from outside.

    Args:
        env: its environment.
        folder: for what it records.
        wait: whether to wait for a microphone that is not there.
    """

    def __init__(self, env: Mapping[str, str], folder: Path, wait: bool = False) -> None:
        self._file = folder / "recorded.npz"
        self.events: list[Event] = []
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._file), *(["wait"] if wait else [])],
            env={**env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")  # it has ended

    def wait_for(self, **wanted: Any) -> Event:
        """The first event, of those not looked at yet, with these fields."""
        deadline_s = time.monotonic() + PATIENCE_S
        while event := self._next(deadline_s):
            if wanted.items() <= event.items():
                return event
        raise AssertionError(f"waited for {wanted}, saw {self.events}")

    def _next(self, deadline_s: float) -> Event:
        """The next event; an empty one when none comes in time, or no more."""
        left_s = max(0.0, deadline_s - time.monotonic())
        try:
            line = self._lines.get(timeout=left_s)
        except queue.Empty:
            line = ""
        if line:
            self.events.append(json.loads(line))
        return self.events[-1] if line else {}

    def finish(self, tell: bool = True) -> Event:
        """Tell it to end, or wait until it does; the last event, its exit code, and `took_s`."""
        begun_s = time.monotonic()
        if tell and self._process.stdin:
            self._process.stdin.close()
        exit_code = self._process.wait(PATIENCE_S)
        took_s = time.monotonic() - begun_s
        while self._next(begun_s + PATIENCE_S):
            pass
        return {**self.events[-1], "exit": exit_code, "took_s": took_s}

    def kill(self) -> None:
        """Whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()

    def states(self) -> list[str]:
        """That it went through."""
        return [event["state"] for event in self.events if "state" in event]

    def notices(self) -> list[str]:
        """That it gave."""
        return [event["notice"] for event in self.events if "notice" in event]

    def pieces(self) -> list[np.ndarray]:
        """What it recorded, cut where blocks do not join."""
        with np.load(self._file) as saved:
            samples, cuts = saved["samples"], saved["cuts"]
        return np.split(samples, cuts)


def main(file: str, *wait: str) -> None:
    """Record until stdin ends or the microphone hangs."""
    from edge_asc.demo.sources.microphone import CaptureHung, Microphone

    blocks, cuts, n_samples, state = [], [], 0, ""
    microphone = Microphone("pulse", wait=bool(wait))
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            block = microphone.read(0.1)
            for text in microphone.notices():
                say(notice=text)
            if microphone.state != state:
                say(state=(state := microphone.state), name=microphone.name)
            if block is not None:
                if not block.joins:
                    cuts.append(n_samples)
                n_samples += len(block.samples)
                blocks.append(block.samples)
                late_s = time.monotonic() - (block.end_s or 0)
                rate_hz, n = block.rate_hz, len(block.samples)
                say(block=n, joins=block.joins, rate_hz=rate_hz, late_s=late_s)
        begun_s = time.monotonic()
        microphone.close()
        say(closed_s=time.monotonic() - begun_s, **vars(microphone.counts))
    except CaptureHung as error:
        say(hung=str(error))
    np.savez(file, samples=np.concatenate(blocks), cuts=cuts)


def say(**event: Any) -> None:
    """One line on stdout."""
    print(json.dumps({"time_s": time.monotonic(), **event}))


if __name__ == "__main__":
    main(*sys.argv[1:])
