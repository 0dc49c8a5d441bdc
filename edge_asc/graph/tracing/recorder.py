"""Runs a network once and takes down every operation that hangs on its input.

torch hands each operation to a dispatch mode, in about a hundred spellings, however the network
writes them. What only moves numbers is followed by `layout`; the rest are `READERS`' ops.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from edge_asc.budget.inventory import words
from edge_asc.graph.graph import Node, Shape, output_shape
from edge_asc.graph.tracing.layout import Live, agreed, filled, laid, numbered, overlap, recognise
from edge_asc.graph.tracing.place import Place, Whereabouts
from edge_asc.graph.tracing.refusals import CHANCE, Refused, refuse

Axes = tuple[int, ...]
Reader = Callable[..., Any]

# Numbers change their place and nothing else.
MOVES = words("""
_reshape_alias _to_copy _unsafe_view alias as_strided channel_shuffle clone contiguous detach expand
flip index index_select lift_fresh movedim narrow permute pixel_shuffle pixel_unshuffle repeat roll
select slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view
""")

# They ask for the shape or the type of a tensor and not for its numbers.
FACTORIES = words("empty_like full_like new_empty new_full new_ones new_zeros ones_like zeros_like")


class Recorder(TorchDispatchMode):
    """Collects nodes while a network runs.

    Attributes:
        nodes: in the order in which they are computed.
        shapes: of each value.
    """

    def __init__(self, x: Tensor, where: Whereabouts, readers: dict[str, Reader]) -> None:
        super().__init__()
        self.where, self.readers = where, readers
        self.n_clips = len(x)
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {"x": tuple(x.shape[1:])}
        self.live: dict[int, Live] = {id(x): Live("x")}
        self.lengths: dict[int, Tensor] = {}  # of a tensor with lengths: what they are lengths of
        self.stacks: dict[int, tuple[int, Sequence[Tensor]]] = {}  # dim and parts, not yet joined
        self.stale: dict[int, Place] = {}  # tensors that a change of another one has changed
        self.moved: dict[int, Place] = {}  # where a tensor was cut, turned or reshaped
        self.made: dict[tuple, str] = {}  # what a value was turned into already
        self.kept: list[Any] = [x]  # tensors are told apart by their address: none may be freed

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, so torch need not import its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by torch for each operation."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name.rstrip("_") in CHANCE:
            self.refuse(name.rstrip("_"))
        given = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)]
        if name in FACTORIES or not any(self.is_live(t) for t in given):
            return func(*args, **kwargs)
        if name not in MOVES and name not in self.readers and func._can_decompose():
            with self:  # in inference mode torch leaves to us what it otherwise takes apart
                return func.decompose(*args, **kwargs)
        for tensor in given:
            if id(tensor) in self.stale:
                refuse(self.where.now(), "changed in place", str(self.stale[id(tensor)]))
        changed = name.endswith("_") and not name.startswith("_")
        result = func(*args, **kwargs)
        self.kept += [given, result]
        name = name.rstrip("_") if changed else name
        try:
            self.take(func, name, args, kwargs, result)
        except Refused:
            raise
        except Exception as error:  # torch runs it: whatever it is, it is not the network's fault
            refuse(self.where.now(), "not followed", name, error)
        for tensor in self.sharing(args[0]) if changed else []:
            self.stale[id(tensor)] = self.where.now()
        return result

    def take(self, func: Any, name: str, args: tuple, kwargs: dict, result: Any) -> None:
        """Note what one operation has made."""
        if name in MOVES and not self.is_split_in_halves(name, args, result):
            self.move(func, args, kwargs, result)
        elif name in self.readers:
            self.readers[name](self, result, *args, **kwargs)
        else:
            refuse(self.where.now(), name)

    def refuse(self, what: str, place: Place | None = None) -> NoReturn:
        """Raise ValueError that says what cannot be written, and where."""
        refuse(place or self.where.now(), what)

    # Tensors

    def is_live(self, tensor: Any) -> bool:
        """Whether a tensor hangs on the input."""
        return isinstance(tensor, Tensor) and (
            id(tensor) in self.live or id(tensor) in self.lengths or id(tensor) in self.stacks
        )

    def sharing(self, changed: Tensor) -> list[Tensor]:
        """Other tensors that hang on the input and have numbers in the same memory."""
        others = [t for t in tree_flatten(self.kept)[0] if isinstance(t, Tensor)]
        return [t for t in {id(t): t for t in others}.values()
                if t is not changed and self.is_live(t) and overlap(t, changed)]  # fmt: skip

    def is_split_in_halves(self, name: str, args: tuple, result: Any) -> bool:
        """Whether channels are cut in two halves, for which the graph has an op of its own."""
        if name not in ("split", "split_with_sizes", "chunk") or len(result) != 2:
            return False
        dim = args[2] if len(args) > 2 else 0
        return dim % args[0].ndim == 1 and result[0].shape == result[1].shape and (
            args[0].ndim in (2, 4)
        )  # fmt: skip

    def move(self, func: Any, args: tuple, kwargs: dict, result: Any) -> None:
        """Move the numbers of a tensor's elements as the tensor was moved."""
        if id(args[0]) in self.lengths:
            self.lengths[id(result)] = self.lengths[id(args[0])]
            return
        if not self.is_live(args[0]) or any(self.is_live(a) for a in tree_flatten(args[1:])[0]):
            self.refuse("chosen by computed numbers")
        if id(args[0]) in self.stacks:
            self.refuse("reshaping")
        source = self.live[id(args[0])]
        if source.index is not None and args[0].ndim == 4 and self.is_vector(result):
            source = Live(self.map(args[0]))  # each axis is picked before all become one
        index = self.index_of(source).contiguous()  # torch lets one view only what lies so
        if func.overloadpacket.__name__ == "as_strided":
            index = self.index_in_memory(args[0], index)
        options = {k: v for k, v in kwargs.items() if k != "dtype"}
        moved = tree_map(lambda t: index if t is args[0] else t, args)
        results = func(*moved, **options)
        for tensor, numbers in zip(_flat(result), _flat(results), strict=True):
            whole = numbered(self.n_clips, self.shapes[source.value])
            same = numbers.shape == whole.shape and torch.equal(numbers, whole)
            self.live[id(tensor)] = Live(source.value, None if same else numbers)
            self.moved[id(tensor)] = self.where.now()

    def index_in_memory(self, tensor: Tensor, index: Tensor) -> Tensor:
        """The index at the start of memory of its own, as the tensor must lie in its."""
        if tensor.storage_offset() or not tensor.is_contiguous():
            self.refuse("reshaping")
        return index.clone(memory_format=torch.contiguous_format)

    def is_vector(self, result: Any) -> bool:
        """Whether an operation gave `[B, N]`."""
        return isinstance(result, Tensor) and result.ndim == 2 and len(result) == self.n_clips

    def index_of(self, live: Live) -> Tensor:
        """Which elements of its value a tensor holds."""
        if live.index is not None:
            return live.index
        return numbered(self.n_clips, self.shapes[live.value])

    # Values

    def emit(self, op: str, *inputs: str, **fields: Any) -> str:
        """Add a node; the name of its output."""
        name = f"{op}_{len(self.nodes)}"
        node = Node(op, inputs, (name,), **fields)
        self.shapes[name] = output_shape(node, [self.shapes[v] for v in inputs])
        self.nodes.append(node)
        return name

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
            self.refuse("reshaping", self.moved.get(id(tensor)))
        if picks.is_flat:
            return self.once("flatten", live.value), picks.axes
        value = live.value
        for axis, numbers in picks.taken.items():
            if axis == 2 and len(self.shapes[value]) == 3:
                self.refuse("a piece of the frames", self.moved.get(id(tensor)))
            value = self.once("take", value, axis=axis, indices=tuple(numbers))
        return value, picks.axes

    def joined(self, tensor: Tensor) -> str | None:
        """The value `[C, M, F]` of a tensor `[B, C, M · F]`; None for any other tensor."""
        live = self.live.get(id(tensor))
        if live is None or live.index is None or tensor.ndim != 3:
            return None
        shape = self.shapes[live.value]
        if len(shape) != 3 or 1 in shape[1:]:
            return None
        whole = numbered(self.n_clips, shape).flatten(2)
        return live.value if torch.equal(live.index, whole) else None

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
            if axis < 2 or len(self.shapes[value]) == 1:
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


def _flat(values: Any) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else list(values)
