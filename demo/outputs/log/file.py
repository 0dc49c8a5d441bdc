"""A file of whole lines: appended to, rotated by size, mended after a power cut.

Rotation renames `x.jsonl` to `x.jsonl.1`, that to `x.jsonl.2`, and so on; what would exceed the
number to keep is overwritten. The renaming is atomic, so no moment has half a file.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from edge_asc.files import is_held_elsewhere

_SCAN_BYTES = 1 << 16
ANOTHER = "another listener writes this log; give each one of its own"
_HEADER_BYTES = 1024  # no header is longer


class LogFile:
    """Appends lines; opens the file again whenever it was closed, moved away or deleted.

    While it is open, no other process can have it: the lines of two say nothing together.

    Args:
        header: what every file begins with; may be empty.
        keep: old files besides it, at least 1.
        old_headers: what files of the past begin with; one that does is rotated, not continued.
    """

    def __init__(
        self,
        path: Path,
        header: bytes,
        max_bytes: int,
        keep: int,
        old_headers: tuple[bytes, ...] = (),
    ) -> None:
        self.path = path
        self._old_headers = old_headers
        self._header, self._max_bytes, self._keep = header, max_bytes, keep
        self._fd: int | None = None
        self._was_open = False
        self._n_bytes = 0

    def append(self, line: bytes) -> None:
        """Write a line that ends in a newline, through to the operating system.

        Raises:
            OSError: nothing of the line, or a part that the next opening removes, was written.
        """
        self.open()
        if self._n_bytes + len(line) > self._max_bytes and self._n_bytes > len(self._header):
            self._rotate()
        self._write(line if self._n_bytes else self._header + line)

    def open(self) -> None:
        """Open the file unless that is done.

        Raises:
            OSError: it cannot be opened for writing, or another process has it.
        """
        if self._fd is not None and not self._in_place():
            self.close()
        if self._fd is None:
            if not self._was_open:  # later a folder that is gone is on a stick that was pulled out
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._claim(self._fd)
            self._was_open = True
            self._n_bytes = mend(self._fd)
            if os.pread(self._fd, _HEADER_BYTES, 0).startswith(self._old_headers):
                self._rotate()

    def sync(self) -> None:
        """Have what was written survive a power cut; slow on an SD card."""
        if self._fd is not None:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(OSError):  # of an earlier write; the file is closed all the same
                os.close(fd)

    def _claim(self, fd: int) -> None:
        """Take the file for this process, before anything of it is mended."""
        if is_held_elsewhere(fd):
            self.close()
            raise OSError(errno.EBUSY, ANOTHER, str(self.path))

    def _in_place(self) -> bool:
        """Whether the path still names the open file: it may lie on a stick that was pulled out."""
        assert self._fd is not None
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except OSError:
            return False

    def _write(self, line: bytes) -> None:
        assert self._fd is not None
        n_written = os.write(self._fd, line)
        self._n_bytes += n_written
        if n_written < len(line):  # the disk has filled up within the line
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _rotate(self) -> None:
        self.sync()
        self.close()
        for number in range(self._keep - 1, 0, -1):
            old = self._old(number)
            if old.exists():
                old.replace(self._old(number + 1))
        self.path.replace(self._old(1))
        self.open()

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def mend(fd: int) -> int:
    """Cut off what follows the last newline: a torn line, or NUL bytes. Gives what is left."""
    end = os.lseek(fd, 0, os.SEEK_END)
    while end:
        begin = max(0, end - _SCAN_BYTES)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        end = begin + newline + 1
        if newline >= 0:
            break
    if os.fstat(fd).st_size > end:
        os.ftruncate(fd, end)
    return end
