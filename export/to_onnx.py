"""Graph → .onnx bytes, with operators that every runtime since onnxruntime 1.19 has.

Layout is `[N, C, M, F]` with batch and frames dynamic; input and outputs are float32. Linear layers
are written as convolutions over what they flatten. An int8 graph keeps its numbers as uint8 (zero
points moved by 128): convolutions are QLinearConv, splits, pools and concatenations run on the
integers, the other ops between DequantizeLinear and QuantizeLinear. Weights are uint8 as well: by
int8 ones ONNX Runtime multiplies in saturating 16 bits on x86 without VNNI (`unsigned_weights.py`).
float16 and weights of four bits are storage only: they are cast when the file is loaded. Types of
four bits are as young as opset 21; all other files keep to opset 17.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_asc.graph.graph import (
    Graph,
    Grid,
    Node,
    bounds_of,
    dilation_of,
    piece_of,
    turn_of,
    weight_bits,
)
from edge_asc.runtime.formats.four_bits import packed
from edge_asc.runtime.trust.digest import seal

OPSET, IR_VERSION = 17, 8
FOUR_BIT_OPSET, FOUR_BIT_IR_VERSION = 21, 10


def to_onnx(
    graph: Graph,
    n_frames: int,
    metadata: Mapping[str, bytes] | None = None,
    half: bool = False,
    static: bool = False,
) -> bytes:
    """The bytes of a folded graph as an `.onnx` file.

    Args:
        graph: float or quantised; inputs and outputs are float32 in either.
        n_frames: matters only where the network takes one length alone, or to a static file.
        metadata: entries of `metadata_props`, UTF-8.
        half: store a float graph's weights as float16.
        static: write no dynamic axis: batches of one clip, of so many frames.

    Raises:
        ValueError: not folded, or an op that has no faithful form in the file.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> len(ea.to_onnx(ea.fold(ea.trace(net, n_mels=64)), n_frames=100)) > 320
        True
    """
    graph.check_writable(n_frames)
    writer = _Writer(graph, n_frames, half, static)
    for node in graph.nodes:
        EMITTERS[node.op](writer, node)
    model = writer.finish(metadata or {})
    onnx.checker.check_model(model, full_check=True)
    return seal(model.SerializeToString())


class _Writer:
    """Collects nodes and initialisers under short names (long ones cost tens of kilobytes)."""

    def __init__(self, graph: Graph, n_frames: int, half: bool, static: bool) -> None:
        self.graph, self.half, self.static = graph, half, static
        self.is_narrow = any(weight_bits(node) == 4 for node in graph.nodes)
        self.shapes = graph.shapes(n_frames)
        self.n_frames = n_frames
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.constants: dict[tuple, str] = {}
        self.names: dict[str, str] = {}  # value -> tensor as stored: uint8 or float32
        self.floats: dict[str, str] = {}  # value -> its dequantised tensor
        self.count = 0
        self.names[graph.input] = "x"
        if graph.is_quantised:
            self.quantise("x", graph.input)

    def fresh(self) -> str:
        self.count += 1
        return np.base_repr(self.count, 36)  # capitals: never the input's or an output's name

    def node(self, op: str, inputs: list[str], n_outputs: int = 1, **attributes: Any) -> list[str]:
        outputs = [self.fresh() for _ in range(n_outputs)]
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        return outputs

    def constant(self, array: np.ndarray, exact: bool = False) -> str:
        """A stored tensor; a half file stores floats as float16 unless they must be exact."""
        key = (array.dtype.str, array.shape, array.tobytes(), exact)
        if key not in self.constants:
            halved = self.half and array.dtype == np.float32 and not exact
            name = self.fresh()
            stored = array.astype(np.float16) if halved else array
            self.initializers.append(numpy_helper.from_array(stored, name))
            if halved:
                (name,) = self.node("Cast", [name], to=TensorProto.FLOAT)
            self.constants[key] = name
        return self.constants[key]

    def grid(self, grid: Grid) -> list[str]:
        """Scale and zero point of a uint8 tensor."""
        scale = self.constant(np.array(grid.scale, np.float32))
        return [scale, self.constant(np.array(grid.zero_point + 128, np.uint8))]

    def quantise(self, tensor: str, value: str) -> None:
        """Store a float tensor as a value of the graph."""
        grid = self.grid(self.graph.grids[value])
        (self.names[value],) = self.node("QuantizeLinear", [tensor, *grid])

    def as_float(self, value: str) -> str:
        """A value as float32."""
        if not self.graph.is_quantised:
            return self.names[value]
        if value not in self.floats:
            grid = self.grid(self.graph.grids[value])
            (self.floats[value],) = self.node("DequantizeLinear", [self.names[value], *grid])
        return self.floats[value]

    def emit_float(self, op: str, node: Node, **attributes: Any) -> None:
        """An op on real numbers; its result is rounded to its grid."""
        (result,) = self.node(op, [self.as_float(v) for v in node.inputs], **attributes)
        self.hold(result, node)

    def hold(self, result: str, node: Node) -> None:
        """A tensor of real numbers is what a node gives."""
        if self.graph.is_quantised:
            self.quantise(result, node.output)
        else:
            self.names[node.output] = result
        self.limit(node)

    def emit_stored(self, op: str, node: Node, *constants: str, **attributes: Any) -> None:
        """An op on the numbers as they are stored: exact on integers."""
        inputs = [*(self.names[v] for v in node.inputs), *constants]
        results = self.node(op, inputs, len(node.outputs), **attributes)
        self.names.update(zip(node.outputs, results, strict=True))

    def limit(self, node: Node) -> None:
        """Keep a node's result within its bounds; where they are the grid's ends it is."""
        bounds, result = bounds_of(node), self.names[node.output]
        if bounds is None or node.op == "relu":
            return
        if self.graph.is_quantised:
            low, high = map(self.graph.grids[node.output].nearest, bounds)
            ends = ["" if step == end else self.constant(np.array(step + 128, np.uint8))
                    for step, end in ((low, -128), (high, 127))]  # fmt: skip
        elif bounds == (0.0, math.inf):
            (self.names[node.output],) = self.node("Relu", [result])
            return
        else:
            ends = [self.constant(np.array(b, np.float32), exact=True) if math.isfinite(b) else ""
                    for b in bounds]  # fmt: skip
        if any(ends):
            (self.names[node.output],) = self.node("Clip", [result, *ends])

    def reduce(self, op: str, source: str, axes: list[int]) -> str:
        """A mean or maximum over axes, which were an attribute before they became an input."""
        if self.is_narrow:
            (result,) = self.node(op, [source, self.constant(np.array(axes, np.int64))])
        else:
            (result,) = self.node(op, [source], axes=axes)
        return result

    def weights(self, node: Node, weight: np.ndarray) -> list[str]:
        """A quantised layer's weights, their scales and their zero points."""
        scale = self.constant(node.tensors["weight_scale"])
        if weight_bits(node) == 8:
            stored = self.constant((weight.astype(np.int16) + 128).astype(np.uint8))
            return [stored, scale, self.constant(np.full(len(weight), 128, np.uint8))]
        stored = self.fresh()
        self.initializers.append(
            helper.make_tensor(stored, TensorProto.INT4, weight.shape, packed(weight), raw=True)
        )
        (cast,) = self.node("Cast", [stored], to=TensorProto.INT8)
        return [cast, scale, self.constant(np.zeros(len(weight), np.int8))]

    def convolve(self, node: Node, weight: np.ndarray, **window: Any) -> None:
        """A convolution with `weight` `[out, in, kh, kw]` and the node's bias."""
        if self.graph.is_quantised:
            inputs = [
                self.names[node.inputs[0]],
                *self.grid(self.graph.grids[node.inputs[0]]),
                *self.weights(node, weight),
                *self.grid(self.graph.grids[node.output]),
                self.constant(node.tensors["bias"]),
            ]
            (result,) = self.node("QLinearConv", inputs, **window)
        else:
            tensors = [self.constant(weight), self.constant(node.tensors["bias"])]
            (result,) = self.node("Conv", [self.names[node.inputs[0]], *tensors], **window)
        self.names[node.output] = result
        self.limit(node)

    def finish(self, metadata: Mapping[str, bytes]) -> onnx.ModelProto:
        fixed = self.static or self.graph.has_fixed_length(self.n_frames)
        frames, clips = self.n_frames if fixed else "F", 1 if self.static else "N"
        x = helper.make_tensor_value_info(
            "x", TensorProto.FLOAT, [clips, 1, self.graph.n_mels, frames]
        )
        outputs = []
        for name, value in self.graph.outputs.items():
            size = self.shapes[value][0]
            self.nodes.append(helper.make_node("Flatten", [self.as_float(value)], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [clips, size]))
        onnx_graph = helper.make_graph(self.nodes, "g", [x], outputs, self.initializers)
        opset, ir_version = OPSET, IR_VERSION
        if self.is_narrow:
            opset, ir_version = FOUR_BIT_OPSET, FOUR_BIT_IR_VERSION
        model = helper.make_model(
            onnx_graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
        )
        model.producer_name = ""
        helper.set_model_props(model, {k: v.decode() for k, v in metadata.items()})
        return model


