"""How each op of a graph is written into a .tflite file, most of them as one operator."""

from collections.abc import Callable

import numpy as np

from edge_asc.budget.tflite.shapes import SAME, VALID
from edge_asc.export.tflite import moves
from edge_asc.export.tflite.buffer import Field
from edge_asc.export.tflite.writer import Writer
from edge_asc.graph.graph import Node, dilation_of, span_of
from edge_asc.graph.reading.reader import FILE_AXIS

MOST_STRIDE = 3  # of an Ethos-U convolution over a padded map


def _conv(writer: Writer, node: Node) -> None:
    weight, groups = node.tensors["weight"], node.attributes["groups"]
    stride, padding = node.attributes["stride"], node.attributes["padding"]
    reach = zip(padding, span_of(node), strict=True)
    same = stride == (1, 1) and all(2 * p == size - 1 for p, size in reach)
    is_plain = same or not any(padding)
    source = writer.value(node.inputs[0]) if is_plain else writer.padded(node, padding)
    if writer.static and not is_plain and max(stride) > MOST_STRIDE:
        source = moves.apart(writer, node, source)
    options: list[Field] = [(0, "i8", SAME if same else VALID), (1, "i32", stride[1]),
                            (2, "i32", stride[0])]  # fmt: skip
    depthwise = groups > 1 and weight.shape[1] == 1
    name, axis, slot = ("DEPTHWISE_CONV_2D", 3, 4) if depthwise else ("CONV_2D", 0, 3)
    if depthwise:
        options += [(3, "i32", len(weight) // groups)]
    down, along = dilation_of(node)
    if (down, along) != (1, 1):
        options += [(slot + 1, "i32", along), (slot + 2, "i32", down)]
    order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
    tensors = writer.weights(node, weight.transpose(order), axis)
    writer.within_bounds(name, node, [source, *tensors], options, slot)


def _linear(writer: Writer, node: Node) -> None:
    weight = node.tensors["weight"]
    flatten = writer.graph.producer(node.inputs[0])
    if flatten is not None and flatten.op == "flatten" and moves.in_file_order(writer, flatten):
        shape = writer.shapes[flatten.inputs[0]]  # torch flattens [C, M, F], the file [M, F, C]
        weight = weight.reshape(-1, *shape).transpose(0, 2, 3, 1).reshape(len(weight), -1)
    tensors = writer.weights(node, weight)
    source = writer.value(node.inputs[0])
    writer.within_bounds("FULLY_CONNECTED", node, [source, *tensors], [], 0)


def _reduce(name: str, axes: tuple[int, ...]) -> Callable[[Writer, Node], None]:
    def emit(writer: Writer, node: Node) -> None:
        constant = writer.constant(np.array(axes, np.int32))
        writer.emit(name, node, (0, "bool", True), constants=(constant,))  # keep_dims

    return emit


def _concat(writer: Writer, node: Node) -> None:
    is_vector = len(writer.shapes[node.output]) == 1
    axis = 1 if is_vector else FILE_AXIS[node.attributes["axis"]]
    writer.emit("CONCATENATION", node, (0, "i32", axis))


def _plain(name: str) -> Callable[[Writer, Node], None]:
    return lambda writer, node: writer.emit(name, node)


def _bounded(name: str) -> Callable[[Writer, Node], None]:
    def emit(writer: Writer, node: Node) -> None:
        writer.within_bounds(name, node, [writer.value(v) for v in node.inputs], [], 0)

    return emit


def _along_axis(name: str) -> Callable[[Writer, Node], None]:
    def emit(writer: Writer, node: Node) -> None:
        _reduce(name, (FILE_AXIS[node.attributes["axis"]],))(writer, node)

    return emit


EMITTERS: dict[str, Callable[[Writer, Node], None]] = {
    "conv": _conv,
    "linear": _linear,
    "flatten": moves.flatten,
    "unflatten": moves.unflatten,
    "max_pool": moves.max_pool,
    "mean_pool": moves.mean_pool,
    "split": moves.split,
    "take": moves.take,
    "pad": moves.pad,
    "transpose": moves.transpose,
    "regroup": moves.regroup,
    "cut": moves.cut,
    "clip": moves.clip,
    "concat": _concat,
    "max": _plain("MAXIMUM"),
    "min": _plain("MINIMUM"),
    "sigmoid": _plain("LOGISTIC"),
    "relu": _plain("RELU"),
    "leaky_relu": lambda writer, node: writer.emit(
        "LEAKY_RELU", node, (0, "f32", node.attributes["slope"])
    ),
    "tanh": _plain("TANH"),
    "hardswish": _plain("HARD_SWISH"),
    "elu": _plain("ELU"),
    "gelu": lambda writer, node: writer.emit("GELU", node, (0, "bool", node.attributes["tanh"])),
    "sqrt": _plain("SQRT"),
    "rsqrt": _plain("RSQRT"),
    "div": _bounded("DIV"),
    "l2_normalise": _bounded("L2_NORMALIZATION"),
    "add": _bounded("ADD"),
    "mul": _bounded("MUL"),
    "global_mean": _reduce("MEAN", (1, 2)),
    "axis_mean": _along_axis("MEAN"),
    "axis_max": _along_axis("REDUCE_MAX"),
    "global_max": _reduce("REDUCE_MAX", (1, 2)),
    "channel_max": _reduce("REDUCE_MAX", (3,)),
}
