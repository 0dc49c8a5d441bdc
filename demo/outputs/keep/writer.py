"""Writes clips from a thread of its own: a slow card, a full or a missing one holds nobody up."""

import queue
import threading
from collections import deque

import numpy as np

from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.sound import encoded
from edge_asc.demo.outputs.keep.store import Full, Limits, Store

QUEUE_CLIPS = 16  # that wait for the disk; further ones are lost
EXPIRE_S = 60.0  # how often it is looked for clips that are too old
CLOSE_S = 0.25
_FULL = "clips with labels fill it; no further ones are kept"

Item = tuple[Kept, np.ndarray, int]


class ClipWriter:
    """Adds clips to a store, in the order they were put; samples are `[n]`, int16."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store, self._limits = store, limits
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._notices: deque[str] = deque(maxlen=16)
        self.n_lost = 0  # clips
        self._problem: str | None = None  # that was told and is not over
        self._thread = threading.Thread(target=self._run, name="kept clips", daemon=True)
        self._thread.start()

    def put(self, kept: Kept, samples: np.ndarray, rate_hz: int) -> None:
        """Have a clip written; never waits."""
        if self._queue.qsize() < QUEUE_CLIPS:
            self._queue.put((kept, samples, rate_hz))
        else:
            self._fail("the disk is too slow; clips are lost")

    def notices(self) -> list[str]:
        """What a person should know and was not told yet."""
        return [self._notices.popleft() for _ in range(len(self._notices))]

    def close(self) -> None:
        """Write out what waits; a disk that hangs is not waited for."""
        self._queue.put(None)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=EXPIRE_S)
            except queue.Empty:
                self._expire()
                continue
            if item is None:
                return
            self._add(*item)

    def _add(self, kept: Kept, samples: np.ndarray, rate_hz: int) -> None:
        try:
            self._store.add(kept, encoded(samples, rate_hz), self._limits)
        except Full:
            self._fail(_FULL)
        except OSError as error:
            self._fail(f"{(error.strerror or str(error)).lower()}; clips are lost")
        else:
            self._recover()

    def _expire(self) -> None:
        try:
            self._store.expire(self._limits)
        except OSError as error:
            self._fail((error.strerror or str(error)).lower(), n_clips=0)

    def _fail(self, why: str, n_clips: int = 1) -> None:
        self.n_lost += n_clips
        if self._problem is None:
            self._problem = why
            self._notices.append(f"{self._store.folder}: {why}")

    def _recover(self) -> None:
        if self._problem is not None:
            self._problem = None
            lost = f"clips lost so far: {self.n_lost}"
            self._notices.append(f"{self._store.folder}: clips are kept again; {lost}")
