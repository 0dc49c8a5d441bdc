"""The graph between torch and the file formats: a list of a few op kinds with their tensors.

Values are named and laid out `[C, M, F]` (channels, mels, frames; the batch axis is left out).
A float graph holds float32 weights; a quantised one holds int8 weights with one scale a channel,
int32 biases, and a `Grid` for every value. Weights of a layer may lie within the numbers of four
bits (`weight_bits`), and are then stored so. Writers read this list and know nothing of torch.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int, ...]

# Ops whose outputs hold only numbers of their inputs: input and output share one grid, so they run
# on the int8 numbers themselves and lose nothing. TFLite gives wrong results silently otherwise.
ORDER_OPS = frozenset(
    {"split", "take", "max", "min", "max_pool", "global_max", "axis_max", "channel_max", "concat",
     "flatten", "unflatten", "transpose", "regroup", "pad", "cut"}
)  # fmt: skip

# The leaky ReLU too: XNNPACK scales by multiples of 1/256, which between two grids fits neither
# side; on one grid what is positive stays as it is. And bounds that no layer before them takes in.
# Means of windows lie between their numbers.
SAME_GRID_OPS = ORDER_OPS | {"leaky_relu", "clip", "mean_pool"}

# Roots and quotients of computed numbers, of which int8 steps say too little: float files alone.
FLOAT_OPS = frozenset({"sqrt", "rsqrt", "div"})

UNFOLDED_OPS = frozenset({
    "affine",  # scale [C], shift [C]: batch norm in eval mode, or constant factors
    "channel_mean",  # [C, M, F] -> [1, M, F]
    "avg_pool",  # kernel, stride, padding, divisor; zeros of the padding count
})  # fmt: skip

OPS = (
    SAME_GRID_OPS
    | FLOAT_OPS
    | UNFOLDED_OPS
    | {
        "conv",  # weight [out, in / groups, kh, kw], bias [out]; stride, padding, groups, dilation
        "linear",  # weight [out, in], bias [out]
        "global_mean",  # [C, M, F] -> [C, 1, 1]
        "axis_mean",  # over axis 1 or 2, which stays with one number
        "add",  # both broadcast [C, 1, 1], [1, M, F], [C, 1, F]
        "mul",
        "sigmoid",
        "tanh",
        "hardswish",
        "gelu",  # tanh: whether in its form with a tanh
        "elu",
        "l2_normalise",  # each place divided by the root of its sum of squares over channels
        "relu",
    }
)


@dataclass(frozen=True)
class Grid:
    """The int8 numbers of a value: real = scale · (q - zero_point), q in [-128, 127]."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and -128 <= self.zero_point <= 127):
            raise ValueError(f"no int8 grid: scale {self.scale}, zero point {self.zero_point}")

    @property
    def range(self) -> tuple[float, float]:
        """The real numbers of its ends."""
        return self.scale * (-128 - self.zero_point), self.scale * (127 - self.zero_point)

    def nearest(self, number: float) -> int:
        """The int8 number next to a real one, which may lie beyond the ends."""
        return int(np.rint(np.clip(number / self.scale + self.zero_point, -128, 127)))


NOMINAL_FRAMES = 131  # where nobody says how many

# The only grids that TFLite's LOGISTIC, TANH and L2_NORMALIZATION accept.
FIXED_GRIDS = {
    "sigmoid": Grid(1 / 256, -128),
    "tanh": Grid(1 / 128, 0),
    "l2_normalise": Grid(1 / 128, 0),
}

# Ops that may hold the bounds of what they compute: `relu`, or `clip` with two numbers.
BOUNDED_OPS = frozenset({"conv", "linear", "add", "mul"})