def _conv(writer: _Writer, node: Node) -> None:
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


def _linear(writer: _Writer, node: Node) -> None:
    weight = node.tensors["weight"]
    producer = writer.graph.producer(node.inputs[0])
    flat = producer is not None and producer.op == "flatten" and _is_seen_as_map(writer, producer)
    shape = writer.shapes[producer.inputs[0]] if flat and producer else (weight.shape[1], 1, 1)
    writer.convolve(node, weight.reshape(len(weight), *shape))


def _flatten(writer: _Writer, node: Node) -> None:
    if _is_seen_as_map(writer, node):
        _same_tensor(writer, node)  # the linear layer's window does it
    else:
        shape = writer.constant(np.array([0, -1, 1, 1], np.int64))
        (writer.names[node.output],) = writer.node("Reshape", [writer.names[node.inputs[0]], shape])


def _is_seen_as_map(writer: _Writer, flatten: Node) -> bool:
    """Whether a map stays one behind a flatten: read by linear layers alone, or of one place."""
    readers = writer.graph.consumers(flatten.output)
    of_one_place = writer.shapes[flatten.inputs[0]][1:] == (1, 1)
    return of_one_place or all(reader.op == "linear" for reader in readers)


def _same_tensor(writer: _Writer, node: Node) -> None:
    """Vectors are stored as maps `[N, C, 1, 1]`."""
    writer.names[node.output] = writer.names[node.inputs[0]]


