"""One writer at a time, also among processes: a lock on a file that is there as long as the folder.

The system lets go of it when a process ends, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 10.0  # others hold it for a clip's writing, which a slow card may draw out
_STEP_S = 0.01


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file that exists.

    Raises:
        OSError: there is no such file, or somebody else holds on to it.
    """
    fd = os.open(path, os.O_RDONLY)  # who may only read can hold it, too
    try:
        _wait(fd, path)
        yield
    finally:
        os.close(fd)  # and lets go


def _wait(fd: int, path: Path) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise OSError(f"{path.parent}: another process does not let go of it") from None
            time.sleep(_STEP_S)