@dataclass
class Node:
    """One op: named inputs and outputs, its numbers, its tensors."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise ValueError(f"no op {self.op!r} in the graph; known are {', '.join(sorted(OPS))}")

    @property
    def output(self) -> str:
        """The only output."""
        (name,) = self.outputs
        return name


@dataclass
class Graph:
    """Nodes in the order of their execution.

    `input` is the features `[1, M, F]`; `outputs` maps the file's output names (`scene`,
    `abstract`) to values; `grids` is empty for a float graph. `known_grids` are those of a float
    graph that began as an int8 one and still computes with its roundings: int8 training cuts off
    what is large and rare, and without these cuts the same weights compute something else.

    `n_frames` is a length of input that the network takes; with `one_length` it was asked for, and
    the graph is the network at this length alone.
    """

    nodes: list[Node]
    input: str
    n_mels: int
    outputs: dict[str, str]
    grids: dict[str, Grid] = field(default_factory=dict)
    known_grids: dict[str, Grid] = field(default_factory=dict)
    n_frames: int = NOMINAL_FRAMES
    one_length: bool = False

    @property
    def is_quantised(self) -> bool:
        """Whether values are int8."""
        return bool(self.grids)

    def check_writable(self, n_frames: int) -> None:
        """Raise ValueError for a float graph with roundings, which no float file has.

        Also for one that is not folded: batch norm by itself has no form in a file; and for a file
        of another length than the only one.
        """
        if self.one_length and n_frames != self.n_frames:
            asked = f"traced for {self.n_frames} frames alone, not for {n_frames}"
            raise ValueError(f"the network is {asked}: trace it with n_frames={n_frames}")
        if any(node.op in UNFOLDED_OPS for node in self.nodes):
            raise ValueError("the graph is not folded: fold(graph) is what can be written")
        if self.known_grids and not self.is_quantised:
            raise ValueError("a network on an int8 base has int8 files alone: quantise it first")

    def consumers(self, value: str) -> list[Node]:
        """Nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def producer(self, value: str) -> Node | None:
        """The node that makes a value; None for the input."""
        return next((node for node in self.nodes if value in node.outputs), None)

    def is_output(self, value: str) -> bool:
        """Whether a value leaves the graph."""
        return value in self.outputs.values()

    def shapes(self, n_frames: int | None = None) -> dict[str, Shape]:
        """Shape `[C, M, F]` of every value; None: of an input of `self.n_frames`."""
        n_frames = n_frames or self.n_frames
        shapes: dict[str, Shape] = {self.input: (1, self.n_mels, n_frames)}
        for node in self.nodes:
            out = output_shape(node, [shapes[name] for name in node.inputs])
            shapes.update(dict.fromkeys(node.outputs, out))
        return shapes

    def has_fixed_length(self, n_frames: int | None = None) -> bool:
        """Whether some layer reads as many numbers as there are frames, and so needs this many."""
        if self.one_length:
            return True
        n_frames = n_frames or self.n_frames
        shapes = self.shapes(n_frames)
        try:
            longer = self.shapes(3 * n_frames + 64)
        except ValueError:  # maps of different lengths meet
            return True
        layers = [node.inputs[0] for node in self.nodes if node.op in ("conv", "linear")]
        return any(shapes[v][0] != longer[v][0] for v in (*layers, *self.outputs.values()))

    def arithmetic_values(self) -> Iterator[str]:
        """Values that are computed with, or leave the graph, each once.

        Their ranges are what a grid must cover: what a maximum throws away needs no place on it.
        """
        read = [v for node in self.nodes if node.op not in ORDER_OPS for v in node.inputs]
        yield from dict.fromkeys([*read, *self.outputs.values()])


def bounds_of(node: Node) -> tuple[float, float] | None:
    """Bounds of a node's numbers, infinite on a side that has none; None: none on either."""
    if node.attributes.get("relu") or node.op == "relu":
        return 0.0, math.inf
    if node.op == "clip":
        return node.attributes["low"], node.attributes["high"]
    return node.attributes.get("clip")


def weight_bits(node: Node) -> int:
    """Bits that a file stores each weight of a quantised layer in: 8, or 4."""
    return node.attributes.get("weight_bits", 8)


def per_channel(values: np.ndarray, ndim: int) -> np.ndarray:
    """Values `[C]` as they multiply a tensor `[C, …]` of so many axes."""
    return values.reshape(-1, *[1] * (ndim - 1))


