"""Operators of a .tflite file that only move numbers, and those that keep them within bounds."""

import math
from typing import TYPE_CHECKING

import numpy as np

from edge_asc.budget.tflite.shapes import SAME, VALID
from edge_asc.graph.graph import Grid, Node, bounds_of, piece_of, turn_of
from edge_asc.graph.reading.layers import FUSED_BOUNDS
from edge_asc.graph.reading.moves import CHANNELS_FIRST, FRAMES_FIRST
from edge_asc.graph.reading.reader import FILE_AXIS

if TYPE_CHECKING:
    from edge_asc.export.tflite.writer import Writer

LOWEST = float(np.finfo(np.float32).min)


def flatten(writer: "Writer", node: Node) -> None:
    """`[1, M, F, C]` → `[1, N]`; only linear layers can read it in the file's order."""
    source, name = node.inputs[0], node.output
    read_by_linear = all(reader.op == "linear" for reader in writer.graph.consumers(name))
    of_one_place = writer.shapes[source][1:] == (1, 1)
    if of_one_place and read_by_linear and not writer.graph.is_output(name):
        writer.index[name] = writer.value(source)  # FULLY_CONNECTED flattens by itself
        return
    tensor = writer.value(source)
    if not (of_one_place or in_file_order(writer, node)):
        c, m, f = writer.shapes[source]
        turned = writer.activation((f, c, m), writer.graph.grids.get(source))  # in a file 1 C M F
        order = writer.constant(np.array(CHANNELS_FIRST, np.int32))
        writer.operator("TRANSPOSE", [tensor, order], [turned])
        tensor = turned
    _reshape(writer, tensor, node)


def in_file_order(writer: "Writer", node: Node) -> bool:
    """Whether a vector is laid out as the file flattens maps, M F C, which linear layers heed."""
    readers = writer.graph.consumers(node.output)
    return all(reader.op == "linear" for reader in readers) and not writer.graph.is_output(
        node.output
    )


def unflatten(writer: "Writer", node: Node) -> None:
    """`[1, C]` → `[1, 1, 1, C]`."""
    _reshape(writer, writer.value(node.inputs[0]), node)


def _reshape(writer: "Writer", tensor: int, node: Node) -> None:
    shape = writer.constant(np.array(writer.file_shape_of(node.output), np.int32))
    writer.operator("RESHAPE", [tensor, shape], [writer.value(node.output)])


def outputs(writer: "Writer") -> list[int]:
    """The tensors that leave the file: a value with two names lies in two, for readers of names."""
    tensors: list[int] = []
    for name, value in writer.graph.outputs.items():
        tensor = writer.value(value)
        if tensor in tensors:
            first, grid = tensor, writer.graph.grids.get(value)
            tensor = writer.activation(writer.shapes[value], grid, name)
            shape = writer.constant(np.array(writer.file_shape_of(value), np.int32))
            writer.operator("RESHAPE", [first, shape], [tensor])
        tensors.append(tensor)
    return tensors


def transpose(writer: "Writer", node: Node) -> None:
    """Axes of `[C, M, F]` in another order."""
    order = [0, 0, 0, 0]
    for axis, came_from in enumerate(turn_of(node)):
        order[FILE_AXIS[axis]] = FILE_AXIS[came_from]
    writer.emit("TRANSPOSE", node, constants=(writer.constant(np.array(order, np.int32)),))


def regroup(writer: "Writer", node: Node) -> None:
    """Channels and mels, one behind the other, in parts of another size: as `[1, F, C, M]`."""
    tensor, grid = writer.value(node.inputs[0]), writer.graph.grids.get(node.inputs[0])
    (c, m, f), (channels, mels, _) = (writer.shapes[v] for v in (node.inputs[0], node.output))
    if m > 1:
        turned = writer.activation((m, f, c), grid)  # in a file 1 F C M
        order = writer.constant(np.array(FRAMES_FIRST, np.int32))
        writer.operator("TRANSPOSE", [tensor, order], [turned])
        tensor = turned
    result = writer.value(node.output)
    if mels == 1:
        shape = writer.constant(np.array([1, 1, -1, channels], np.int32))
        writer.operator("RESHAPE", [tensor, shape], [result])
        return
    parted = writer.activation((mels, f, channels), grid)
    shape = writer.constant(np.array([1, -1, channels, mels], np.int32))
    writer.operator("RESHAPE", [tensor, shape], [parted])
    order = writer.constant(np.array(CHANNELS_FIRST, np.int32))
    writer.operator("TRANSPOSE", [parted, order], [result])


def cut(writer: "Writer", node: Node) -> None:
    """A piece along an axis, counted from either end."""
    axis, piece = FILE_AXIS[node.attributes["axis"]], piece_of(node)
    _piece(writer, node.inputs[0], node.output, axis, piece.start, piece.stop)


def take(writer: "Writer", node: Node) -> None:
    """Some numbers along an axis: a piece, or any in any order."""
    indices = node.attributes["indices"]
    shape = writer.file_shape_of(node.inputs[0])
    axis = 1 if len(shape) == 2 else FILE_AXIS[node.attributes["axis"]]
    if indices == tuple(range(indices[0], indices[0] + len(indices))):
        first, end = indices[0], indices[-1] + 1
        open_end = None if first and end == shape[axis] else end
        _piece(writer, node.inputs[0], node.output, axis, first, open_end)
    else:
        chosen = writer.constant(np.array(indices, np.int32))
        writer.emit("GATHER", node, (0, "i32", axis), constants=(chosen,))


def split(writer: "Writer", node: Node) -> None:
    """Two halves of the channels: an operator each, which official counters of sizes ask for."""
    source = node.inputs[0]
    shape = writer.file_shape_of(source)
    half = shape[-1] // 2
    for number, name in enumerate(node.outputs):
        _piece(writer, source, name, len(shape) - 1, *((half, None) if number else (0, half)))


