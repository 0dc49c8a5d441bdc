"""What a .tflite file is made of: tensors, constants, operators, and the flatbuffer around them."""

import math
from collections.abc import Mapping

import numpy as np

from edge_asc.export.tflite import moves
from edge_asc.export.tflite.buffer import Field, Offset, SharingBuilder
from edge_asc.export.tflite.operators import FOUR_BIT_VERSIONS, OPERATORS
from edge_asc.graph.graph import Graph, Grid, Node, Shape, bounds_of, weight_bits
from edge_asc.graph.reading.layers import FUSED_BOUNDS
from edge_asc.runtime.formats.four_bits import packed

# schema.fbs: TensorType
FLOAT32, FLOAT16, INT32, INT8 = 0, 1, 2, 9
TENSOR_TYPE = {np.dtype("float32"): FLOAT32, np.dtype("float16"): FLOAT16,
               np.dtype("int32"): INT32, np.dtype("int8"): INT8}  # fmt: skip

INT4 = 17  # two numbers a byte, the first in the lower half

# Tensors have names, since official counters of sizes read them; shared ones, since a name of its
# own for each would take 2 % of a file: equal tensors then lie there once.
CONSTANT, INNER = "constant", "inner"
UNBOUNDED, RELU = (-math.inf, math.inf), (0.0, math.inf)


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
