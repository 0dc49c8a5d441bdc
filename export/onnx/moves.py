"""Ops that move numbers and compute none: they run on integers as they do on floats."""

import numpy as np

from edge_asc.export.onnx.writer import Writer
from edge_asc.graph.graph import Node, piece_of, turn_of


def flatten(writer: Writer, node: Node) -> None:
    """All numbers of a clip as channels of one place; a linear layer behind it may do that."""
    if is_seen_as_map(writer, node):
        same_tensor(writer, node)
    else:
        shape = writer.constant(np.array([0, -1, 1, 1], np.int64))
        (writer.names[node.output],) = writer.node("Reshape", [writer.names[node.inputs[0]], shape])


def is_seen_as_map(writer: Writer, flatten: Node) -> bool:
    """Whether a map stays one behind a flatten: read by linear layers alone, or of one place."""
    readers = writer.graph.consumers(flatten.output)
    of_one_place = writer.shapes[flatten.inputs[0]][1:] == (1, 1)
    return of_one_place or all(reader.op == "linear" for reader in readers)


def same_tensor(writer: Writer, node: Node) -> None:
    """Vectors are stored as maps `[N, C, 1, 1]`."""
    writer.names[node.output] = writer.names[node.inputs[0]]


def take(writer: Writer, node: Node) -> None:
    """Entries of an axis, by their numbers."""
    axis, indices = node.attributes["axis"] + 1, node.attributes["indices"]
    source = writer.names[node.inputs[0]]
    first, last = indices[0], indices[-1]
    if indices == tuple(range(first, last + 1)):
        _slice(writer, node, first, last + 1, axis)
    else:
        chosen = writer.constant(np.array(indices, np.int64))
        (writer.names[node.output],) = writer.node("Gather", [source, chosen], axis=axis)


def _slice(writer: Writer, node: Node, begin: int, end: int, axis: int) -> None:
    ends = [writer.constant(np.array([n], np.int64)) for n in (begin, end, axis)]
    (writer.names[node.output],) = writer.node("Slice", [writer.names[node.inputs[0]], *ends])


def cut(writer: Writer, node: Node) -> None:
    """A piece of an axis."""
    piece = piece_of(node)
    end = np.iinfo(np.int64).max if piece.stop is None else piece.stop
    _slice(writer, node, piece.start, end, node.attributes["axis"] + 1)


def regroup(writer: Writer, node: Node) -> None:
    """Channels and mels, one behind the other, in parts of another size."""
    channels, mels, _ = writer.shapes[node.output]
    shape = writer.constant(np.array([0, channels, mels, -1], np.int64))
    writer.emit_stored("Reshape", node, shape)


def pad(writer: Writer, node: Node) -> None:
    """Zeros around a map."""
    around = [(0, 0), *node.attributes["widths"]]
    widths = np.array([[before for before, _ in around], [after for _, after in around]], np.int64)
    zero = np.array(0, np.float32)
    if writer.graph.is_quantised:
        zero = np.array(writer.graph.grids[node.output].zero_point + 128, np.uint8)
    inputs = [writer.names[node.inputs[0]], writer.constant(widths.reshape(-1)),
              writer.constant(zero, exact=True)]  # fmt: skip
    (writer.names[node.output],) = writer.node("Pad", inputs)


def clip(writer: Writer, node: Node) -> None:
    """The same numbers within bounds."""
    same_tensor(writer, node)
    writer.limit(node)


def transpose(writer: Writer, node: Node) -> None:
    """Axes in another order."""
    writer.emit_stored("Transpose", node, perm=[0, *(axis + 1 for axis in turn_of(node))])


def split(writer: Writer, node: Node) -> None:
    """Channels in equal parts."""
    count = {"num_outputs": len(node.outputs)} if writer.is_narrow else {}  # since opset 18
    writer.emit_stored("Split", node, axis=1, **count)