def _piece(writer: "Writer", source: str, out: str, axis: int, begin: int, end: int | None) -> None:
    """Masks say where a piece begins or ends with its axis, so that two halves share a constant."""
    shape = writer.file_shape_of(source)
    starts, ends = begin == 0 and end != shape[axis], end is None
    whole = 2 ** len(shape) - 1
    others = whole - 2**axis
    at = (end if starts else begin), (begin if ends else end)
    places = [_place(writer, len(shape), axis, place or 0) for place in at]
    stride = writer.constant(np.ones(len(shape), np.int32))
    masks = (0, "i32", whole if starts else others), (1, "i32", whole if ends else others)
    tensors = [writer.value(source), *places, stride]
    writer.operator("STRIDED_SLICE", tensors, [writer.value(out)], *masks)


def _place(writer: "Writer", rank: int, axis: int, at: int) -> int:
    place = np.zeros(rank, np.int32)
    place[axis] = at
    return writer.constant(place)


def pad(writer: "Writer", node: Node) -> None:
    """Zeros around."""
    widths = np.zeros((4, 2), np.int32)
    for axis, both in enumerate(node.attributes["widths"]):
        widths[FILE_AXIS[axis]] = both
    result = writer.value(node.output)
    writer.operator("PAD", [writer.value(node.inputs[0]), writer.constant(widths)], [result])


def max_pool(writer: "Writer", node: Node) -> None:
    """The largest of each window; what lies around the map is never the largest."""
    a = node.attributes
    (high, wide), (down, along) = a["kernel"], a["stride"]  # mels, frames
    halves = (high, wide, down, along) == (2, 2, 2, 2) and a["ceil"] and not any(a["padding"])
    same = (down, along) == (1, 1) and all(
        2 * p == k - 1 for p, k in zip(a["padding"], a["kernel"], strict=True)
    )
    source = writer.value(node.inputs[0])
    if (any(a["padding"]) and not same) or (a["ceil"] and not halves):
        source = _padded_for_maximum(writer, node)
    scheme = SAME if same or halves else VALID
    options = ((0, "i8", scheme), (1, "i32", along), (2, "i32", down), (3, "i32", wide),
               (4, "i32", high))  # fmt: skip
    writer.operator("MAX_POOL_2D", [source], [writer.value(node.output)], *options)


def mean_pool(writer: "Writer", node: Node) -> None:
    """The mean of each window; with SAME only numbers of the map count."""
    (high, wide), (down, along) = node.attributes["kernel"], node.attributes["stride"]
    options = ((0, "i8", SAME), (1, "i32", along), (2, "i32", down), (3, "i32", wide),
               (4, "i32", high))  # fmt: skip
    writer.emit("AVERAGE_POOL_2D", node, *options)


def _padded_for_maximum(writer: "Writer", node: Node) -> int:
    """Zeros, where nothing is below them; else the lowest number."""
    source = node.inputs[0]
    producer = writer.graph.producer(source)
    bounds = None if producer is None else bounds_of(producer)
    padding, stride = node.attributes["padding"], node.attributes["stride"]
    more = (stride[0] - 1, stride[1] - 1) if node.attributes["ceil"] else (0, 0)
    if bounds and bounds[0] >= 0:
        return writer.padded(node, padding, more=more)
    grid = writer.graph.grids.get(source)
    lowest = LOWEST if grid is None else grid.scale * (-128 - grid.zero_point)
    return writer.padded(node, padding, writer.scalar(lowest, grid, rank=1), more)


def apart(writer: "Writer", node: Node, padded: int) -> int:
    """A copy of a padded map, so that no compiler makes one operator of its zeros and its reader.

    Vela does so, and then finds that an Ethos-U55 has no padded convolution of such a stride.
    """
    c, m, f = writer.shapes[node.inputs[0]]
    high, wide = node.attributes["padding"]
    copy = writer.activation(
        (c, m + 2 * high, f + 2 * wide), writer.graph.grids.get(node.inputs[0])
    )
    writer.operator("MAXIMUM", [padded, padded], [copy])
    return copy


def clip(writer: "Writer", node: Node) -> None:
    """Bounds that no layer has taken in; in int8 on the grid of what they bound."""
    bounds = bounds_of(node)
    assert bounds is not None  # an op of this kind has them
    limit(writer, writer.value(node.inputs[0]), node, bounds)


def limit(writer: "Writer", source: int, node: Node, bounds: tuple[float, float]) -> None:
    """Keep a tensor within bounds; what comes of it is the node's result."""
    if bounds in FUSED_BOUNDS:
        name = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}[FUSED_BOUNDS[bounds]]
        writer.operator(name, [source], [writer.value(node.output)])
        return
    grid, shape = writer.graph.grids.get(node.output), writer.shapes[node.output]
    rank = len(writer.file_shape_of(node.output))
    sides = [(name, bound) for name, bound in zip(("MAXIMUM", "MINIMUM"), bounds, strict=True)
             if math.isfinite(bound)]  # fmt: skip
    for name, bound in sides:
        is_last = bound == sides[-1][1]
        out = writer.value(node.output) if is_last else writer.activation(shape, grid)
        if (name, bound) == ("MAXIMUM", 0.0):
            writer.operator("RELU", [source], [out])
        else:
            writer.operator(name, [source, writer.scalar(bound, grid, rank)], [out])
        source = out


def is_within(grid: Grid | None, bounds: tuple[float, float]) -> bool:
    """Whether a grid has no number beyond the bounds, so that its ends are the bounds."""
    if grid is None:
        return False
    return grid.nearest(bounds[0]) == -128 and grid.nearest(bounds[1]) == 127
