"""One sound among those that stand one after the other in a file, as a file of its own."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

_BLOCK_BYTES = 1 << 16  # searched at once


class Data(Protocol):
    """The bytes of a file, of which slices are read as they are asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...
    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """The first place of some bytes in a range; -1 where they are not."""
        ...


class FileData:
    """`Data` of an open file. A memory map would end the process where a stick was pulled out."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file, self._n_bytes = file, n_bytes

    def __len__(self) -> int:
        return self._n_bytes

    def __getitem__(self, index: slice, /) -> bytes:
        start, stop, _ = index.indices(self._n_bytes)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))

    def find(self, sub: bytes, start: int = 0, end: int | None = None, /) -> int:
        """The first place of some bytes in a range, block by block; -1 where they are not."""
        stop = self._n_bytes if end is None else min(end, self._n_bytes)
        while start < stop:
            if (at := self[start : min(start + _BLOCK_BYTES, stop)].find(sub)) >= 0:
                return start + at
            start += _BLOCK_BYTES - len(sub) + 1  # what begins in one block may end in the next
        return -1


class Damaged(ValueError):
    """Bytes that are not what their format promises; the message says what is wrong."""


@dataclass(frozen=True)
class Part:
    """Ranges of a file's bytes that make one sound, and what stands in front of them.

    Attributes:
        ranges: first byte and the one behind the last.
        head: a header that says how long the sound is, where the file's own does not.
        md5: of its samples once they are decoded, as its header has it; empty: it has none.
        crc16: LAME's checksum of the bytes in `covered`, where it left one.
        covered: ranges of the file's bytes.
    """

    ranges: tuple[tuple[int, int], ...]
    head: bytes = b""
    md5: bytes = b""
    crc16: int | None = None
    covered: tuple[tuple[int, int], ...] = ()

    def is_all_of(self, n_bytes: int) -> bool:
        """Whether it is the whole file of that size, as it is."""
        return not self.head and self.ranges == ((0, n_bytes),)


class PartFile(io.RawIOBase):
    """A part, read like a file; the file that it lies in must stay open.

    Args:
        file: where the part lies.
        part: which bytes.
    """

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._head = file, part.head
        self._starts, self._n_bytes = _starts(part.ranges, len(part.head))
        self._at = 0

    def readable(self) -> bool:
        """It can."""
        return True

    def seekable(self) -> bool:
        """It can."""
        return True

    def tell(self) -> int:
        """The next byte's number."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there; never before the first byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._n_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Fill a buffer as far as the part goes; the number of bytes."""
        wanted = memoryview(buffer).cast("B")
        done = 0
        while done < len(wanted) and (some := self._some(len(wanted) - done)):
            wanted[done : done + len(some)] = some
            done += len(some)
            self._at += len(some)
        return done

    def _some(self, n: int) -> bytes:
        """At most `n` bytes from where it stands to the end of a range."""
        if self._at < len(self._head):
            return self._head[self._at : self._at + n]
        for first, start, length in self._starts:
            if first <= self._at < first + length:
                offset = self._at - first
                self._file.seek(start + offset)
                return self._file.read(min(n, length - offset))
        return b""


def _starts(
    ranges: Sequence[tuple[int, int]], first: int
) -> tuple[list[tuple[int, int, int]], int]:
    """(byte of the part, byte of the file, length) of each range, and the length of them all."""
    found = []
    for start, end in ranges:
        found.append((first, start, end - start))
        first += end - start
    return found, first


def after_id3(data: Data, at: int = 0) -> int:
    """The byte behind the ID3v2 tags that begin at one."""
    while (head := data[at : at + 10])[:3] == b"ID3" and len(head) == 10:
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    return at


def before_id3v1(data: Data, end: int) -> int:
    """The byte at which an ID3v1 tag begins that ends at `end`; else `end`."""
    return end - 128 if data[max(0, end - 128) : end][:3] == b"TAG" else end
