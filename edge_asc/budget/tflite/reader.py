"""Counts a .tflite file, ours or anybody's, with the standard library and numpy."""

from collections.abc import Callable, Iterator
from math import prod

from edge_asc.budget.inventory import (
    Constant,
    Inventory,
    Layer,
    Missing,
    Role,
    Shape,
)
from edge_asc.budget.length import Length, length_of
from edge_asc.budget.tflite.arena import arena_of
from edge_asc.budget.tflite.operators import (
    BIAS_INPUTS,
    GRAPH_INPUTS,
    MATRIX_INPUTS,
    MOVES,
    PER_INPUT,
    PER_OUTPUT,
    POOLS,
)
from edge_asc.budget.tflite.schema import Operator, Subgraph, Tensor, read_subgraphs
from edge_asc.budget.tflite.shapes import Shapes
from edge_asc.budget.tflite.unpacked import unpacked_constants, unpacks_constant
from edge_asc.runtime.formats.flatbuffer import FlatError
from edge_asc.runtime.metadata import entries_of

STEERING = frozenset({"int32", "int64", "bool", "string", "resource", "variant"})
FRAME_AXIS = 2  # of [1, M, F, 1]


def read_tflite(
    data: bytes,
    *,
    frames: int | None = None,
    audio_s: float | None = None,
    name: str = "model.tflite",
) -> Inventory:
    """Count the bytes of a .tflite file; arguments as of `inventory_of_file`.

    Raises:
        ValueError: not a TFLite file, a damaged one, or one that cannot take this length.
    """
    try:
        subgraphs = read_subgraphs(data)
        length = length_of(entries_of(data, name), frames, audio_s)
        return _Counter(subgraphs, length).inventory(name, len(data))
    except FlatError as error:
        raise ValueError(f"{name}: {error}") from None


class _Counter:
    """Goes through a file's operators once and keeps what they need from each other."""

    def __init__(self, subgraphs: list[Subgraph], length: Length) -> None:
        self.length = length
        self.notes = length.notes
        self.read: set[int] = set()  # tensors (by id) that a layer has in its sum
        self.stored: set[int] = set()  # and the places in the file that they lie in
        self.nonzero: dict[tuple[int, str], int] = {}
        self.uncounted: set[str] = set()
        self.missing: set[Missing] = set()
        main = Shapes(subgraphs[0])
        main.resize(self.counted_inputs(subgraphs[0]))
        self.graphs = [main, *(Shapes(graph) for graph in subgraphs[1:])]

    def counted_inputs(self, graph: Subgraph) -> dict[int, Shape]:
        """Shapes that the inputs are counted with: 1 for a dynamic batch, the rest frames."""
        shapes = {}
        for index in graph.inputs:
            tensor = graph.tensors[index]
            first = 0 if len(tensor.signature) == 1 else 1
            free = [i for i, size in enumerate(tensor.signature) if size < 0 and i >= first]
            sizes = [1 if size < 0 else size for size in tensor.shape]
            if first and len(tensor.signature) and tensor.signature[0] < 0:
                sizes[0] = 1
            if free and self.length.wanted is None:
                self.length.take_for_granted("dynamic input counted at its stored length")
            elif free:
                sizes[free[-1]] = self.length.wanted or 1
            elif self.length.frames is not None and self.length.frames not in tensor.shape[1:]:
                raise FlatError(f"input of fixed shape {list(tensor.shape)}: no other frames")
            shapes[index] = tuple(sizes)
        return shapes

    def inventory(self, name: str, file_bytes: int) -> Inventory:
        layers = [layer for shapes in self.graphs for layer in self.layers(shapes)]
        layers += self.unread()
        main = self.graphs[0]
        shape = main.known[main.graph.inputs[0]] if main.graph.inputs else ()
        counted = shape[FRAME_AXIS] if len(shape) == 4 else None
        audio_s = self.length.seconds(counted, shape)
        self.notes += self.warnings()
        if self.length.assumed or any(graph.kept for graph in self.graphs):
            self.missing |= {"work", "activations"}
        if self.uncounted:
            self.missing.add("work")
        peak = arena_of(main)
        if peak is None:
            self.missing.add("activations")
            self.notes.append("too many tensors to plan their memory")
        return Inventory(name, "tflite", tuple(layers), shape, audio_s, peak or 0, file_bytes,
                         tuple(self.notes), self.length.views, frozenset(self.missing))  # fmt: skip

    def warnings(self) -> Iterator[str]:
        if self.uncounted:
            yield f"work of {', '.join(sorted(self.uncounted))} is not counted"
        if kept := sorted({name for shapes in self.graphs for name in shapes.kept}):
            yield f"stored shapes of {', '.join(kept)} kept at the new length"
        if len(self.graphs) > 1:
            self.missing.add("activations")
            yield "work of each branch and loop body counted once; peak of the main graph alone"
        if any(t.is_external for shapes in self.graphs for t in shapes.graph.tensors):
            self.missing |= {"file", "parameters"}
            yield "some weights lie in another file and are not counted"

    def layers(self, shapes: Shapes) -> Iterator[Layer]:
        graph = shapes.graph
        stored = unpacked_constants(graph)
        for position, op in enumerate(graph.operators):
            if unpacks_constant(op, stored):  # the weight belongs to who reads it
                continue
            made = [(graph.tensors[i], shapes.known[i]) for i in op.outputs if i >= 0]
            macs, elementwise = self.work(shapes, op)
            yield Layer(
                name=(made[0][0].name if made else "") or f"op {position}",
                kind=op.name,
                constants=tuple(self.constants(op, stored)),
                macs=macs,
                elementwise=elementwise,
                output_bytes=sum(tensor.size_bytes(shape) for tensor, shape in made),
                output_shape=made[0][1] if made else (),
                input_shape=shapes.known[op.inputs[0]] if op.inputs and op.inputs[0] >= 0 else (),
            )

    def work(self, shapes: Shapes, op: Operator) -> tuple[int, int]:
        """Multiply-accumulates and other operations of one operator."""
        out = prod(shapes.known[op.outputs[0]]) if op.outputs and op.outputs[0] >= 0 else 0
        if op.name in MACS:
            return MACS[op.name](shapes, op, out), 0
        if op.name in MATRIX_INPUTS:
            return _recurrent(shapes, op), out
        if op.name in PER_OUTPUT:
            return 0, out * (len(op.inputs) - 1 if op.name == "ADD_N" else 1)
        if op.name in PER_INPUT:
            return 0, prod(shapes.input(op, 0))
        if op.name in POOLS:
            return 0, out * op.positive(3) * op.positive(4)
        if op.name not in MOVES:
            self.uncounted.add(op.name)
        return 0, 0

    def constants(self, op: Operator, stored: dict[int, Tensor]) -> Iterator[Constant]:
        for position, index in enumerate(op.inputs):
            if index not in stored:
                continue
            tensor = stored[index]
            role: Role = "weight"
            if position in BIAS_INPUTS.get(op.name, ()):
                role = "bias"
            elif tensor.dtype in STEERING or position in GRAPH_INPUTS.get(op.name, ()):
                role = "graph"
            yield self.constant(tensor, role)

    def constant(self, tensor: Tensor, role: Role) -> Constant:
        assert tensor.data is not None  # only stored tensors are asked for
        key = (tensor.storage, tensor.dtype)
        if key not in self.nonzero:
            self.nonzero[key] = tensor.nonzero()
        here = 0 if tensor.storage in self.stored else len(tensor.data)
        shared = id(tensor) in self.read
        self.stored.add(tensor.storage)
        self.read.add(id(tensor))
        count = prod(tensor.shape)
        return Constant(role, tensor.dtype, tensor.bits, count, self.nonzero[key], here, shared)

    def unread(self) -> Iterator[Layer]:
        """A layer for each constant that no operator reads; it takes room all the same."""
        for shapes in self.graphs:
            for tensor in shapes.graph.tensors:
                if tensor.data is not None and tensor.storage not in self.stored:
                    constant = self.constant(tensor, "graph")
                    yield Layer(tensor.name or "?", "unread", (constant,), 0, 0, 0, tensor.shape)


