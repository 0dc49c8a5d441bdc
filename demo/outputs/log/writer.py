"""Writes lines from a thread of its own: a full disk or a slow card never holds up who has them.

A line is handed to the operating system at once, so it survives the end of this process. `fsync`
follows at most every `SYNC_S`, so a power cut costs the lines of that time at most.
"""

import errno
import queue
import threading
import time
from collections import deque

from edge_asc.demo.outputs.log.file import LogFile

SYNC_S = 10.0
QUEUE_LINES = 1000  # that wait for the disk; further ones are lost
CLOSE_S = 0.25
# What a disk says that is full, broken or was made read-only because of that.
OF_DISKS = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENXIO})


class LogWriter:
    """Appends lines to a file, in the order they were put.

    A disk that takes nothing at the start is no other than one that does so later: lines are lost
    until it does.

    Raises:
        OSError: the file cannot be opened, and waiting would not help.
    """

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._notices: deque[str] = deque(maxlen=16)
        self.n_lost = 0  # lines
        self._failing = False
        self._synced_s = time.monotonic()
        self._dirty = False  # whether something waits for fsync
        try:
            file.open()
        except OSError as error:
            if error.errno not in OF_DISKS:
                raise
            self._fail(error.strerror or str(error), n_lines=0)
        self._thread = threading.Thread(target=self._run, name="decision log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Have a line written; never waits."""
        if self._queue.qsize() < QUEUE_LINES:
            self._queue.put(line)
        else:
            self._fail("the disk does not answer")

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
                line = self._queue.get(timeout=self._until_sync())
            except queue.Empty:
                self._sync()
                continue
            if line is None:
                break
            self._append(line)
            if self._until_sync() == 0:
                self._sync()
        self._sync()
        self._file.close()

    def _until_sync(self) -> float | None:
        """Seconds; None when nothing waits for it."""
        return max(0.0, self._synced_s + SYNC_S - time.monotonic()) if self._dirty else None

    def _append(self, line: bytes) -> None:
        try:
            self._file.append(line)
            self._dirty = True
        except OSError as error:
            self._file.close()  # opened anew for the next line, without what was torn
            self._dirty = False  # a sync of nothing is no sign that the disk is well again
            self._fail(error.strerror or str(error))

    def _sync(self) -> None:
        if not self._dirty:
            return
        self._dirty, self._synced_s = False, time.monotonic()
        try:
            self._file.sync()
        except OSError as error:
            self._fail(error.strerror or str(error), n_lines=0)
        else:
            self._recover()

    def _fail(self, why: str, n_lines: int = 1) -> None:
        self.n_lost += n_lines
        if not self._failing:
            self._failing = True
            self._notices.append(f"log {self._file.path}: {why.lower()}; lines are lost")

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            lost = f"lines lost so far: {self.n_lost}"
            self._notices.append(f"log {self._file.path}: is written again; {lost}")
