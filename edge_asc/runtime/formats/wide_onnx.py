"""Weights of four bits in an .onnx file as int8: the same numbers, for every ONNX Runtime.

Since 1.23 they unpack them by themselves when they load a file; older ones have no kernel for that.
So a file is unpacked in memory before the runtime gets it; on disk it keeps its bytes.
"""

from collections.abc import Callable, Iterator
from math import prod

from edge_asc.runtime.formats.four_bits import unpacked
from edge_asc.runtime.formats.protobuf import field, fields, messages, spans

GRAPH = 7  # field numbers of ModelProto,
INITIALIZER = 5  # GraphProto,
DIMS, DATA_TYPE, RAW_DATA = 1, 2, 9  # and TensorProto
INT8, INT4 = 3, 22


def wide_onnx(data: bytes) -> bytes:
    """The file with its weights of four bits as int8.

    Any other file, a damaged one too, comes back as it is.
    """
    try:
        tensors = (t for graph in messages(data, GRAPH) for t in messages(graph, INITIALIZER))
        return _changed(data, GRAPH, _wide_graph) if any(map(_is_narrow, tensors)) else data
    except ValueError:  # ProtoError is one
        return data


def _wide_graph(graph: memoryview) -> bytes:
    return _changed(graph, INITIALIZER, lambda t: _wide(t) if _is_narrow(t) else bytes(t))


def _changed(
    message: bytes | memoryview, number: int, change: Callable[[memoryview], bytes]
) -> bytes:
    """A message with other contents in the fields of one number."""
    return b"".join(
        field(number, change(value)) if found == number and isinstance(value, memoryview) else span
        for found, value, span in spans(message)
    )


def _is_narrow(tensor: memoryview) -> bool:
    return (DATA_TYPE, INT4) in fields(tensor)


def _wide(tensor: memoryview) -> bytes:
    count = prod(_dims(tensor))
    return b"".join(_wide_fields(tensor, count))


def _dims(tensor: memoryview) -> Iterator[int]:
    for number, value in fields(tensor):
        if number == DIMS and isinstance(value, int):
            yield value


def _wide_fields(tensor: memoryview, count: int) -> Iterator[bytes | memoryview]:
    for number, value, span in spans(tensor):
        if number == RAW_DATA and isinstance(value, memoryview):
            yield field(RAW_DATA, unpacked(value, count).tobytes())
        elif number == DATA_TYPE:
            yield bytes([DATA_TYPE << 3, INT8])
        else:
            yield span
