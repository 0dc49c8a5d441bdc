"""Shapes of a TFLite graph at another length than the stored one.

A file with a dynamic time axis stores the shapes of one length only. Given new shapes of the
inputs, these rules carry them through the graph. An op without a rule keeps its stored shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from edge_asc.budget.inventory import Shape
from edge_asc.budget.tflite.operators import PER_OUTPUT
from edge_asc.budget.tflite.schema import Operator, Subgraph
from edge_asc.runtime.formats.flatbuffer import FlatError

SAME, VALID = 0, 1


@dataclass
class Shapes:
    """Shape of every tensor of a subgraph.

    Attributes:
        graph: Where the stored shapes come from.
        known: Shape by tensor index.
        kept: Names of ops that keep their stored shape although an input has another.
    """

    graph: Subgraph
    known: list[Shape] = field(init=False)
    kept: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.known = [tensor.shape for tensor in self.graph.tensors]

    def resize(self, inputs: dict[int, Shape]) -> None:
        """Give inputs new shapes and carry them through.

        Raises:
            FlatError: an op cannot take such an input, as when it is too short.
        """
        changed = {index for index, shape in inputs.items() if self.known[index] != shape}
        for index in changed:
            self.known[index] = inputs[index]
        for operator in self.graph.operators:
            if not changed.intersection(operator.inputs):
                continue
            for index, shape in zip(operator.outputs, self.outputs(operator), strict=False):
                if index >= 0 and self.known[index] != shape:
                    self.known[index] = shape
                    changed.add(index)

    def outputs(self, operator: Operator) -> list[Shape]:
        """Shapes of an operator's outputs, from those of its inputs."""
        rule = RULES.get(operator.name, broadcast if operator.name in PER_OUTPUT else None)
        shape = None if rule is None else rule(self, operator)
        if shape is None:
            self.kept.add(operator.name)
            return [self.known[index] for index in operator.outputs]
        return [shape] * len(operator.outputs)

    def input(self, operator: Operator, position: int, rank: int | None = None) -> Shape:
        """Shape of an operator's input, which must be there and of some rank."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            raise FlatError(f"{operator.name} without input {position}")
        shape = self.known[operator.inputs[position]]
        if rank is not None and len(shape) != rank:
            raise FlatError(f"{operator.name} of {list(shape)}, which must have {rank} axes")
        return shape

    def numbers(self, operator: Operator, position: int) -> list[int] | None:
        """Numbers of an operator's constant integer input; None where it is not constant."""
        self.input(operator, position)
        return self.graph.tensors[operator.inputs[position]].integers()


ShapeRule = Callable[[Shapes, Operator], Shape | None]


def broadcast(shapes: Shapes, operator: Operator) -> Shape:
    """One shape that all inputs stretch to."""
    inputs = [shapes.known[index] for index in operator.inputs if index >= 0]
    out: list[int] = []
    for axis in range(1, max(map(len, inputs), default=0) + 1):
        sizes = {shape[-axis] for shape in inputs if len(shape) >= axis} - {1}
        if len(sizes) > 1:
            raise FlatError(f"{operator.name} of {', '.join(str(list(s)) for s in inputs)}")
        out.append(sizes.pop() if sizes else 1)
    return tuple(reversed(out))


