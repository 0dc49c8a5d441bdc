"""Graph → .tflite bytes, written directly as a flatbuffer: no TensorFlow, no transposes.

Layout is `[1, M, F, C]`. The graph's numbers go into the file unchanged: float32, float16 (storage
only: kernels compute in float32), or int8 with the graph's own grids, weights of four bits packed
by two. The number of frames is dynamic wherever the network allows it. Table slots and enums:
TensorFlow Lite's schema.fbs.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from edge_asc.budget.tflite.arena import arena_of
from edge_asc.budget.tflite.schema import read_subgraphs
from edge_asc.budget.tflite.shapes import SAME, VALID, Shapes
from edge_asc.export.tflite import moves
from edge_asc.export.tflite.buffer import Field, Offset, SharingBuilder
from edge_asc.graph.graph import (
    Graph,
    Grid,
    Node,
    Shape,
    bounds_of,
    dilation_of,
    span_of,
    weight_bits,
)
from edge_asc.graph.reading.layers import FUSED_BOUNDS
from edge_asc.graph.reading.reader import FILE_AXIS
from edge_asc.runtime.formats.four_bits import packed
from edge_asc.runtime.trust.digest import seal

# schema.fbs: TensorType
FLOAT32, FLOAT16, INT32, INT8 = 0, 1, 2, 9
TENSOR_TYPE = {np.dtype("float32"): FLOAT32, np.dtype("float16"): FLOAT16,
               np.dtype("int32"): INT32, np.dtype("int8"): INT8}  # fmt: skip

INT4 = 17  # two numbers a byte, the first in the lower half

# schema.fbs: BuiltinOperator, the BuiltinOptions member, and the version that takes int8
OPERATORS = {
    "ADD": (0, 11, 2),
    "CONCATENATION": (2, 10, 2),
    "CONV_2D": (3, 1, 3),
    "DEPTHWISE_CONV_2D": (4, 2, 3),
    "DEQUANTIZE": (6, 0, 2),
    "FULLY_CONNECTED": (9, 8, 4),
    "L2_NORMALIZATION": (11, 12, 2),
    "LOGISTIC": (14, 0, 2),
    "MAX_POOL_2D": (17, 5, 2),
    "MUL": (18, 21, 2),
    "RELU": (19, 0, 2),
    "RELU_N1_TO_1": (20, 0, 1),
    "RELU6": (21, 0, 2),
    "RESHAPE": (22, 0, 1),
    "TANH": (28, 0, 2),
    "PAD": (34, 0, 2),
    "GATHER": (36, 23, 1),
    "TRANSPOSE": (39, 26, 2),
    "MEAN": (40, 27, 2),
    "MAXIMUM": (55, 0, 2),
    "MINIMUM": (57, 0, 2),
    "PADV2": (60, 0, 2),
    "REDUCE_MAX": (82, 27, 2),
    "LEAKY_RELU": (98, 75, 2),
    "STRIDED_SLICE": (45, 32, 2),
    "HARD_SWISH": (117, 0, 1),
    "AVERAGE_POOL_2D": (1, 5, 2),
    "DIV": (42, 29, 1),
    "SQRT": (75, 0, 1),
    "RSQRT": (76, 0, 1),
    "ELU": (111, 0, 1),
    "GELU": (150, 116, 2),
}
# The version of those that may have weights of four bits, where they do.
FOUR_BIT_VERSIONS = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 10}
# Tensors have names, since official counters of sizes read them; shared ones, since a name of its
# own for each would take 2 % of a file: equal tensors then lie there once.
CONSTANT, INNER = "constant", "inner"
UNBOUNDED, RELU = (-math.inf, math.inf), (0.0, math.inf)
MOST_STRIDE = 3  # of an Ethos-U convolution over a padded map


def to_tflite(
    graph: Graph,
    n_frames: int,
    metadata: Mapping[str, bytes] | None = None,
    half: bool = False,
    static: bool = False,
) -> bytes:
    """The bytes of a folded graph as a `.tflite` file, for an interpreter.

    Args:
        graph: float or quantised; a quantised graph gives int8 input and outputs.
        n_frames: the length that the input is declared with.
        metadata: entries of `Model.metadata`.
        half: store a float graph's weights as float16.
        static: write no dynamic axis, as runtimes and compilers for microcontrollers ask for.

    Raises:
        ValueError: not folded, or an op that has no faithful form in the file.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> ea.to_tflite(ea.fold(ea.trace(net, n_mels=64)), n_frames=100)[4:8]
        b'TFL3'
    """
    graph.check_writable(n_frames)
    static = static or graph.has_fixed_length(n_frames)
    write = partial(Writer, graph, n_frames, half, metadata or {}, static)
    writer = write().write_all()
    data = writer.finish()
    if static:  # of two orders the one that TensorFlow Lite Micro places in less memory
        other = write(n_reversed=len(writer.tensors)).write_all().finish()
        data = min(data, other, key=_arena_bytes)
    return seal(data)


def _arena_bytes(data: bytes) -> int:
    return arena_of(Shapes(read_subgraphs(data)[0])) or 0


class Writer:
    """Collects tensors and operators, then lays them out.

    `n_reversed`: how many tensors there will be, of which the file has the last one first.
    """

    def __init__(
        self,
        graph: Graph,
        n_frames: int,
        half: bool,
        metadata: Mapping[str, bytes],
        static: bool,
        n_reversed: int = 0,
    ) -> None:
        self.graph, self.half, self.metadata = graph, half, metadata
        self.static, self.n_reversed = static, n_reversed
        self.shapes = graph.shapes(n_frames)
        self.file = SharingBuilder()
        # What is laid first comes last in the file: there `with_metadata` can replace it.
        self.last = {data: self.file.blob(data) for data in metadata.values() if data}
        self.buffers: dict[bytes, int] = {b"": 0}
        self.tensors: list[Offset] = []
        self.operators: list[Offset] = []
        self.codes: dict[tuple[str, int], int] = {}
        self.constants: dict[tuple, int] = {}
        self.of_four_bits: set[int] = set()  # tensors
        self.index: dict[str, int] = {}  # value -> tensor
        self.input = self.value(graph.input, name="x", dynamic=not static)

    def write_all(self) -> "Writer":
        """Write all nodes down; returns itself."""
        for node in self.graph.nodes:
            EMITTERS[node.op](self, node)
        return self

    # Tensors

    def tensor(
        self,
        shape: Shape,
        dtype: int,
        data: bytes = b"",
        quantisation: Offset | None = None,
        name: str = "",
        signature: Shape | None = None,
    ) -> int:
        """The index of a new tensor."""
        fields: list[Field] = [
            (0, "ref", self.file.numbers("i32", shape)),
            (1, "i8", dtype),
            (2, "u32", self.buffer(data)),
            (3, "ref", self.file.string(name or (CONSTANT if data else INNER))),
            (4, "ref", quantisation),
            (7, "ref", self.file.numbers("i32", signature) if signature else None),
        ]
        self.tensors.append(self.file.table(*fields))
        return len(self.tensors) - 1

    def value(self, name_in_graph: str, name: str = "", dynamic: bool = False) -> int:
        """The tensor of a graph value; made on first use."""
        if name_in_graph not in self.index:
            names = (n for n, value in self.graph.outputs.items() if value == name_in_graph)
            name = name or next(names, "")
            shape, grid = self.shapes[name_in_graph], self.graph.grids.get(name_in_graph)
            self.index[name_in_graph] = self.activation(shape, grid, name, dynamic)
        return self.index[name_in_graph]

    def activation(
        self, shape: Shape, grid: Grid | None, name: str = "", dynamic: bool = False
    ) -> int:
        """A tensor that is computed, of the graph's shape `[C, M, F]`."""
        sizes = file_shape(shape)
        signature = (*sizes[:2], -1, *sizes[3:]) if dynamic else None
        if grid is None:
            return self.tensor(sizes, FLOAT32, name=name, signature=signature)
        quantisation = self.quantisation(np.array([grid.scale]), grid.zero_point, 0)
        return self.tensor(sizes, INT8, b"", quantisation, name, signature)

    def quantisation(self, scale: np.ndarray, zero_point: int, axis: int) -> Offset:
        """How a tensor's integers stand for real numbers."""
        scales = [float(s) for s in scale.astype(np.float32)]
        if len(set(scales)) == 1:  # one for the whole tensor: 16 bytes a channel fewer
            scales = scales[:1]
        return self.file.table(
            (2, "ref", self.file.numbers("f32", scales)),
            (3, "ref", self.file.numbers("i64", [zero_point] * len(scales))),
            (6, "i32", axis),
        )

    def constant(
        self, array: np.ndarray, scale: np.ndarray | None = None, axis: int = 0, bits: int = 8
    ) -> int:
        """A constant tensor; float weights become float16 + DEQUANTIZE in a half file."""
        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes(), bits,
               None if scale is None else scale.tobytes())  # fmt: skip
        if key not in self.constants:
            halved = self.half and array.dtype == np.float32
            stored = array.astype(np.float16) if halved else array
            quantisation = None if scale is None else self.quantisation(scale, 0, axis)
            dtype, data = TENSOR_TYPE[stored.dtype], stored.tobytes()
            if bits == 4:
                dtype, data = INT4, packed(stored)
            index = self.tensor(array.shape, dtype, data, quantisation)
            if bits == 4:
                self.of_four_bits.add(index)
            if halved:
                half, index = index, self.tensor(array.shape, FLOAT32)
                self.operator("DEQUANTIZE", [half], [index])
            self.constants[key] = index
        return self.constants[key]

    def scalar(self, number: float, grid: Grid | None, rank: int) -> int:
        """One number as a tensor of so many axes, on a grid; never halved."""
        shape = (1,) * rank
        if grid is None:
            return self.tensor(shape, FLOAT32, np.array(number, np.float32).tobytes())
        quantisation = self.quantisation(np.array([grid.scale]), grid.zero_point, 0)
        step = np.array(grid.nearest(number), np.int8)
        return self.tensor(shape, INT8, step.tobytes(), quantisation)

    def file_shape_of(self, value: str) -> Shape:
        """Shape of a value's tensor."""
        return file_shape(self.shapes[value])

    def weights(self, node: Node, weight: np.ndarray, axis: int = 0) -> list[int]:
        """Tensors of a node's weight (given in the file's layout) and bias."""
        bias = node.tensors["bias"]
        scale = node.tensors.get("weight_scale")
        if scale is None:
            return [self.constant(weight), self.constant(bias)]
        bias_scale = scale * np.float32(node.attributes["input_scale"])
        stored = self.constant(weight, scale, axis, weight_bits(node))
        return [stored, self.constant(bias, bias_scale)]

    # Operators

    def operator(self, name: str, inputs: list[int], outputs: list[int], *options: Field) -> None:
        """An operator from tensors to tensors."""
        _, kind, int8_version = OPERATORS[name]
        version = int8_version if self.graph.is_quantised else 1
        if self.of_four_bits.intersection(inputs):
            version = FOUR_BIT_VERSIONS[name]
        code = self.codes.setdefault((name, version), len(self.codes))
        self.operators.append(
            self.file.table(
                (0, "u32", code),
                (1, "ref", self.file.numbers("i32", self.numbered(inputs))),
                (2, "ref", self.file.numbers("i32", self.numbered(outputs))),
                (3, "u8", kind),
                (4, "ref", self.file.table(*options) if kind else None),
            )
        )

    def emit(self, name: str, node: Node, *options: Field, constants: tuple[int, ...] = ()) -> None:
        """An operator from a node's inputs (constants after them) to its outputs."""
        inputs = [self.value(v) for v in node.inputs]
        self.operator(name, [*inputs, *constants], [self.value(v) for v in node.outputs], *options)

    def within_bounds(
        self, name: str, node: Node, inputs: list[int], options: list[Field], slot: int
    ) -> None:
        """An operator that takes bounds in at one slot of its options, or another behind it."""
        bounds, grid = bounds_of(node) or UNBOUNDED, self.graph.grids.get(node.output)
        fused = FUSED_BOUNDS.get(bounds) or FUSED_BOUNDS[RELU] * (bounds[0] == 0)
        left = UNBOUNDED if bounds in FUSED_BOUNDS else bounds
        if fused == FUSED_BOUNDS[RELU]:
            left = -math.inf, left[1]
        is_done = left == UNBOUNDED or moves.is_within(grid, left)
        shape = self.shapes[node.output]
        out = self.value(node.output) if is_done else self.activation(shape, grid)
        self.operator(name, inputs, [out], *options, (slot, "i8", fused))
        if not is_done:
            moves.limit(self, out, node, left)

    def padded(
        self,
        node: Node,
        padding: tuple[int, int],
        number: int | None = None,
        more: tuple[int, int] = (0, 0),
    ) -> int:
        """Zeros around mels and frames by an operator of its own; what reads them is then VALID.

        SAME pads differently from torch where a stride meets an even size. `number` is the tensor
        of what stands there instead of zero; `more` of it stands at the end of each axis.
        """
        source = node.inputs[0]
        c, *size = self.shapes[source]
        sides = [(p, p + extra) for p, extra in zip(padding, more, strict=True)]
        shape = (c, *(n + sum(both) for n, both in zip(size, sides, strict=True)))
        out = self.activation(shape, self.graph.grids.get(source))
        widths = np.array([(0, 0), *sides, (0, 0)], np.int32)
        inputs = [self.value(source), self.constant(widths)]
        if number is None:
            self.operator("PAD", inputs, [out])
        else:
            self.operator("PADV2", [*inputs, number], [out])
        return out

    # The file

    def finish(self) -> bytes:
        """The file's bytes."""
        file, outputs = self.file, moves.outputs(self)
        entries = [
            file.table((0, "ref", file.string(name)), (1, "u32", self.buffer(data)))
            for name, data in self.metadata.items()
        ]
        subgraph = file.table(
            (0, "ref", file.tables(self.tensors[::-1] if self.n_reversed else self.tensors)),
            (1, "ref", file.numbers("i32", self.numbered([self.input]))),
            (2, "ref", file.numbers("i32", self.numbered(outputs))),
            (3, "ref", file.tables(self.operators)),
        )
        model = file.table(
            (0, "u32", 3),  # schema version
            (1, "ref", file.tables([self.operator_code(*code) for code in self.codes])),
            (2, "ref", file.tables([subgraph])),
            (4, "ref", file.tables([self.laid_buffer(data) for data in self.buffers])),
            (6, "ref", file.tables(entries)),
        )
        return file.finish(model, b"TFL3")

    def numbered(self, tensors: list[int]) -> list[int]:
        """Where in the file's list tensors are."""
        return [self.n_reversed - 1 - i for i in tensors] if self.n_reversed else tensors

    def buffer(self, data: bytes) -> int:
        """Number of the buffer that holds these bytes."""
        return self.buffers.setdefault(data, len(self.buffers))

    def laid_buffer(self, data: bytes) -> Offset:
        """A buffer with its bytes, which may lie there already."""
        laid = self.last.get(data) or (self.file.blob(data) if data else None)
        return self.file.table((0, "ref", laid))

    def operator_code(self, name: str, version: int) -> Offset:
        """What an operator is, and its version."""
        code = OPERATORS[name][0]  # in both fields: readers disagree on which to trust
        return self.file.table((0, "i8", min(code, 127)), (2, "i32", version), (3, "i32", code))


def file_shape(shape: Shape) -> Shape:
    """`[C, M, F]` → `[1, M, F, C]`; vectors `[N]` → `[1, N]`."""
    return (1, *shape[1:], shape[0])


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
