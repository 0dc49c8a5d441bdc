"""Weights of four bits in a .tflite file as int8: the same numbers, by LiteRT's fast kernels.

XNNPACK takes no convolution with such weights, and LiteRT's other kernels unpack them in every run,
which made them four times slower. So a file is unpacked once, in memory, before the interpreter
gets it; on disk it keeps its bytes.
"""

import struct
from dataclasses import dataclass, field
from math import prod

from edge_asc.runtime.formats.flatbuffer import Flat, FlatError, Table
from edge_asc.runtime.formats.four_bits import unpacked

# schema.fbs: slots of Model, SubGraph, Tensor, Buffer; TensorType
SUBGRAPHS, BUFFERS, TENSORS = 2, 4, 0
SHAPE, TYPE, BUFFER = 0, 1, 2
DATA = 0
INT8, INT4 = 9, 17
ALIGNMENT_BYTES = 16  # of buffers, by the TFLite format


def wide_tflite(data: bytes) -> bytes:
    """The file with its weights of four bits as int8, behind all that was there.

    A file without such weights, a damaged one, or one that uses their bytes for something else as
    well, comes back as it is.
    """
    try:
        places = _places(data)
        wide = {place: unpacked(found.data, found.count) for place, found in places.items()}
    except ValueError:  # FlatError is one
        return data
    changed = bytearray(data)
    for place, found in places.items():
        changed += bytes(-(len(changed) + 4) % ALIGNMENT_BYTES)
        struct.pack_into("<I", changed, place, len(changed) - place)
        changed += struct.pack("<I", found.count) + wide[place].tobytes()
        for at in found.types:
            changed[at] = INT8
    return bytes(changed)


@dataclass
class _Place:
    """Weights of four bits that a buffer holds.

    Attributes:
        data: their bytes.
        count: of the numbers.
        types: where the file says what they are, tensor by tensor.
    """

    data: memoryview
    count: int
    types: list[int] = field(default_factory=list)


def _places(data: bytes) -> dict[int, _Place]:
    """By the byte where a buffer says where its data lie."""
    model = Flat(data).root()
    tensors = [tensor for graph in model.tables(SUBGRAPHS) for tensor in graph.tables(TENSORS)]
    narrow = [tensor for tensor in tensors if _is_narrow(tensor)]
    if not narrow:
        return {}
    buffers = model.tables(BUFFERS)
    found: dict[int, _Place] = {}
    for tensor in narrow:
        buffer, type_at = _buffer_of(tensor, buffers), tensor.at(TYPE)
        place, stored = buffer.at(DATA), buffer.raw(DATA)
        if place is None or stored is None or type_at is None:
            raise FlatError("a tensor of four bits without data")
        known = found.setdefault(place, _Place(stored, prod(tensor.integers(SHAPE))))
        known.types.append(type_at)
        if known.count != prod(tensor.integers(SHAPE)):
            raise FlatError("two tensors of four bits share bytes")
    wide = (_buffer_of(tensor, buffers).at(DATA) for tensor in tensors if not _is_narrow(tensor))
    if found.keys() & set(wide):
        raise FlatError("bytes of four-bit weights serve something else")
    return found


def _is_narrow(tensor: Table) -> bool:
    return tensor.integer(TYPE, "b") == INT4


def _buffer_of(tensor: Table, buffers: list[Table]) -> Table:
    index = tensor.integer(BUFFER, "I")
    if index >= len(buffers):
        raise FlatError(f"a tensor in buffer {index} of {len(buffers)}")
    return buffers[index]
