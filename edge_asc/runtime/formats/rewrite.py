"""Other metadata in an old file: they are replaced, the network's bytes stay as they are.

The exporter puts a TFLite file's metadata at its end, so that there is nothing to move. In a file
that has them elsewhere, their old place is left empty and counts on.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_asc.runtime.formats.flatbuffer import Flat, FlatError, Table
from edge_asc.runtime.formats.protobuf import ProtoError, field, messages, spans
from edge_asc.runtime.metadata import (
    ENTRY_KEY,
    ENTRY_VALUE,
    METADATA_KEY,
    ONNX_METADATA_PROPS,
    TFLITE_BUFFERS,
    TFLITE_METADATA,
    Format,
    Metadata,
    entries_of,
    file_format,
    metadata_of,
    metadata_to_json,
)
from edge_asc.runtime.trust.digest import seal

ALIGNMENT_BYTES = 16  # of buffers, by the TFLite format


def with_metadata(data: bytes, metadata: Metadata, name: str = "model") -> bytes:
    """The bytes of a model file with other metadata.

    Raises:
        ValueError: no model file, a damaged one, or one without metadata.
    """
    if METADATA_KEY not in entries_of(data, name):
        raise ValueError(f"{name}: not made by edge-asc (no {METADATA_KEY!r} in its metadata)")
    try:
        return seal(WRITERS[file_format(data, name)](data, metadata_to_json(metadata)))
    except (FlatError, ProtoError) as error:
        raise ValueError(f"{name}: damaged model file: {error}") from None


def _in_tflite(data: bytes, content: bytes) -> bytes:
    field = _buffer_of_metadata(data)
    vector = Flat(data).follow(field)
    length = Flat(data).integer("I", vector)
    end = vector + 4 + length
    changed = bytearray(data)
    if any(data[end:]) or len(data) - end >= ALIGNMENT_BYTES:  # something lies behind it
        changed[vector + 4 : end] = bytes(length)
        changed += bytes(-(len(data) + 4) % ALIGNMENT_BYTES)
        vector = len(changed)
        struct.pack_into("<I", changed, field, vector - field)
    changed[vector:] = struct.pack("<I", len(content)) + content
    return bytes(changed + bytes(-len(changed) % ALIGNMENT_BYTES))


def _buffer_of_metadata(data: bytes) -> int:
    """Where the file says at which byte its metadata begin."""
    model = Flat(data).root()
    entries = [e for e in model.tables(TFLITE_METADATA) if e.text(0) == METADATA_KEY]
    buffers: list[Table] = model.tables(TFLITE_BUFFERS)
    place = buffers[entries[-1].integer(1, "I")].at(0)  # of two entries, readers take the last
    if place is None:
        raise FlatError("the metadata's buffer is empty")
    return place


def _in_onnx(data: bytes, content: bytes) -> bytes:
    kept = b"".join(_without_metadata(data))
    entry = field(ENTRY_KEY, METADATA_KEY.encode()) + field(ENTRY_VALUE, content)
    return kept + field(ONNX_METADATA_PROPS, entry)


def _without_metadata(data: bytes) -> Iterator[memoryview]:
    for number, value, span in spans(data):
        is_entry = number == ONNX_METADATA_PROPS and isinstance(value, memoryview)
        if is_entry and METADATA_KEY.encode() in map(bytes, messages(value, ENTRY_KEY)):  # type: ignore[arg-type]
            continue
        yield span


WRITERS: dict[Format, Callable[[bytes, bytes], bytes]] = {"tflite": _in_tflite, "onnx": _in_onnx}


def replace_metadata(path: Path, metadata: Metadata, out: Path) -> bytes:
    """The bytes of `path` with other metadata, after a check that a reader finds it."""
    data = with_metadata(path.read_bytes(), metadata, str(path))
    if metadata_of(data, str(out)) != metadata:
        raise ValueError(f"{path}: the metadata could not be replaced")
    return data
