"""The model's file, loaded again when it is asked for or when it has changed.

A thread of its own looks and loads: a slow disk does not hold the listening up. A file that is
still being written is left alone until it has stood still from one look to the next.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from edge_asc.demo.live import Live
from edge_asc.runtime.classifier import Classifier

LOOK_S = 1.0
CLOSE_S = 0.2
Stamp = tuple[int, int, int]  # inode, bytes, nanoseconds of the last change


def stamp_of(path: Path) -> Stamp | None:
    """What tells one state of a file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Follower:
    """Puts the model of a file under the live loop, from construction to `close`.

    Args:
        live: the loop.
        which: gives the file; another one is taken up like one that has changed.
        load: opens it.
        asked: each thing that is put here has the file loaded again; a signal handler may put one.
        taken: the file's stamp before the model that listens was loaded from it; None: the file is
            not looked at unless asked.
    """

    def __init__(
        self,
        live: Live,
        which: Callable[[], Path],
        load: Callable[[Path], Classifier],
        asked: SimpleQueue[Any],
        taken: Stamp | None = None,
    ) -> None:
        self._live, self._which, self._load = live, which, load
        self._asked, self._taken = asked, taken
        self._looks = taken is not None
        self._seen = taken  # at the last look
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="model file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing = True
        self._asked.put(None)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._closing:
            try:
                self._asked.get(timeout=LOOK_S if self._looks else None)
                asked = True
            except Empty:
                asked = False
            if not self._closing and (asked or self._has_settled()):
                self._take(asked)

    def _has_settled(self) -> bool:
        """Whether the file is another than the one that was taken, and no longer changes."""
        before, self._seen = self._seen, stamp_of(self._which())
        return self._seen is not None and self._seen == before and self._seen != self._taken

    def _take(self, asked: bool) -> None:
        """Load the file and hand it over, unless it is the model that listens."""
        path = self._which()
        if self._looks:
            self._taken = stamp_of(path)  # before it is read: a later change is seen
        try:
            classifier = self._load(path)
        except (ValueError, OSError) as error:
            self._live.say(f"model: {self._live.model} goes on: {error}")
            return
        if classifier.id != self._live.model:
            with suppress(ValueError):  # a model that does not answer, which the loop tells itself
                self._live.swap(classifier)
        elif asked:
            self._live.say(f"model: {classifier.id} as before")
