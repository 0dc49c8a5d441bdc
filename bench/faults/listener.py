"""`edge-asc live` as a process that plays a file at its own speed, and what it says meanwhile."""

import json
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOP_S = 0.5
START_S = 60.0


class Listener:
    """Runs from construction to the end of the `with` block.

    Args:
        sound: the file.
        options: further ones of `edge-asc live`.
        files: how many it may have open; None: as many as we.
    """

    def __init__(self, sound: Path, *options: str, files: int | None = None) -> None:
        command = [sys.executable, "-m", "edge_asc", "live", "--source", str(sound), "--realtime"]
        self.process = subprocess.Popen(
            [*command, "--json", "--hop", str(HOP_S), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if files is not None:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (files, files))
        self.events: list[dict[str, Any]] = []
        self.complaints = b""
        threads = (threading.Thread(target=work, daemon=True) for work in (self._hear, self._read))
        for thread in threads:
            thread.start()

    def _hear(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.complaints += line

    def told(self, event: str) -> list[dict[str, Any]]:
        """What it has said of a kind: "decision", "notice", "health"."""
        return [found for found in list(self.events) if found["event"] == event]

    def address(self) -> tuple[str, int]:
        """Of the page, once the first decision has come."""
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self.process.poll() is None:
            texts = " ".join(notice["text"] for notice in self.told("notice"))
            if self.told("decision") and (found := re.search(r"http://([\d.]+):(\d+)", texts)):
                return found[1], int(found[2])
            time.sleep(0.05)
        raise SystemExit(f"no page: {self.complaints.decode()}")

    def lost(self) -> tuple[int, float]:
        """Decisions that did not come between the first and the last, and seconds dropped.

        It is ended, if it has not.
        """
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        ends = [decision["position_s"] for decision in self.told("decision")]
        due = round((ends[-1] - ends[0]) / HOP_S) + 1
        return due - len(ends), self.told("health")[-1]["dropped_s"]

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def write_noise(path: Path, seconds: float, rate_hz: int = 44100) -> Path:
    """Noise that is never the same, as 16-bit WAV."""
    import numpy as np
    import soundfile

    noise = 0.05 * np.random.default_rng(0).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, noise, rate_hz, "PCM_16")
    return path