def _take(writer: _Writer, node: Node) -> None:
    axis, indices = node.attributes["axis"] + 1, node.attributes["indices"]
    source = writer.names[node.inputs[0]]
    first, last = indices[0], indices[-1]
    if indices == tuple(range(first, last + 1)):
        _slice(writer, node, first, last + 1, axis)
    else:
        chosen = writer.constant(np.array(indices, np.int64))
        (writer.names[node.output],) = writer.node("Gather", [source, chosen], axis=axis)


def _slice(writer: _Writer, node: Node, begin: int, end: int, axis: int) -> None:
    ends = [writer.constant(np.array([n], np.int64)) for n in (begin, end, axis)]
    (writer.names[node.output],) = writer.node("Slice", [writer.names[node.inputs[0]], *ends])


def _cut(writer: _Writer, node: Node) -> None:
    piece = piece_of(node)
    end = np.iinfo(np.int64).max if piece.stop is None else piece.stop
    _slice(writer, node, piece.start, end, node.attributes["axis"] + 1)


def _regroup(writer: _Writer, node: Node) -> None:
    """Channels and mels, one behind the other, in parts of another size."""
    channels, mels, _ = writer.shapes[node.output]
    shape = writer.constant(np.array([0, channels, mels, -1], np.int64))
    writer.emit_stored("Reshape", node, shape)


def _pad(writer: _Writer, node: Node) -> None:
    around = [(0, 0), *node.attributes["widths"]]
    widths = np.array([[before for before, _ in around], [after for _, after in around]], np.int64)
    zero = np.array(0, np.float32)
    if writer.graph.is_quantised:
        zero = np.array(writer.graph.grids[node.output].zero_point + 128, np.uint8)
    inputs = [writer.names[node.inputs[0]], writer.constant(widths.reshape(-1)),
              writer.constant(zero, exact=True)]  # fmt: skip
    (writer.names[node.output],) = writer.node("Pad", inputs)


def _clip(writer: _Writer, node: Node) -> None:
    _same_tensor(writer, node)
    writer.limit(node)


def _transpose(writer: _Writer, node: Node) -> None:
    writer.emit_stored("Transpose", node, perm=[0, *(axis + 1 for axis in turn_of(node))])


def _split(writer: _Writer, node: Node) -> None:
    count = {"num_outputs": len(node.outputs)} if writer.is_narrow else {}  # since opset 18
    writer.emit_stored("Split", node, axis=1, **count)


def _axis_mean(writer: _Writer, node: Node) -> None:
    source = writer.as_float(node.inputs[0])
    mean = writer.reduce("ReduceMean", source, [node.attributes["axis"] + 1])
    writer.hold(mean, node)


def _maximum(writer: _Writer, node: Node, axes: list[int]) -> None:
    source = writer.names[node.inputs[0]]
    writer.names[node.output] = writer.reduce("ReduceMax", source, axes)


def _max_pool(writer: _Writer, node: Node) -> None:
    a = node.attributes
    writer.emit_stored(
        "MaxPool",
        node,
        kernel_shape=a["kernel"],
        strides=a["stride"],
        pads=[*a["padding"], *a["padding"]],
        ceil_mode=int(a["ceil"]),
    )


def _mean_pool(writer: _Writer, node: Node) -> None:
    a = node.attributes
    pads = [*a["padding"], *a["padding"]]
    window = {"kernel_shape": a["kernel"], "strides": a["stride"], "pads": pads}
    writer.emit_float("AveragePool", node, ceil_mode=int(a["ceil"]), **window)


def _gelu(writer: _Writer, node: Node) -> None:
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


def _rsqrt(writer: _Writer, node: Node) -> None:
    (root,) = writer.node("Sqrt", [writer.as_float(node.inputs[0])])
    writer.hold(writer.node("Reciprocal", [root])[0], node)


def _float(op: str) -> Callable[[_Writer, Node], None]:
    return lambda writer, node: writer.emit_float(op, node)


def _stored(op: str, **attributes: Any) -> Callable[[_Writer, Node], None]:
    return lambda writer, node: writer.emit_stored(op, node, **attributes)


EMITTERS: dict[str, Callable[[_Writer, Node], None]] = {
    "conv": _conv,
    "linear": _linear,
    "flatten": _flatten,
    "max_pool": _max_pool,
    "mean_pool": _mean_pool,
    "unflatten": _same_tensor,
    "split": _split,
    "take": _take,
    "pad": _pad,
    "transpose": _transpose,
    "regroup": _regroup,
    "cut": _cut,
    "clip": _clip,
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