def span(operator: Operator, size: int, kernel: int, stride: int, padding: int) -> int:
    """Windows that fit along an axis."""
    count = -(-size // stride) if padding == SAME else (size - kernel) // stride + 1
    if count < 1:
        raise FlatError(f"{operator.name} of {kernel} over an axis of {size}: input too short")
    return count


def _window(shapes: Shapes, op: Operator, kernel: tuple[int, int]) -> tuple[int, int, int]:
    """Batch, height and width after a convolution or pooling."""
    n, height, width, _ = shapes.input(op, 0, rank=4)
    padding = op.option(0, "b")
    return (
        n,
        span(op, height, kernel[0], op.positive(2), padding),
        span(op, width, kernel[1], op.positive(1), padding),
    )


def _conv(shapes: Shapes, op: Operator) -> Shape:
    channels, height, width, _ = shapes.input(op, 1, rank=4)
    slots = (4, 5) if op.name == "CONV_2D" else (5, 6)
    dilate_w, dilate_h = (op.positive(slot, default=1) for slot in slots)
    kernel = ((height - 1) * dilate_h + 1, (width - 1) * dilate_w + 1)
    out = channels if op.name == "CONV_2D" else shapes.input(op, 1)[3]
    return (*_window(shapes, op, kernel), out)


def _pool(shapes: Shapes, op: Operator) -> Shape:
    return (*_window(shapes, op, (op.positive(4), op.positive(3))), shapes.input(op, 0)[3])


def _linear(shapes: Shapes, op: Operator) -> Shape:
    x, (outputs, inputs) = shapes.input(op, 0), shapes.input(op, 1, rank=2)
    if op.option(2, "b"):  # keep_num_dims
        return (*x[:-1], outputs)
    return (prod(x) // inputs if inputs else 0, outputs)


def _reduce(shapes: Shapes, op: Operator) -> Shape | None:
    x, axes = shapes.input(op, 0), shapes.numbers(op, 1)
    if axes is None:
        return None
    gone = {_axis(op, axis, len(x)) for axis in axes}
    if op.option(0, "b"):  # keep_dims
        return tuple(1 if axis in gone else size for axis, size in enumerate(x))
    return tuple(size for axis, size in enumerate(x) if axis not in gone)


def _split(shapes: Shapes, op: Operator) -> Shape | None:
    axes, x, parts = shapes.numbers(op, 0), shapes.input(op, 1), op.positive(0)
    if axes is None or len(axes) != 1:
        return None
    axis = _axis(op, axes[0], len(x))
    return (*x[:axis], x[axis] // parts, *x[axis + 1 :])


def _concatenate(shapes: Shapes, op: Operator) -> Shape:
    first = shapes.input(op, 0)
    axis = _axis(op, op.option(0), len(first))
    parts = [shapes.input(op, i, rank=len(first))[axis] for i in range(len(op.inputs))]
    return (*first[:axis], sum(parts), *first[axis + 1 :])


def _pad(shapes: Shapes, op: Operator) -> Shape | None:
    x, widths = shapes.input(op, 0), shapes.numbers(op, 1)
    if widths is None or len(widths) != 2 * len(x):
        return None
    pairs = zip(widths[::2], widths[1::2], strict=True)
    return _legal(op, [size + a + b for size, (a, b) in zip(x, pairs, strict=True)])


def _slice(shapes: Shapes, op: Operator) -> Shape | None:
    x, starts, sizes = shapes.input(op, 0), shapes.numbers(op, 1), shapes.numbers(op, 2)
    if starts is None or sizes is None or not len(x) == len(starts) == len(sizes):
        return None
    triples = zip(x, starts, sizes, strict=True)
    return _legal(op, [n - start if size == -1 else size for n, start, size in triples])


def _strided_slice(shapes: Shapes, op: Operator) -> Shape | None:
    """Pieces of some axes and all of the others, as masks of their ends say."""
    x, numbers = shapes.input(op, 0), [shapes.numbers(op, position) for position in (1, 2, 3)]
    if any(n is None or len(n) != len(x) for n in numbers) or any(
        op.option(slot) for slot in (2, 3, 4)
    ):
        return None
    begins, ends, strides = (n or [] for n in numbers)
    if any(stride != 1 for stride in strides):
        return None
    sizes = []
    for axis, size in enumerate(x):
        begin = None if op.option(0) >> axis & 1 else begins[axis]
        end = None if op.option(1) >> axis & 1 else ends[axis]
        sizes.append(len(range(size)[begin:end]))  # below zero: counted from the end
    return _legal(op, sizes)


def _gather(shapes: Shapes, op: Operator) -> Shape | None:
    x, indices = shapes.input(op, 0), shapes.input(op, 1)
    if op.option(1):  # axes that both have
        return None
    axis = _axis(op, op.option(0), len(x))
    return (*x[:axis], *indices, *x[axis + 1 :])


def _reshape(shapes: Shapes, op: Operator) -> Shape | None:
    total = prod(shapes.input(op, 0))
    wanted = shapes.numbers(op, 1) if len(op.inputs) > 1 else None
    if wanted is None and op.options is not None:
        wanted = list(op.options.integers(0))
    if wanted is None or wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        return None
    if -1 in wanted:
        known = prod(size for size in wanted if size != -1)
        wanted = [total // known if size == -1 and known else size for size in wanted]
    return tuple(wanted) if prod(wanted) == total else None


def _transpose(shapes: Shapes, op: Operator) -> Shape | None:
    x, order = shapes.input(op, 0), shapes.numbers(op, 1)
    if order is None or sorted(order) != list(range(len(x))):
        return None
    return tuple(x[axis] for axis in order)


def _axis(op: Operator, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise FlatError(f"{op.name} over axis {axis} of {rank}")
    return axis % rank


def _legal(op: Operator, sizes: list[int]) -> Shape:
    if min(sizes, default=0) < 0:
        raise FlatError(f"{op.name} to {sizes}")
    return tuple(sizes)


RULES: dict[str, ShapeRule] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _conv),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pool),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), _reduce),
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "FULLY_CONNECTED": _linear,
    "SPLIT": _split,
    "CONCATENATION": _concatenate,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _gather,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
}
