"""Graph → .tflite bytes, written directly as a flatbuffer: no TensorFlow, no transposes.

Layout is `[1, M, F, C]`. The graph's numbers go into the file unchanged: float32, float16 (storage
only: kernels compute in float32), or int8 with the graph's own grids. The number of frames is
dynamic wherever the network allows it. Table slots and enums: TensorFlow Lite's schema.fbs.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edge_asc.budget.tflite.shapes import SAME, VALID
from edge_asc.export.flatbuffer_writer import Field, Offset, SharingBuilder
from edge_asc.graph.from_tflite import FILE_AXIS, RELU
from edge_asc.graph.graph import Graph, Grid, Node, Shape
from edge_asc.runtime.trust.digest import seal

# schema.fbs: TensorType
FLOAT32, FLOAT16, INT32, INT8 = 0, 1, 2, 9
TENSOR_TYPE = {np.dtype("float32"): FLOAT32, np.dtype("float16"): FLOAT16,
               np.dtype("int32"): INT32, np.dtype("int8"): INT8}  # fmt: skip

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
    "RESHAPE": (22, 0, 1),
    "PAD": (34, 0, 2),
    "TRANSPOSE": (39, 26, 2),
    "MEAN": (40, 27, 2),
    "SPLIT": (49, 35, 2),
    "MAXIMUM": (55, 0, 2),
    "REDUCE_MAX": (82, 27, 2),
    "LEAKY_RELU": (98, 75, 2),
}
NO_ACTIVATION = 0


def to_tflite(
    graph: Graph, n_frames: int, metadata: Mapping[str, bytes] | None = None, half: bool = False
) -> bytes:
    """Write a folded graph.

    Args:
        graph: float or quantised; a quantised graph gives int8 input and outputs.
        n_frames: the length that the input is declared with.
        metadata: entries of `Model.metadata`.
        half: store a float graph's weights as float16.

    Raises:
        ValueError: an op that has no faithful form in the file.
    """
    graph.check_writable()
    writer = _Writer(graph, n_frames, half, metadata or {})
    for node in graph.nodes:
        EMITTERS[node.op](writer, node)
    return seal(writer.finish())


class _Writer:
    """Collects tensors and operators, then lays them out."""

    def __init__(
        self, graph: Graph, n_frames: int, half: bool, metadata: Mapping[str, bytes]
    ) -> None:
        self.graph, self.half, self.metadata = graph, half, metadata
        self.shapes = graph.shapes(n_frames)
        self.file = SharingBuilder()
        # What is laid first comes last in the file: there `with_metadata` can replace it.
        self.last = {data: self.file.blob(data) for data in metadata.values() if data}
        self.buffers: dict[bytes, int] = {b"": 0}
        self.tensors: list[Offset] = []
        self.operators: list[Offset] = []
        self.codes: dict[tuple[str, int], int] = {}
        self.constants: dict[tuple, int] = {}
        self.index: dict[str, int] = {}  # value -> tensor
        self.input = self.value(graph.input, name="x", dynamic=not graph.has_fixed_length(n_frames))

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
        fields: list[Field] = [
            (0, "ref", self.file.numbers("i32", shape)),
            (1, "i8", dtype),
            (2, "u32", self.buffer(data)),
            (3, "ref", self.file.string(name) if name else None),
            (4, "ref", quantisation),
            (7, "ref", self.file.numbers("i32", signature) if signature else None),
        ]
        self.tensors.append(self.file.table(*fields))
        return len(self.tensors) - 1

    def value(self, name_in_graph: str, name: str = "", dynamic: bool = False) -> int:
        """The tensor of a graph value; made on first use."""
        if name_in_graph not in self.index:
            names = {value: output for output, value in self.graph.outputs.items()}
            name = name or names.get(name_in_graph, "")
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
        scales = [float(s) for s in scale.astype(np.float32)]
        if len(set(scales)) == 1:  # one for the whole tensor: 16 bytes a channel fewer
            scales = scales[:1]
        return self.file.table(
            (2, "ref", self.file.numbers("f32", scales)),
            (3, "ref", self.file.numbers("i64", [zero_point] * len(scales))),
            (6, "i32", axis),
        )

    def constant(self, array: np.ndarray, scale: np.ndarray | None = None, axis: int = 0) -> int:
        """A constant tensor; float weights become float16 + DEQUANTIZE in a half file."""
        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes(),
               None if scale is None else scale.tobytes())  # fmt: skip
        if key not in self.constants:
            halved = self.half and array.dtype == np.float32
            stored = array.astype(np.float16) if halved else array
            quantisation = None if scale is None else self.quantisation(scale, 0, axis)
            index = self.tensor(
                array.shape, TENSOR_TYPE[stored.dtype], stored.tobytes(), quantisation
            )
            if halved:
                half, index = index, self.tensor(array.shape, FLOAT32)
                self.operator("DEQUANTIZE", [half], [index])
            self.constants[key] = index
        return self.constants[key]

    def weights(self, node: Node, weight: np.ndarray, axis: int = 0) -> list[int]:
        """Tensors of a node's weight (given in the file's layout) and bias."""
        bias = node.tensors["bias"]
        scale = node.tensors.get("weight_scale")
        if scale is None:
            return [self.constant(weight), self.constant(bias)]
        bias_scale = scale * np.float32(node.attributes["input_scale"])
        return [self.constant(weight, scale, axis), self.constant(bias, bias_scale)]

    # Operators

    def operator(self, name: str, inputs: list[int], outputs: list[int], *options: Field) -> None:
        _, kind, int8_version = OPERATORS[name]
        version = int8_version if self.graph.is_quantised else 1
        code = self.codes.setdefault((name, version), len(self.codes))
        self.operators.append(
            self.file.table(
                (0, "u32", code),
                (1, "ref", self.file.numbers("i32", inputs)),
                (2, "ref", self.file.numbers("i32", outputs)),
                (3, "u8", kind),
                (4, "ref", self.file.table(*options) if kind else None),
            )
        )

    def emit(self, name: str, node: Node, *options: Field, constants: tuple[int, ...] = ()) -> None:
        """An operator from a node's inputs (constants after them) to its outputs."""
        inputs = [self.value(v) for v in node.inputs]
        self.operator(name, [*inputs, *constants], [self.value(v) for v in node.outputs], *options)

    def padded(self, node: Node, padding: tuple[int, int]) -> int:
        """Zeros around mels and frames by an operator of its own; the convolution is then VALID.

        SAME pads differently from torch where a stride meets an even size.
        """
        source = node.inputs[0]
        c, m, f = self.shapes[source]
        shape = (c, m + 2 * padding[0], f + 2 * padding[1])
        out = self.activation(shape, self.graph.grids.get(source))
        widths = np.array([[0, 0], [padding[0]] * 2, [padding[1]] * 2, [0, 0]], np.int32)
        self.operator("PAD", [self.value(source), self.constant(widths)], [out])
        return out

    # The file

    def finish(self) -> bytes:
        file = self.file
        entries = [
            file.table((0, "ref", file.string(name)), (1, "u32", self.buffer(data)))
            for name, data in self.metadata.items()
        ]
        outputs = [self.value(v) for v in self.graph.outputs.values()]
        subgraph = file.table(
            (0, "ref", file.tables(self.tensors)),
            (1, "ref", file.numbers("i32", [self.input])),
            (2, "ref", file.numbers("i32", outputs)),
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

    def buffer(self, data: bytes) -> int:
        """Number of the buffer that holds these bytes."""
        return self.buffers.setdefault(data, len(self.buffers))

    def laid_buffer(self, data: bytes) -> Offset:
        laid = self.last.get(data) or (self.file.blob(data) if data else None)
        return self.file.table((0, "ref", laid))

    def operator_code(self, name: str, version: int) -> Offset:
        code = OPERATORS[name][0]  # in both fields: readers disagree on which to trust
        return self.file.table((0, "i8", min(code, 127)), (2, "i32", version), (3, "i32", code))


def file_shape(shape: Shape) -> Shape:
    """`[C, M, F]` → `[1, M, F, C]`; vectors `[N]` → `[1, N]`."""
    return (1, *shape[1:], shape[0])


def _activation(node: Node) -> int:
    return RELU if node.attributes.get("relu") else NO_ACTIVATION


def _conv(writer: _Writer, node: Node) -> None:
    weight = node.tensors["weight"]
    stride, padding = node.attributes["stride"], node.attributes["padding"]
    kernel = weight.shape[2:]
    same = stride == (1, 1) and all(2 * p == k - 1 for p, k in zip(padding, kernel, strict=True))
    is_plain = same or not any(padding)
    source = writer.value(node.inputs[0]) if is_plain else writer.padded(node, padding)
    options: list[Field] = [(0, "i8", SAME if same else VALID), (1, "i32", stride[1]),
                            (2, "i32", stride[0])]  # fmt: skip
    if node.attributes["groups"] == 1:
        name, axis, file_weight = "CONV_2D", 0, weight.transpose(0, 2, 3, 1)
        options += [(3, "i8", _activation(node))]
    else:
        name, axis, file_weight = "DEPTHWISE_CONV_2D", 3, weight.transpose(1, 2, 3, 0)
        options += [(3, "i32", 1), (4, "i8", _activation(node))]
    tensors = writer.weights(node, file_weight, axis)
    writer.operator(name, [source, *tensors], [writer.value(node.output)], *options)


def _linear(writer: _Writer, node: Node) -> None:
    weight = node.tensors["weight"]
    flatten = writer.graph.producer(node.inputs[0])
    if flatten is not None and flatten.op == "flatten":
        shape = writer.shapes[flatten.inputs[0]]  # torch flattens [C, M, F], the file [M, F, C]
        weight = weight.reshape(-1, *shape).transpose(0, 2, 3, 1).reshape(len(weight), -1)
    tensors = tuple(writer.weights(node, weight))
    writer.emit("FULLY_CONNECTED", node, (0, "i8", _activation(node)), constants=tensors)


def _flatten(writer: _Writer, node: Node) -> None:
    source, name = node.inputs[0], node.output
    read_by_linear = all(node.op == "linear" for node in writer.graph.consumers(name))
    if writer.shapes[source][1:] == (1, 1) and read_by_linear and not writer.graph.is_output(name):
        writer.index[name] = writer.value(source)  # FULLY_CONNECTED flattens by itself
        return
    shape = np.array(file_shape(writer.shapes[name]), np.int32)
    writer.emit("RESHAPE", node, constants=(writer.constant(shape),))


def _max_pool(writer: _Writer, node: Node) -> None:
    a = node.attributes
    (high, wide), (down, along) = a["kernel"], a["stride"]  # mels, frames
    halves = (high, wide, down, along) == (2, 2, 2, 2)
    if any(a["padding"]) or (a["ceil"] and not halves):
        raise ValueError(f"max pool {a}: no padding, and ceil mode only where 2 x 2 are halved")
    sizes: tuple[Field, ...] = ((1, "i32", along), (2, "i32", down), (3, "i32", wide),
                                (4, "i32", high))  # fmt: skip
    writer.emit("MAX_POOL_2D", node, (0, "i8", SAME if a["ceil"] else VALID), *sizes)


def _reduce(name: str, axes: tuple[int, ...]) -> Callable[[_Writer, Node], None]:
    def emit(writer: _Writer, node: Node) -> None:
        constant = writer.constant(np.array(axes, np.int32))
        writer.emit(name, node, (0, "bool", True), constants=(constant,))  # keep_dims

    return emit


def _split(writer: _Writer, node: Node) -> None:
    rank = len(file_shape(writer.shapes[node.inputs[0]]))
    axis = writer.constant(np.array(rank - 1, np.int32))
    source, outputs = writer.value(node.inputs[0]), [writer.value(v) for v in node.outputs]
    writer.operator("SPLIT", [axis, source], outputs, (0, "i32", 2))


def _transpose(writer: _Writer, node: Node) -> None:
    order = writer.constant(np.array([0, 1, 3, 2], np.int32))
    writer.emit("TRANSPOSE", node, constants=(order,))


def _concat(writer: _Writer, node: Node) -> None:
    is_vector = len(writer.shapes[node.output]) == 1
    axis = 1 if is_vector else FILE_AXIS[node.attributes["axis"]]
    writer.emit("CONCATENATION", node, (0, "i32", axis))


def _plain(name: str) -> Callable[[_Writer, Node], None]:
    return lambda writer, node: writer.emit(name, node)


def _fused(name: str) -> Callable[[_Writer, Node], None]:
    return lambda writer, node: writer.emit(name, node, (0, "i8", _activation(node)))


EMITTERS: dict[str, Callable[[_Writer, Node], None]] = {
    "conv": _conv,
    "linear": _linear,
    "flatten": _flatten,
    "max_pool": _max_pool,
    "split": _split,
    "transpose": _transpose,
    "concat": _concat,
    "max": _plain("MAXIMUM"),
    "sigmoid": _plain("LOGISTIC"),
    "relu": _plain("RELU"),
    "leaky_relu": lambda writer, node: writer.emit(
        "LEAKY_RELU", node, (0, "f32", node.attributes["slope"])
    ),
    "l2_normalise": _fused("L2_NORMALIZATION"),
    "add": _fused("ADD"),
    "mul": _fused("MUL"),
    "global_mean": _reduce("MEAN", (1, 2)),
    "global_max": _reduce("REDUCE_MAX", (1, 2)),
    "channel_max": _reduce("REDUCE_MAX", (3,)),
}
