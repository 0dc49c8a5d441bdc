"""Reading flatbuffers with the standard library, from files nobody vouches for.

A flatbuffer is tables that point at each other. `Table` gives the fields of one by their slot (the
position in the schema). Every access is checked against the length of the file, and everything
read is counted against an allowance of a few times that length: a damaged file whose tables all
point at one long vector ends in a `ValueError`, not in hours of work.
"""

import struct
from dataclasses import dataclass

MAX_NAME_BYTES = 65_536
MAX_NUMBERS = 4_000_000  # a network of ten thousand tensors takes a few hundred thousand


class FlatError(ValueError):
    """The bytes are no flatbuffer; the message is one line without the file's name."""


@dataclass
class Allowance:
    """Numbers that may still be read; shared tables and vectors count each time."""

    left: int

    def spend(self, count: int) -> None:
        """Take `count` numbers off, or raise when the file reads itself over and over."""
        self.left -= count
        if self.left < 0:
            raise FlatError("vectors overlap: more is read than the file can hold")


class Flat:
    """The bytes of one flatbuffer."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data).toreadonly()
        # Writers share equal vectors and tables, so an honest file may be read several times over.
        self.allowance = Allowance(min(16 * len(data) + 4096, MAX_NUMBERS))

    def number(self, code: str, position: int) -> int | float:
        """One little-endian number of a struct code at a byte position."""
        self.allowance.spend(1)
        self.check(position, struct.calcsize("<" + code))
        return struct.unpack_from("<" + code, self.data, position)[0]

    def integer(self, code: str, position: int) -> int:
        """One integer at a byte position."""
        return int(self.number(code, position))

    def check(self, position: int, size: int) -> None:
        """Raise unless `size` bytes at `position` lie inside the file."""
        if position < 0 or size < 0 or position + size > len(self.data):
            raise FlatError(f"byte {position} lies outside the {len(self.data)} bytes of the file")

    def follow(self, position: int) -> int:
        """Where the offset stored at a position points."""
        return position + self.integer("I", position)

    def root(self) -> "Table":
        """The table that holds all others."""
        return Table(self, self.follow(0))


class Table:
    """One table. Absent fields give the default, `None`, or an empty vector."""

    def __init__(self, flat: Flat, position: int) -> None:
        self.flat = flat
        self.position = position
        self.vtable = position - flat.integer("i", position)
        self.vtable_bytes = flat.integer("H", self.vtable)
        if self.vtable_bytes < 4:  # its own length and the table's
            raise FlatError(f"no table at byte {position}")
        flat.check(self.vtable, self.vtable_bytes)

    def at(self, slot: int) -> int | None:
        """Byte position of a field; None where the table leaves it out."""
        entry = 4 + 2 * slot
        if entry + 2 > self.vtable_bytes:
            return None
        offset = self.flat.integer("H", self.vtable + entry)
        return self.position + offset if offset else None

    def integer(self, slot: int, code: str, default: int = 0) -> int:
        """An integer field of a struct code (`b` int8, `B` uint8, `i` int32, `I` uint32, …)."""
        at = self.at(slot)
        return default if at is None else self.flat.integer(code, at)

    def integers(self, slot: int, code: str = "i") -> tuple[int, ...]:
        """A vector of integers."""
        return tuple(int(value) for value in self._numbers(slot, code))

    def floats(self, slot: int) -> tuple[float, ...]:
        """A vector of float32."""
        return tuple(float(value) for value in self._numbers(slot, "f"))

    def raw(self, slot: int) -> memoryview | None:
        """A vector of bytes, not copied; None where the table leaves it out."""
        start, count = self._vector(slot, 1)
        return None if start is None else self.flat.data[start : start + count]

    def text(self, slot: int) -> str:
        """A string; bytes that are no UTF-8 become replacement characters."""
        raw = self.raw(slot)
        if raw is None:
            return ""
        if len(raw) > MAX_NAME_BYTES:
            raise FlatError(f"a name of {len(raw)} bytes (at most {MAX_NAME_BYTES})")
        self.flat.allowance.spend(len(raw) // 16)
        return bytes(raw).decode("utf-8", "replace")

    def table(self, slot: int) -> "Table | None":
        """A table this one points at."""
        at = self.at(slot)
        return None if at is None else Table(self.flat, self.flat.follow(at))

    def tables(self, slot: int) -> list["Table"]:
        """A vector of tables."""
        start, count = self._vector(slot, 4)
        if start is None:
            return []
        self.flat.allowance.spend(4 * count)
        return [Table(self.flat, self.flat.follow(start + 4 * i)) for i in range(count)]

    def _vector(self, slot: int, width: int) -> tuple[int | None, int]:
        """Start and length of a vector whose elements are `width` bytes."""
        at = self.at(slot)
        if at is None:
            return None, 0
        vector = self.flat.follow(at)
        count = self.flat.integer("I", vector)
        self.flat.check(vector + 4, count * width)
        return vector + 4, count

    def _numbers(self, slot: int, code: str) -> tuple[int | float, ...]:
        start, count = self._vector(slot, struct.calcsize("<" + code))
        if start is None:
            return ()
        self.flat.allowance.spend(count)
        return struct.unpack_from(f"<{count}{code}", self.flat.data, start)
