"""int8 weights of an .onnx file as uint8: the same numbers, multiplied right on every processor.

On x86 processors without VNNI, ONNX Runtime multiplies uint8 activations by int8 weights two at a
time and adds the two in 16 bits, which saturates: 255 · 127 + 255 · 127 becomes 32,767. By uint8
weights it multiplies in 32 bits. So weights are stored with 128 added, and their zero points too.
Older files of this package hold them as int8; they are read as if they did not.
"""

from collections import Counter

import numpy as np

from edge_asc.runtime.formats.protobuf import ProtoError, Value, fields, messages, spans

GRAPH = 7  # field numbers of ModelProto,
NODE, INITIALIZER = 1, 5  # GraphProto,
INPUT, OP_TYPE = 1, 4  # NodeProto
DATA_TYPE, NAME, RAW_DATA = 2, 8, 9  # and TensorProto
UINT8, INT8 = 2, 3
X_ZERO_POINT, WEIGHT, WEIGHT_ZERO_POINT = 2, 3, 5  # inputs of QLinearConv


def unsigned_weights(data: bytes) -> bytes:
    """The file with its convolutions' weights as uint8, where they are int8 beside uint8 inputs.

    Any other file, a damaged one too, comes back as it is. The length stays.
    """
    content = bytearray(data)
    try:
        for graph in messages(memoryview(content), GRAPH):
            tensors = {_name(tensor): tensor for tensor in messages(graph, INITIALIZER)}
            for name in _signed(graph, tensors):
                _move(tensors[name])
    except ProtoError:
        return data
    return bytes(content)


def has_signed_weights(data: bytes) -> bool:
    """Whether a program that reads the file as it is computes wrong sums on older processors."""
    return unsigned_weights(data) != data


def _signed(graph: memoryview, tensors: dict[bytes, memoryview]) -> set[bytes]:
    """Names of the int8 tensors to move: all of them, or none where one serves something else."""
    convolutions, uses = [], Counter[bytes]()
    for node in messages(graph, NODE):
        inputs = [bytes(name) for name in messages(node, INPUT)]
        uses.update(inputs)
        if [bytes(op) for op in messages(node, OP_TYPE)] == [b"QLinearConv"]:
            convolutions.append(inputs)
    types = {name: _field(tensor, DATA_TYPE) for name, tensor in tensors.items()}
    moved = Counter(
        name
        for inputs in convolutions
        if len(inputs) > WEIGHT_ZERO_POINT and types.get(inputs[X_ZERO_POINT]) == UINT8
        if types.get(inputs[WEIGHT]) == INT8  # weights of four bits are none, and saturate nothing
        for name in (inputs[WEIGHT], inputs[WEIGHT_ZERO_POINT])
        if types.get(name) == INT8
    )
    ours = all(uses[name] == count and _raw(tensors[name]) for name, count in moved.items())
    return set(moved) if ours else set()


def _move(tensor: memoryview) -> None:
    """Add 128 in place, and say uint8."""
    for number, value, field in spans(tensor):
        if number == RAW_DATA and isinstance(value, memoryview):
            numbers = np.frombuffer(value, np.uint8)
            numbers ^= 128
        elif number == DATA_TYPE:
            field[-1] = UINT8


def _field(tensor: memoryview, number: int) -> Value | None:
    """The value of a field that is there once."""
    found = [value for n, value in fields(tensor) if n == number]
    return found[0] if len(found) == 1 else None


def _name(tensor: memoryview) -> bytes:
    name = _field(tensor, NAME)
    return bytes(name) if isinstance(name, memoryview) else b""


def _raw(tensor: memoryview) -> bool:
    """Whether the numbers lie there as bytes, and the type is one byte that can be changed."""
    types = [field for number, _, field in spans(tensor) if number == DATA_TYPE]
    return isinstance(_field(tensor, RAW_DATA), memoryview) and [len(t) for t in types] == [2]
