"""Compact flatbuffers: equal vectors, strings and tables are written once and shared.

The shared parts are what keeps a model file's overhead low: hundreds of tensors have a dozen
shapes between them, and every op of a kind has the same options.
"""

from collections.abc import Hashable, Sequence
from typing import NewType

import flatbuffers
from flatbuffers import number_types

Offset = NewType("Offset", int)

# How a table's field is stored: (slot, kind, value); zero, False and None are left out.
Field = tuple[int, str, int | float | bool | None]

BLOB_ALIGNMENT = 16  # bytes
NUMBERS = {
    "i8": number_types.Int8Flags,
    "u8": number_types.Uint8Flags,
    "i32": number_types.Int32Flags,
    "u32": number_types.Uint32Flags,
    "i64": number_types.Int64Flags,
    "f32": number_types.Float32Flags,
    "bool": number_types.BoolFlags,
}


class SharingBuilder:
    """Bottom-up writer: children first, each method returns where its thing lies."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1 << 16)
        self.known: dict[Hashable, Offset] = {}

    def string(self, text: str) -> Offset:
        """A UTF-8 string."""
        key = ("string", text)
        if key not in self.known:
            self.known[key] = Offset(self.builder.CreateString(text))
        return self.known[key]

    def numbers(self, kind: str, values: Sequence[int | float]) -> Offset:
        """A vector of numbers."""
        key = ("numbers", kind, tuple(values))
        if key not in self.known:
            flags = NUMBERS[kind]
            self.builder.StartVector(flags.bytewidth, len(values), flags.bytewidth)
            for value in reversed(values):
                self.builder.Prepend(flags, value)
            self.known[key] = Offset(self.builder.EndVector())
        return self.known[key]

    def blob(self, data: bytes) -> Offset:
        """A vector of bytes at an aligned place (kernels read weights from it directly)."""
        self.builder.StartVector(1, len(data), BLOB_ALIGNMENT)
        head = self.builder.head - len(data)
        self.builder.Bytes[head : self.builder.head] = data
        self.builder.head = head
        return Offset(self.builder.EndVector())

    def tables(self, offsets: Sequence[Offset]) -> Offset:
        """A vector of tables."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return Offset(self.builder.EndVector())

    def table(self, *fields: Field) -> Offset:
        """A table; kind `ref` is the offset of a string, vector or table."""
        kept = tuple(f for f in fields if f[2] is not None and f[2] is not False and f[2] != 0)
        key = ("table", kept)
        if key in self.known:
            return self.known[key]
        self.builder.StartObject(1 + max((slot for slot, _, _ in kept), default=0))
        for slot, kind, value in kept:
            if kind == "ref":
                self.builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                self.builder.PrependSlot(NUMBERS[kind], slot, value, 0)
        self.known[key] = Offset(self.builder.EndObject())
        return self.known[key]

    def finish(self, root: Offset, identifier: bytes) -> bytes:
        """The file's bytes."""
        self.builder.Finish(root, identifier)
        return bytes(self.builder.Output())
