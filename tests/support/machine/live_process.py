"""`edge-asc live` as a process of its own, that hears generated sound for as long as it runs."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from bells import PITCH_HZ, RATE_HZ
from waiting import until
from web_feed import TOKEN

BLOCK_S = 0.1


class LiveProcess:
    """Listens with a page at a free port behind `TOKEN`, from construction to `end` or `kill`.

    Its time is that of the sound: a busy machine slows both down, and none is lost.
    """

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "edge_asc", "live", "--source", "-", "--raw"]
        self.process = subprocess.Popen(
            [*command, f"{RATE_HZ}:1:s16", "--realtime", "--json", "--web", "0", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "EDGE_ASC_WEB_TOKEN": TOKEN},
        )
        self.events: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._play, self._hear, self._complain)
        ]
        for thread in self._threads:
            thread.start()

    def _play(self) -> None:
        """Bells and hums in turn, each for three seconds, in a little noise."""
        rng, n = np.random.default_rng(0), int(BLOCK_S * RATE_HZ)
        assert self.process.stdin
        with suppress(OSError, ValueError):  # it has ended
            for block in range(10**9):
                pitch_hz = PITCH_HZ["bell" if int(block * BLOCK_S / 3) % 2 else "hum"]
                time_s = (block * n + np.arange(n)) / RATE_HZ
                sound = 0.3 * np.sin(2 * np.pi * pitch_hz * time_s)
                sound += 0.01 * rng.standard_normal(n)
                self.process.stdin.write(np.rint(32767 * sound).astype("<i2").tobytes())
                self.process.stdin.flush()
                time.sleep(BLOCK_S)

    def _hear(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _complain(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.complaints.append(line.decode())

    def told(self, event: str) -> list[dict[str, Any]]:
        """What it has said of a kind: "decision", "notice", "health"."""
        return [found for found in list(self.events) if found["event"] == event]

    @property
    def notices(self) -> list[str]:
        """Their texts."""
        return [notice["text"] for notice in self.told("notice")]

    @property
    def says(self) -> str:
        """The model of the newest decision; waits for the first one."""
        self._until(lambda: self.told("decision"))
        return str(self.told("decision")[-1]["model"])

    @property
    def url(self) -> str:
        """Of the page; waits for it."""
        found = self._until(lambda: re.search(r"http://[\w.:]+", " ".join(self.notices)))
        return found[0].rstrip("/")

    def _until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something, as long as it runs."""

        def reached() -> Any:
            found = condition()
            assert found or self.process.poll() is None, "".join(self.complaints)
            return found

        return until(reached)

    def ask(self, path: str, **what: Any) -> dict[str, Any]:
        """What the server answers, as JSON; `what` is sent."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        body = json.dumps(what) if what else None
        connection.request("POST" if what else "GET", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == 200, text
        return dict(json.loads(text))

    def end(self) -> None:
        """Stop it as a person would."""
        self.process.terminate()
        self._wait()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self._wait()

    def _wait(self) -> None:
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def __enter__(self) -> "LiveProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def gaps(decisions: list[dict[str, Any]]) -> set[float]:
    """Seconds from each decision to the next one."""
    ends = [decision["position_s"] for decision in decisions]
    return {round(b - a, 6) for a, b in pairwise(ends)}


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    text = " ".join((task / "children").read_text() for task in tasks)
    return [int(word) for word in text.split()]
