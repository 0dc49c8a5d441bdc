"""The values of a graph that is being written down, and which of their numbers tensors hold."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.graph import FLOAT_OPS, Node, Shape, output_shape
from edge_asc.graph.tracing.layout import Live, Picks, agreed, filled, laid, numbered, recognise
from edge_asc.graph.tracing.parting import Parting, choice, of_whole, partings
from edge_asc.graph.tracing.place import Place, Whereabouts
from edge_asc.graph.tracing.refusals import refuse

Axes = tuple[int, ...]
CHANNELS, MELS, FRAMES = 0, 1, 2  # axes of a value


class Values:
    """Nodes so far, and tensors that hang on the input.

    Attributes:
        nodes: in the order in which they are computed.
        shapes: of each value.
        one_length: whether the network is read as it is at this number of frames alone.
        by_count: whether long pieces of the frames are so many of them, and short ones what is
            left between so many at both ends; or the other way round.
    """

    def __init__(
        self, x: Tensor, where: Whereabouts, one_length: bool = False, by_count: bool = False
    ) -> None:
        super().__init__()
        self.where, self.one_length, self.by_count = where, one_length, by_count
        self.n_clips = len(x)
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {"x": tuple(x.shape[1:])}
        n_mels, n_frames = x.shape[2:]
        longer = n_frames if one_length else 3 * n_frames + 64
        self.longer: dict[str, Shape] = {"x": (1, n_mels, longer)}  # of a longer input
        self.live: dict[int, Live] = {id(x): Live("x")}
        self.lengths: dict[int, Tensor] = {}  # of a tensor with lengths: what they are lengths of
        self.stacks: dict[int, tuple[int, Sequence[Tensor]]] = {}  # dim and parts, not yet joined
        self.moved: dict[int, Place] = {}  # where a tensor was cut, turned or reshaped
        self.made: dict[tuple, str] = {}  # what a value was turned into already
        self.kept: list[Any] = [x]  # tensors are told apart by their address: none may be freed

    def refuse(self, what: str, place: Place | None = None) -> NoReturn:
        """Raise ValueError that says what cannot be written, and where."""
        refuse(place or self.where.now(), what)

    def is_live(self, tensor: Any) -> bool:
        """Whether a tensor hangs on the input."""
        return isinstance(tensor, Tensor) and (
            id(tensor) in self.live or id(tensor) in self.lengths or id(tensor) in self.stacks
        )

    def index_of(self, live: Live) -> Tensor:
        """Which elements of its value a tensor holds."""
        if live.index is not None:
            return live.index
        return numbered(self.n_clips, self.shapes[live.value])

    def emit(self, op: str, *inputs: str, **fields: Any) -> str:
        """Add a node; the name of its output."""
        name = f"{op}_{len(self.nodes)}"
        if op in FLOAT_OPS:
            fields["attributes"] = {"place": str(self.where.now())}
        self.add(Node(op, inputs, (name,), **fields))
        return name

    def add(self, node: Node) -> None:
        """Add a node, whose shapes must be some at any number of frames."""
        shape = output_shape(node, [self.shapes[v] for v in node.inputs])
        try:
            longer = output_shape(node, [self.longer[v] for v in node.inputs])
        except ValueError:
            self.refuse("a piece of the frames")
        self.shapes.update(dict.fromkeys(node.outputs, shape))
        self.longer.update(dict.fromkeys(node.outputs, longer))
        self.nodes.append(node)

    def hangs_on_frames(self, value: str, axis: int) -> bool:
        """Whether an axis of a value has another size at another number of frames."""
        return self.shapes[value][axis] != self.longer[value][axis]

    def once(self, op: str, source: str, **attributes: Any) -> str:
        """A node that only moves numbers, added at its first use."""
        key = (op, source, *((k, repr(v)) for k, v in attributes.items()))
        if key not in self.made:
            self.made[key] = self.emit(op, source, attributes=attributes)
        return self.made[key]

    def picked(self, tensor: Tensor) -> tuple[str, tuple[int | None, ...]]:
        """A value that holds the numbers of a tensor, and the axis of it that each dim runs along.

        A dim of a single number, or of one that is repeated (`expand`), has None; ops of two
        values broadcast it, `written_out` repeats it.

        Raises:
            ValueError: more axes in a dim, or more dims in an axis, than a value has.
        """
        if not self.is_live(tensor) or id(tensor) in self.lengths:
            self.refuse("a constant in the place of a value")
        if id(tensor) in self.stacks:
            self.refuse("reshaping")
        live = self.live[id(tensor)]
        if live.index is None:
            return live.value, tuple(range(len(self.shapes[live.value])))
        picks = recognise(live.index, self.shapes[live.value])
        if picks is None:
            live, picks = self.parted_anew(tensor, live)
        if picks.is_flat:
            return self.once("flatten", live.value), picks.axes
        value = live.value
        for axis, numbers in picks.taken.items():
            if len(self.shapes[value]) == 3 and self.hangs_on_frames(value, axis):
                piece = self.piece(self.shapes[value][axis], numbers)
                if piece is None:
                    self.refuse("a piece of the frames", self.moved.get(id(tensor)))
                value = self.once("cut", value, axis=axis, begin=piece[0], end=piece[1])
            else:
                value = self.once("take", value, axis=axis, indices=tuple(numbers))
        return value, picks.axes

    def piece(self, size: int, numbers: list[int]) -> tuple[int, int | None] | None:
        """Begin and end of some of the frames, as slices have them at any number of frames."""
        first, last = numbers[0], numbers[-1]
        if numbers != list(range(first, last + 1)):
            return None
        behind = last + 1 - size
        if (2 * len(numbers) > size) != self.by_count:
            return first, behind or None
        return (first, last + 1) if first <= -behind else (first - size, behind or None)

    def parted_anew(self, tensor: Tensor, live: Live) -> tuple[Live, Picks]:
        """The tensor in a value whose channels and mels are parted anew, or taken one by one.

        Raises:
            ValueError: frames are cut and joined with them.
        """
        sizes = tensor.shape[1:]
        found = self.parted(live, sizes, of_whole) or self.parted(live, sizes) or self.chosen(live)
        picks = None
        if found is not None:
            picks = recognise(self.index_of(found), self.shapes[found.value])
        if found is None or picks is None:
            self.refuse("reshaping", self.moved.get(id(tensor)))
        return found, picks

    def parted(
        self, live: Live, sizes: Sequence[int], fits: Callable[[Tensor, Shape], Any] = recognise
    ) -> Live | None:
        """The same numbers out of a value that is parted in one of these sizes, if one fits."""
        for kept in self.whole_axes(live):
            for way in partings(self.index_of(live), self.shapes[live.value], kept, sizes):
                if fits(way.index, way.shape):
                    return self.emit_parting(live, way)
        return None

    def chosen(self, live: Live) -> Live | None:
        """The same numbers out of a value whose channels and mels are taken one by one."""
        for kept in self.whole_axes(live):
            way = choice(self.index_of(live), self.shapes[live.value], kept)
            if way is not None:
                return self.emit_parting(live, way)
        return None

    def whole_axes(self, live: Live) -> list[int]:
        """Axes that a parting may leave as they are: frames, where there is any number of them."""
        if len(self.shapes[live.value]) != 3:
            return []
        hang = [axis for axis in range(3) if self.hangs_on_frames(live.value, axis)]
        return hang if hang else [FRAMES, MELS, CHANNELS]

    def emit_parting(self, live: Live, way: Parting) -> Live:
        """Add what lays a value so."""
        value = live.value
        if way.order != (CHANNELS, MELS, FRAMES):
            value = self.once("transpose", value, order=way.order)
        if way.taken:
            value = self.once("regroup", value, channels=prod(self.shapes[value][:2]))
            value = self.once("take", value, axis=CHANNELS, indices=way.taken)
        if self.shapes[value][0] != way.channels:
            value = self.once("regroup", value, channels=way.channels)
        return Live(value, way.index)

    def joined(self, tensor: Tensor) -> str | None:
        """The value `[C, M, F]` of a tensor `[B, C, M · F]`, or `[B, C, 1, M · F]`; or None."""
        live = self.live.get(id(tensor))
        if live is None or live.index is None or tensor.ndim < 3:
            return None
        if tensor[0, 0].numel() not in tensor.shape[2:]:
            return None
        shape = self.shapes[live.value]
        if len(shape) != 3 or 1 in shape[1:]:
            return None
        whole = numbered(self.n_clips, shape).flatten(2)
        return live.value if torch.equal(live.index.flatten(2), whole) else None

    def arranged(self, value: str, axes: tuple[int | None, ...], wanted: Axes) -> str:
        """The value turned so that each dim runs along the wanted axis."""
        if len(self.shapes[value]) == 1:
            if max(wanted, default=0) == 0 and len(wanted) == 1:
                return value
            value = self.once("unflatten", value)
        if len(set(wanted)) < len(wanted):
            self.refuse("reshaping")
        came = {to: at for to, at in zip(wanted, axes, strict=True) if at is not None}
        free = iter(axis for axis in range(3) if axis not in came.values())
        order = tuple(came[axis] if axis in came else next(free) for axis in range(3))
        return value if order == (0, 1, 2) else self.once("transpose", value, order=order)

    def map(self, tensor: Tensor) -> str:
        """The value `[C, M, F]` of a tensor `[B, C, M, F]`."""
        if tensor.ndim != 4:
            self.refuse(f"a tensor of {tensor.ndim} dims in the place of [B, C, M, F]")
        value, axes = self.picked(tensor)
        value = self.arranged(value, axes, (0, 1, 2))
        return self.written_out(tensor, value, (0, 1, 2))

    def vector(self, tensor: Tensor) -> str:
        """The value `[N]` of a tensor `[B, N]`."""
        if tensor.ndim != 2:
            self.refuse(f"a tensor of {tensor.ndim} dims in the place of [B, N]")
        value, axes = self.picked(tensor)
        value = self.written_out(tensor, self.arranged(value, axes, (0,)), (0,))
        return value if len(self.shapes[value]) == 1 else self.once("flatten", value)

    def led(self, tensor: Tensor) -> tuple[str, Axes]:
        """A value whose channels are the second dim of a tensor, and the axes of its dims."""
        value, axes = self.picked(tensor)
        wanted = filled((0, *(None if axis == 0 else axis for axis in axes[1:])))
        value = self.arranged(value, axes, wanted)
        return self.written_out(tensor, value, wanted), wanted

    def written_out(self, tensor: Tensor, value: str, axes: Axes, like: Sequence[str] = ()) -> str:
        """The value with the numbers that a tensor repeats along its dims.

        Frames are repeated only as often as another value has them: by adding zeros to each of its.
        """
        for axis, size in zip(axes, tensor.shape[1:], strict=True):
            if self.shapes[value][axis] == size:
                continue
            if axis < 2 or len(self.shapes[value]) == 1 or self.one_length:
                value = self.once("take", value, axis=axis, indices=(0,) * size)
                continue
            long = [v for v in like if self.shapes[v][2:] == (size,)]
            if not long:
                self.refuse("repeating along the frames", self.moved.get(id(tensor)))
            value = self.emit("add", self.zeros(long[0]), value)
        return value

    def zeros(self, value: str) -> str:
        """A zero for each frame of a value, `[1, 1, F]`."""
        weight = np.zeros((1, self.shapes[value][0], 1, 1), np.float32)
        window = {"stride": (1, 1), "padding": (0, 0), "groups": 1, "constant": True}
        tensors = {"weight": weight, "bias": np.zeros(1, np.float32)}
        return self.once(
            "axis_mean", self.emit("conv", value, attributes=window, tensors=tensors), axis=1
        )

    def together(self, tensors: Sequence[Tensor]) -> tuple[list[str], Axes]:
        """Values of tensors with as many dims each, which lie alike, and the axes of the dims.

        They lie as the one lies that has the most axes. What is repeated is not written out.
        """
        found = [self.picked(tensor) for tensor in tensors]
        n_dims = tensors[0].ndim - 1
        if n_dims == 1 and any(len(self.shapes[value]) == 1 for value, _ in found):
            return [self.vector(tensor) for tensor in tensors], (0,)
        if n_dims not in (1, 2, 3):
            self.refuse(f"a tensor of {n_dims + 1} dims")
        wanted = agreed([axes for _, axes in found])
        return [self.arranged(value, axes, wanted) for value, axes in found], wanted

    def each(self, result: Tensor, x: Tensor, compute: Callable[[str], str]) -> None:
        """Compute with each number of a tensor by itself, so that any layout stays as it is."""
        live = self.live.get(id(x))
        if live is not None and live.index is not None and (
            x.ndim > 4 or recognise(live.index, self.shapes[live.value]) is None
        ):  # fmt: skip
            self.live[id(result)] = Live(compute(live.value), live.index.expand(result.shape))
            return
        (value,), axes = self.together([x])
        self.hold(result, compute(value), axes)

    def hold(self, tensor: Tensor, value: str, axes: Axes) -> None:
        """Note that a tensor is a value whose axes its dims run along, or repeat its one number."""
        index = laid(self.n_clips, self.shapes[value], axes)
        whole = numbered(self.n_clips, self.shapes[value]) if index is None else index
        if whole.shape != tensor.shape:
            index = whole.expand(tensor.shape)
        self.live[id(tensor)] = Live(value, index)
