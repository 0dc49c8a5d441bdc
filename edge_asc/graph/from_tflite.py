"""A .tflite file of ours → the graph it was written from: `to_tflite` of it gives the same bytes.

So a file can be built upon where there is no torch: its last layer taken off, another put on.
Only what `to_tflite` writes is understood; names of inner values are gone. What a float16 file
holds comes back as float32, to be written with `half`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_asc.budget.tflite.schema import Operator, Subgraph, Tensor, read_subgraphs
from edge_asc.budget.tflite.shapes import SAME
from edge_asc.graph.graph import Graph, Grid, Node
from edge_asc.runtime.formats.four_bits import unpacked

# schema.fbs: ActivationFunctionType of bounds that operators take in
FUSED_BOUNDS = {(0.0, math.inf): 1, (-1.0, 1.0): 2, (0.0, 6.0): 3}
FILE_AXIS = {0: 3, 1: 1, 2: 2}  # graph axis [C, M, F] -> file axis [1, M, F, C]
GRAPH_AXIS = {file_axis: axis for axis, file_axis in FILE_AXIS.items()}
PLAIN = {"LOGISTIC": "sigmoid", "RELU": "relu", "SPLIT": "split", "TANH": "tanh",
         "HARD_SWISH": "hardswish", "L2_NORMALIZATION": "l2_normalise", "ELU": "elu",
         "SQRT": "sqrt", "RSQRT": "rsqrt"}  # fmt: skip
FUSED = {"ADD": "add", "MUL": "mul", "DIV": "div"}
BOUNDS = {code: bounds for bounds, code in FUSED_BOUNDS.items()}
CHANNELS_FIRST = [0, 3, 1, 2]  # file axes M F C as the graph flattens them, C M F
FRAMES_FIRST = [0, 2, 3, 1]  # and as F C M, where channels and mels are parted anew


def from_tflite(data: bytes) -> tuple[Graph, int]:
    """Read a file that `to_tflite` wrote.

    Returns:
        The folded graph, and the number of frames its input is declared with.

    Raises:
        ValueError: a damaged file, or one with operators or numbers that we do not write.
    """
    graph = read_subgraphs(data)[0]
    reader = _Reader(graph)
    for operator in graph.operators:
        reader.take(operator)
    return reader.finish()


@dataclass
class _Reader:
    """Turns operators into nodes, one after the other."""

    file: Subgraph
    nodes: list[Node] = field(default_factory=list)
    padded: dict[int, tuple[int, tuple[int, int]]] = field(default_factory=dict)
    rounded_up: set[int] = field(default_factory=set)  # with more around at the end of an axis
    flat: dict[int, str] = field(default_factory=dict)
    turned: dict[int, int] = field(default_factory=dict)  # half a flatten: tensor -> its source
    parted: dict[int, tuple[int, int]] = field(default_factory=dict)  # to a source, and channels
    same: dict[int, int] = field(default_factory=dict)  # a copy, for a second name -> the first
    halves: dict[int, int] = field(
        default_factory=dict
    )  # float32 weights -> as float16 in the file

    def take(self, operator: Operator) -> None:
        """Add what an operator stands for."""
        if operator.name in PLAIN:
            return self.add(PLAIN[operator.name], operator)
        if operator.name in FUSED:
            taken = bounds_taken(operator, 0)
            return self.add(FUSED[operator.name], operator, **taken)
        if operator.name not in READERS:
            raise ValueError(f"operator {operator.name}: none of those that edge-asc writes")
        return READERS[operator.name](self, operator)

    def add(self, op: str, operator: Operator, **attributes: Any) -> None:
        """Add a node whose inputs are those of the operator that are no constants."""
        inputs = [i for i in operator.inputs if self.file.tensors[i].data is None]
        outputs = tuple(map(self.name, operator.outputs))
        self.nodes.append(Node(op, tuple(map(self.name, inputs)), outputs, attributes))

    def name(self, tensor: int) -> str:
        """Of the value that lies in a tensor."""
        return f"v{self.same.get(tensor, tensor)}"

    def readers(self, tensor: int) -> list[Operator]:
        """The operators that read a tensor."""
        return [operator for operator in self.file.operators if tensor in operator.inputs]

    def in_file_order(self, vector: int) -> bool:
        """Whether a flattened map is M F C: only linear layers read it, whose weights heed that."""
        linear = all(reader.name == "FULLY_CONNECTED" for reader in self.readers(vector))
        return linear and vector not in self.file.outputs

    def channels(self, value: str) -> int:
        """How many a value has."""
        return self.file.tensors[int(value.removeprefix("v"))].shape[-1]

    def numbers(self, tensor: int) -> np.ndarray:
        """A constant, in the file's layout."""
        found: Tensor = self.file.tensors[self.halves.get(tensor, tensor)]
        if found.data is None or found.dtype not in READ_BACK:
            raise ValueError(f"weights in {found.dtype}: only {', '.join(READ_BACK)} are read back")
        if found.dtype == "float16":
            halves = np.frombuffer(found.data, "<f2")
            return halves.reshape(found.shape).astype(np.float32)
        if found.dtype == "int4":
            return unpacked(found.data, math.prod(found.shape)).reshape(found.shape)
        return np.frombuffer(found.data, found.dtype).reshape(found.shape).copy()

    def grid(self, tensor: int) -> Grid | None:
        """The grid of a value; None in a float file."""
        found = self.file.tensors[tensor]
        if not found.scales:
            return None
        (scale,), (zero_point,) = found.scales, found.zero_points
        return Grid(scale, zero_point)

    def weights(
        self, operator: Operator, layout: Callable[[np.ndarray], np.ndarray], source: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Tensors of a layer with weights, and the attribute that goes with integers."""
        _, weight, bias = operator.inputs
        tensors = {"weight": layout(self.numbers(weight)), "bias": self.numbers(bias)}
        scales, grid = self.file.tensors[weight].scales, self.grid(source)
        if not scales or grid is None:
            return tensors, {}
        tensors["weight_scale"] = np.full(len(tensors["bias"]), scales, np.float32)
        narrow = {"weight_bits": 4} if self.file.tensors[weight].dtype == "int4" else {}
        return tensors, {"input_scale": grid.scale, **narrow}

    def flattened(self, tensor: int) -> str:
        """A vector out of `[1, 1, 1, C]`, for which the file needs no operator."""
        if len(self.file.tensors[tensor].shape) == 2:
            return self.name(tensor)
        if tensor not in self.flat:
            self.flat[tensor] = f"{self.name(tensor)}_flat"
            self.nodes.append(Node("flatten", (self.name(tensor),), (self.flat[tensor],)))
        return self.flat[tensor]

    def finish(self) -> tuple[Graph, int]:
        """The graph with the grids of all its values."""
        (source,) = self.file.inputs
        _, n_mels, n_frames, _ = shape = self.file.tensors[source].shape
        outputs = {self.file.tensors[i].name: self.name(i) for i in self.file.outputs}
        used = {v for node in self.nodes for v in (*node.inputs, *node.outputs)}
        grids = {}
        for tensor in range(len(self.file.tensors)):
            grid = self.grid(tensor) if self.name(tensor) in used else None
            if grid is not None:
                grids[self.name(tensor)] = grid
                if tensor in self.flat:
                    grids[self.flat[tensor]] = grid
        graph = Graph(self.nodes, self.name(source), n_mels, outputs, grids, n_frames=n_frames)
        declared = self.file.tensors[source].signature == shape
        graph.one_length = declared and not graph.has_fixed_length()  # which its layers don't show
        return graph, n_frames


def bounds_taken(operator: Operator, slot: int) -> dict[str, Any]:
    """The attribute for bounds that an operator has taken in."""
    code = operator.option(slot, "b")
    if code == FUSED_BOUNDS[0.0, math.inf]:
        return {"relu": True}
    return {"clip": BOUNDS[code]} if code in BOUNDS else {}


def _dequantize(reader: _Reader, operator: Operator) -> None:
    (reader.halves[operator.outputs[0]],) = operator.inputs


def _pad(reader: _Reader, operator: Operator) -> None:
    """Zeros of a convolution, or what lies around a maximum, or an op of its own."""
    source, result = operator.inputs[0], operator.outputs[0]
    widths = reader.numbers(operator.inputs[1]).tolist()
    _, mels, frames, channels = map(tuple, widths)
    readers = reader.readers(result)
    even = mels[0] == mels[1] and frames[0] == frames[1] and channels == (0, 0)
    copied = [o for copy in readers if _is_copy(copy) for o in reader.readers(copy.outputs[0])]
    behind = [o for o in readers if not _is_copy(o)] + copied
    in_one = all(o.name in CONVOLUTIONS for o in behind)
    if operator.name == "PADV2" or (even and in_one):
        reader.padded[result] = source, (mels[0], frames[0])
        reader.rounded_up |= set() if even else {result}
    else:
        reader.add("pad", operator, widths=(channels, mels, frames))


def _is_copy(operator: Operator) -> bool:
    """Whether it is the larger of a tensor and itself, which stands behind some paddings."""
    first, *others = operator.inputs
    return operator.name == "MAXIMUM" and others == [first]


def _conv(reader: _Reader, operator: Operator) -> None:
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    source, padding = reader.padded.get(operator.inputs[0], (operator.inputs[0], (0, 0)))
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    tensors, attributes = reader.weights(operator, lambda w: w.transpose(order), source)
    weight, slot = tensors["weight"], 4 if depthwise else 3
    dilation = tuple(operator.positive(slot + n, default=1) for n in (2, 1))
    if operator.option(0, "b") == SAME:
        sizes = zip(weight.shape[2:], dilation, strict=True)
        padding = tuple((size - 1) * apart // 2 for size, apart in sizes)
    n_channels = reader.file.tensors[source].shape[-1]
    attributes |= {
        "stride": (operator.positive(2), operator.positive(1)),
        "padding": padding,
        "groups": n_channels // weight.shape[1],
        **({"dilation": dilation} if dilation != (1, 1) else {}),
        **bounds_taken(operator, slot),
    }
    names = (reader.name(source),), (reader.name(operator.outputs[0]),)
    reader.nodes.append(Node("conv", *names, attributes, tensors))


def _linear(reader: _Reader, operator: Operator) -> None:
    source = operator.inputs[0]
    value = reader.flattened(source)
    maker = next((o for o in reader.file.operators if source in o.outputs), None)
    reshaped = maker is not None and maker.name == "RESHAPE" and reader.in_file_order(source)
    shape = reader.file.tensors[maker.inputs[0]].shape[1:] if maker and reshaped else None

    def layout(weight: np.ndarray) -> np.ndarray:  # the file flattens [M, F, C], torch [C, M, F]
        if shape is None:
            return weight
        return weight.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(weight), -1)

    tensors, attributes = reader.weights(operator, layout, source)
    attributes |= bounds_taken(operator, 0)
    reader.nodes.append(
        Node("linear", (value,), (reader.name(operator.outputs[0]),), attributes, tensors)
    )


def _pool(reader: _Reader, operator: Operator) -> None:
    source, padding = reader.padded.get(operator.inputs[0], (operator.inputs[0], (0, 0)))
    kernel = operator.positive(4), operator.positive(3)
    stride = operator.positive(2), operator.positive(1)
    same = operator.option(0, "b") == SAME
    ceil = (same and stride != (1, 1)) or operator.inputs[0] in reader.rounded_up
    if same and not ceil:
        padding = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    attributes = {"kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil}
    names = (reader.name(source),), (reader.name(operator.outputs[0]),)
    op = "max_pool" if operator.name == "MAX_POOL_2D" else "mean_pool"
    reader.nodes.append(Node(op, *names, attributes))


def _reduce(ops: dict[tuple[int, ...], str], along: str) -> Callable[[_Reader, Operator], None]:
    def read(reader: _Reader, operator: Operator) -> None:
        axes = tuple(np.atleast_1d(reader.numbers(operator.inputs[1])).tolist())
        if axes in ops:
            reader.add(ops[axes], operator)
        elif axes in ((1,), (2,)):
            reader.add(along, operator, axis=axes[0])
        else:
            raise ValueError(f"{operator.name} over axes {axes}: not written by edge-asc")

    return read


def _concat(reader: _Reader, operator: Operator) -> None:
    is_vector = len(reader.file.tensors[operator.outputs[0]].shape) == 2
    reader.add("concat", operator, axis=0 if is_vector else GRAPH_AXIS[operator.option(0)])


def _leaky_relu(reader: _Reader, operator: Operator) -> None:
    options = operator.options
    at = options.at(0) if options else None
    slope = float(options.flat.number("f", at)) if options and at is not None else 0.0
    reader.add("leaky_relu", operator, slope=slope)


def _between(op: str, side: str) -> Callable[[_Reader, Operator], None]:
    """The larger or smaller of two values, or of one and a bound."""

    def read(reader: _Reader, operator: Operator) -> None:
        if _is_copy(operator) and operator.inputs[0] in reader.padded:
            reader.padded[operator.outputs[0]] = reader.padded[operator.inputs[0]]
            return None
        bound = reader.file.tensors[operator.inputs[1]]
        if bound.data is None:
            return reader.add(op, operator)
        number, grid = (
            float(reader.numbers(operator.inputs[1]).item()),
            reader.grid(operator.inputs[1]),
        )
        if grid is not None:
            number = grid.scale * (number - grid.zero_point)
        return reader.add(
            "clip", operator, **({"low": -math.inf, "high": math.inf} | {side: number})
        )

    return read


def _clip(bounds: tuple[float, float]) -> Callable[[_Reader, Operator], None]:
    low, high = bounds
    return lambda reader, operator: reader.add("clip", operator, low=low, high=high)


def _reshape(reader: _Reader, operator: Operator) -> None:
    source, result = operator.inputs[0], operator.outputs[0]
    before, after = (len(reader.file.tensors[tensor].shape) for tensor in (source, result))
    if before == after == 4:
        _regroup(reader, operator)
    elif before == after:
        reader.same[result] = source
    elif source in reader.turned:
        names = (reader.name(reader.turned[source]),), (reader.name(result),)
        reader.nodes.append(Node("flatten", *names))
    else:
        reader.add("unflatten" if after == 4 else "flatten", operator)


def _regroup(reader: _Reader, operator: Operator) -> None:
    """Frames come first meanwhile, unless a map of one mel goes in or comes out."""
    source, result = operator.inputs[0], operator.outputs[0]
    source = reader.turned.get(source, source)
    _, frames, channels, last = reader.numbers(operator.inputs[1]).tolist()
    if frames == -1:
        reader.parted[result] = source, channels
    else:
        names = (reader.name(source),), (reader.name(result),)
        reader.nodes.append(Node("regroup", *names, {"channels": last}))


def _transpose(reader: _Reader, operator: Operator) -> None:
    order = reader.numbers(operator.inputs[1]).tolist()
    source, result = operator.inputs[0], operator.outputs[0]
    if source in reader.parted:
        source, channels = reader.parted[source]
        names = (reader.name(source),), (reader.name(result),)
        reader.nodes.append(Node("regroup", *names, {"channels": channels}))
        return
    readers = reader.readers(result)
    parts = [one for one in readers if one.name == "RESHAPE" and _rank(reader, one) == 4]
    half_a_flatten = order == CHANNELS_FIRST and _is_half_a_flatten(reader, operator)
    if half_a_flatten or (order == FRAMES_FIRST and len(readers) == len(parts) == 1):
        reader.turned[result] = source
        return
    turn = tuple(GRAPH_AXIS[order[FILE_AXIS[axis]]] for axis in range(3))
    reader.add("transpose", operator, order=turn)


def _rank(reader: _Reader, operator: Operator) -> int:
    return len(reader.file.tensors[operator.outputs[0]].shape)


def _is_half_a_flatten(reader: _Reader, operator: Operator) -> bool:
    """Whether the channels come first because what flattens them is read in the graph's order."""
    source, turned = operator.inputs[0], operator.outputs[0]
    if reader.file.tensors[source].shape[1:3] == (1, 1) or turned in reader.file.outputs:
        return False
    readers = reader.readers(turned)
    vectors = [
        one.outputs[0] for one in readers if one.name == "RESHAPE" and _rank(reader, one) == 2
    ]
    return len(readers) == len(vectors) == 1 and not reader.in_file_order(vectors[0])


def _gather(reader: _Reader, operator: Operator) -> None:
    indices = tuple(reader.numbers(operator.inputs[1]).tolist())
    _take(reader, operator, operator.option(0), indices)


def _slice(reader: _Reader, operator: Operator) -> None:
    """A piece along the axis that masks do not leave whole."""
    shape = reader.file.tensors[operator.inputs[0]].shape
    begins, ends = (reader.numbers(tensor).tolist() for tensor in operator.inputs[1:3])
    free, open_end = operator.option(0), operator.option(1)
    (axis,) = (axis for axis in range(len(shape)) if not free & open_end & 1 << axis)
    begin = 0 if free & 1 << axis else begins[axis]
    end = None if open_end & 1 << axis else ends[axis]
    if axis < len(shape) - 1:
        reader.add("cut", operator, axis=GRAPH_AXIS[axis], begin=begin, end=end)
        return
    _take(reader, operator, axis, tuple(range(shape[axis])[begin:end]))
    _join_halves(reader)


def _join_halves(reader: _Reader) -> None:
    """Two pieces that are the halves of a value's channels were one split."""
    first, second = reader.nodes[-2:] if len(reader.nodes) > 1 else (None, reader.nodes[-1])
    if first is None or first.op != "take" or first.inputs != second.inputs:
        return
    both = (*first.attributes["indices"], *second.attributes["indices"])
    channels = reader.channels(second.inputs[0])
    halves = 2 * len(first.attributes["indices"]) == len(both)
    axes = (first.attributes["axis"], second.attributes["axis"])
    if halves and axes == (0, 0) and both == tuple(range(channels)):
        reader.nodes[-2:] = [Node("split", first.inputs, first.outputs + second.outputs)]


def _take(reader: _Reader, operator: Operator, axis: int, indices: tuple[int, ...]) -> None:
    is_vector = len(reader.file.tensors[operator.inputs[0]].shape) == 2
    reader.add("take", operator, axis=0 if is_vector else GRAPH_AXIS[axis], indices=indices)


READ_BACK = ("float32", "float16", "int8", "int4", "int32")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
READERS: dict[str, Callable[[_Reader, Operator], None]] = {
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    **dict.fromkeys(CONVOLUTIONS, _conv),
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _linear,
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), _pool),
    "MEAN": _reduce({(1, 2): "global_mean"}, "axis_mean"),
    "REDUCE_MAX": _reduce({(1, 2): "global_max", (3,): "channel_max"}, "axis_max"),
    "MAXIMUM": _between("max", "low"),
    "MINIMUM": _between("min", "high"),
    "RELU6": _clip((0.0, 6.0)),
    "RELU_N1_TO_1": _clip((-1.0, 1.0)),
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
    "GATHER": _gather,
    "STRIDED_SLICE": _slice,
    "CONCATENATION": _concat,
    "LEAKY_RELU": _leaky_relu,
    "GELU": lambda reader, operator: reader.add(
        "gelu", operator, tanh=bool(operator.option(0, "b"))
    ),
}