WorkRule = Callable[[Shapes, Operator, int], int]


def _per_output(shapes: Shapes, op: Operator, out: int) -> int:
    """Each output is a sum over one filter `[out, …, in]`."""
    return out * prod(shapes.input(op, 1)[1:])


def _depthwise(shapes: Shapes, op: Operator, out: int) -> int:
    _, height, width, _ = shapes.input(op, 1, rank=4)
    return out * height * width


def _transposed(shapes: Shapes, op: Operator, out: int) -> int:
    """Each input is spread over one filter per output channel."""
    channels, height, width, _ = shapes.input(op, 1, rank=4)
    return prod(shapes.input(op, 2)) * channels * height * width


def _volume(shapes: Shapes, op: Operator, out: int) -> int:
    return out * prod(shapes.input(op, 1, rank=5)[:4])  # filter [depth, height, width, in, out]


def _matrices(shapes: Shapes, op: Operator, out: int) -> int:
    x = shapes.input(op, 0)
    if len(x) < 2:
        raise FlatError(f"{op.name} of {list(x)}")
    return out * x[-2 if op.option(0, "b") else -1]  # adj_x: the first matrix is transposed


def _recurrent(shapes: Shapes, op: Operator) -> int:
    """Each row of each step meets each matrix `[out, in]`."""
    rows = prod(shapes.input(op, 0)[:-1])
    kernel = op.option(3, "b") if op.name == "LSTM" else 0
    held = (2,) if kernel else MATRIX_INPUTS[op.name]  # 1: the basic kernel has one for all gates
    there = [i for i in held if i < len(op.inputs) and op.inputs[i] >= 0]
    return rows * sum(prod(shapes.input(op, i, rank=2)) for i in there)


def _svdf(shapes: Shapes, op: Operator, out: int) -> int:
    """Each row meets a filter over numbers, and what it gave lately one over time."""
    x, features, times = (shapes.input(op, i, rank=2) for i in range(3))
    return x[0] * (prod(features) + prod(times))


MACS: dict[str, WorkRule] = {
    "CONV_2D": _per_output,
    "FULLY_CONNECTED": _per_output,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "CONV_3D": _volume,
    "BATCH_MATMUL": _matrices,
    "SVDF": _svdf,
}
