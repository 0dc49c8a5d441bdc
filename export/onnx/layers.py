"""What each op of a graph becomes in an .onnx file."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_asc.export.onnx import moves
from edge_asc.export.onnx.writer import Writer
from edge_asc.graph.graph import Node, dilation_of


def _conv(writer: Writer, node: Node) -> None:
    a = node.attributes
    window: dict[str, Any] = {}  # what equals ONNX's default is left out
    if a["stride"] != (1, 1):
        window["strides"] = a["stride"]
    if any(a["padding"]):
        window["pads"] = [*a["padding"], *a["padding"]]
    if a["groups"] > 1:
        window["group"] = a["groups"]
    if dilation_of(node) != (1, 1):
        window["dilations"] = dilation_of(node)
    writer.convolve(node, node.tensors["weight"], **window)


def _linear(writer: Writer, node: Node) -> None:
    weight = node.tensors["weight"]
    producer = writer.graph.producer(node.inputs[0])
    shape: tuple[int, ...] = (weight.shape[1], 1, 1)
    if producer and producer.op == "flatten" and moves.is_seen_as_map(writer, producer):
        shape = writer.shapes[producer.inputs[0]]
    writer.convolve(node, weight.reshape(len(weight), *shape))


def _axis_mean(writer: Writer, node: Node) -> None:
    source = writer.as_float(node.inputs[0])
    mean = writer.reduce("ReduceMean", source, [node.attributes["axis"] + 1])
    writer.hold(mean, node)


def _maximum(writer: Writer, node: Node, axes: list[int]) -> None:
    source = writer.names[node.inputs[0]]
    writer.names[node.output] = writer.reduce("ReduceMax", source, axes)


def _max_pool(writer: Writer, node: Node) -> None:
    a = node.attributes
    writer.emit_stored(
        "MaxPool",
        node,
        kernel_shape=a["kernel"],
        strides=a["stride"],
        pads=[*a["padding"], *a["padding"]],
        ceil_mode=int(a["ceil"]),
    )


def _mean_pool(writer: Writer, node: Node) -> None:
    a = node.attributes
    pads = [*a["padding"], *a["padding"]]
    window = {"kernel_shape": a["kernel"], "strides": a["stride"], "pads": pads}
    writer.emit_float("AveragePool", node, ceil_mode=int(a["ceil"]), **window)


def _gelu(writer: Writer, node: Node) -> None:
    """By its parts: there is one operator of it since opset 20."""
    x = writer.as_float(node.inputs[0])

    def times(a: str, factor: str | float, op: str = "Mul") -> str:
        if not isinstance(factor, str):
            factor = writer.constant(np.array(factor, np.float32), exact=True)
        return writer.node(op, [a, factor])[0]

    if node.attributes["tanh"]:
        cubed = times(times(times(x, x), x), 0.044715)
        inner, op = times(times(x, cubed, "Add"), math.sqrt(2 / math.pi)), "Tanh"
    else:
        inner, op = times(x, math.sqrt(0.5)), "Erf"
    (part,) = writer.node(op, [inner])
    writer.hold(times(times(x, 0.5), times(part, 1.0, "Add")), node)


def _rsqrt(writer: Writer, node: Node) -> None:
    (root,) = writer.node("Sqrt", [writer.as_float(node.inputs[0])])
    writer.hold(writer.node("Reciprocal", [root])[0], node)


def _float(op: str) -> Callable[[Writer, Node], None]:
    return lambda writer, node: writer.emit_float(op, node)


def _stored(op: str, **attributes: Any) -> Callable[[Writer, Node], None]:
    return lambda writer, node: writer.emit_stored(op, node, **attributes)


EMITTERS: dict[str, Callable[[Writer, Node], None]] = {
    "conv": _conv,
    "linear": _linear,
    "flatten": moves.flatten,
    "max_pool": _max_pool,
    "mean_pool": _mean_pool,
    "unflatten": moves.same_tensor,
    "split": moves.split,
    "take": moves.take,
    "pad": moves.pad,
    "transpose": moves.transpose,
    "regroup": moves.regroup,
    "cut": moves.cut,
    "clip": moves.clip,
    "concat": lambda writer, node: writer.emit_stored(
        "Concat", node, axis=node.attributes["axis"] + 1
    ),
    "max": _float("Max"),  # integer kernels exist only since onnxruntime 1.24
    "min": _float("Min"),
    "sigmoid": _float("Sigmoid"),
    "tanh": _float("Tanh"),
    "hardswish": _float("HardSwish"),
    "elu": _float("Elu"),
    "gelu": _gelu,
    "sqrt": _float("Sqrt"),
    "rsqrt": _rsqrt,
    "div": _float("Div"),
    "l2_normalise": lambda writer, node: writer.emit_float("LpNormalization", node, axis=1, p=2),
    "relu": _float("Relu"),
    "leaky_relu": lambda writer, node: writer.emit_float(
        "LeakyRelu", node, alpha=node.attributes["slope"]
    ),
    "add": _float("Add"),
    "mul": _float("Mul"),
    "global_mean": _float("GlobalAveragePool"),
    "axis_mean": _axis_mean,
    "axis_max": lambda writer, node: _maximum(writer, node, [node.attributes["axis"] + 1]),
    "global_max": lambda writer, node: _maximum(writer, node, [2, 3]),
    "channel_max": lambda writer, node: _maximum(writer, node, [1]),
}