def output_shape(node: Node, inputs: list[Shape]) -> Shape:
    """Shape of each output of a node."""
    x = inputs[0]
    if node.op in ("conv", "max_pool", "avg_pool", "mean_pool"):
        channels = len(node.tensors["weight"]) if node.op == "conv" else x[0]
        return (channels, *window_shape(node, x[1:]))
    if node.op == "linear":
        return (len(node.tensors["weight"]),)
    if node.op in ("global_mean", "global_max"):
        return (x[0], 1, 1)
    if node.op in ("channel_mean", "channel_max"):
        return (1, *x[1:])
    if node.op in ("axis_mean", "axis_max"):
        return tuple(1 if axis == node.attributes["axis"] else n for axis, n in enumerate(x))
    if node.op == "take":
        axis = node.attributes["axis"]
        return (*x[:axis], len(node.attributes["indices"]), *x[axis + 1 :])
    if node.op == "pad":
        return tuple(n + a + b for n, (a, b) in zip(x, node.attributes["widths"], strict=True))
    if node.op == "split":
        return (x[0] // 2, *x[1:])
    if node.op == "concat":
        axis = node.attributes["axis"]
        return (*x[:axis], sum(shape[axis] for shape in inputs), *x[axis + 1 :])
    if node.op == "flatten":
        return (int(np.prod(x)),)
    if node.op == "unflatten":
        return (*x, 1, 1)
    if node.op == "transpose":
        return tuple(x[axis] for axis in turn_of(node))
    if node.op == "regroup":
        channels = node.attributes["channels"]
        return (channels, x[0] * x[1] // channels, x[2])
    if node.op == "cut":
        axis = node.attributes["axis"]
        return (*x[:axis], _left_of(x[axis], node), *x[axis + 1 :])
    return tuple(int(n) for n in np.broadcast_shapes(*inputs))


def _left_of(size: int, cut: Node) -> int:
    left = len(range(size)[piece_of(cut)])
    if not left:
        raise ValueError(f"nothing is left of {size} frames: input too short for the network")
    return left


def piece_of(cut: Node) -> slice:
    """What a cut leaves along its axis: numbers below zero count from the end, None is the end."""
    return slice(cut.attributes["begin"], cut.attributes["end"])


def turn_of(node: Node) -> tuple[int, ...]:
    """The axes of a transpose's input in the order of its output."""
    return node.attributes.get("order", (2, 1, 0))  # channels and frames change places


def dilation_of(node: Node) -> tuple[int, int]:
    """How far apart a convolution's weights lie on the map."""
    return node.attributes.get("dilation", (1, 1))


def window_shape(node: Node, size: Shape) -> Shape:
    """Size `[M, F]` after a convolution or pooling."""
    kernel = span_of(node) if node.op == "conv" else node.attributes["kernel"]
    stride, padding = node.attributes["stride"], node.attributes["padding"]
    up = [s - 1 if node.attributes.get("ceil") else 0 for s in stride]
    axes = zip(size, padding, kernel, up, strict=True)
    spans = [n + 2 * p - k + u for n, p, k, u in axes]
    if min(spans) < 0:
        raise ValueError(f"input of {size[0]} mels x {size[1]} frames is too short for the network")
    return tuple(span // s + 1 for span, s in zip(spans, stride, strict=True))


def span_of(node: Node) -> tuple[int, int]:
    """Mels and frames that a convolution's kernel reaches over, its gaps included."""
    high, wide = node.tensors["weight"].shape[2:]
    down, along = dilation_of(node)
    return (high - 1) * down + 1, (wide - 1) * along + 1


def scale_groups(graph: Graph) -> list[set[str]]:
    """Sets of values that must lie on one grid, in the order of their first value.

    Ops of `SAME_GRID_OPS` tie their inputs and outputs together: max(b, CBAM(b)) puts the attended
    feature on b's grid (|CBAM(b)| <= |b|, so nothing is lost), a concatenation its parts.
    """
    groups = [{graph.input}]
    for node in graph.nodes:
        values = (*node.inputs, *node.outputs)
        known = set().union(*groups)
        groups += [{value} for value in dict.fromkeys(values) if value not in known]
        if node.op in SAME_GRID_OPS:
            tied = [group for group in groups if group.intersection(values)]
            tied[0].update(*tied[1:])
            groups = [group for group in groups if group not in tied[1:]]
    return groups
