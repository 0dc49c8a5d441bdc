"""Runs a network once and takes down every operation that hangs on its input.

torch hands each operation to a dispatch mode, in about a hundred spellings, however the network
writes them. What only moves numbers is followed by `layout`; the rest are `READERS`' ops.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from edge_asc.budget.inventory import words
from edge_asc.graph.tracing.layout import Live, numbered, overlap, recognise
from edge_asc.graph.tracing.place import Place, Whereabouts
from edge_asc.graph.tracing.refusals import CHANCE, Refused, refuse
from edge_asc.graph.tracing.values import Values

Reader = Callable[..., Any]

# Numbers change their place and nothing else.
MOVES = words("""
_reshape_alias _to_copy _unsafe_view alias as_strided channel_shuffle clone contiguous detach expand
flip index index_select lift_fresh movedim narrow permute pixel_shuffle pixel_unshuffle repeat roll
select slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view
""")

# They ask for the shape or the type of a tensor and not for its numbers.
FACTORIES = words("empty_like full_like new_empty new_full new_ones new_zeros ones_like zeros_like")


class Recorder(Values, TorchDispatchMode):
    """Collects nodes while a network runs."""

    def __init__(
        self, x: Tensor, where: Whereabouts, readers: dict[str, Reader], **reading: bool
    ) -> None:
        super().__init__(x, where, **reading)
        self.readers = readers
        self.stale: dict[int, Place] = {}  # tensors that a change of another one has changed

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
        if source.index is not None and self.becomes_one(args[0], result):
            source = Live(self.map(args[0]))  # each axis is picked before several become one
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

    def cut_beyond(self, x: Tensor, dim: int, begin: int, end: int | None) -> Tensor:
        """The same numbers, of which so many frames are left where there are more."""
        result: Tensor = torch.ops.aten.alias.default(x)
        live = self.live.get(id(x))
        if live is None or dim == 0 or x.ndim > 4 or (
            recognise(self.index_of(live), self.shapes[live.value]) is None
        ):  # fmt: skip
            return result
        (value,), axes = self.together([x])
        axis = axes[dim - 1]
        if len(self.shapes[value]) == 3 and self.hangs_on_frames(value, axis):
            self.hold(result, self.once("cut", value, axis=axis, begin=begin, end=end), axes)
        return result

    def index_in_memory(self, tensor: Tensor, index: Tensor) -> Tensor:
        """The index at the start of memory of its own, as the tensor must lie in its."""
        if tensor.storage_offset() or not tensor.is_contiguous():
            self.refuse("reshaping")
        return index.clone(memory_format=torch.contiguous_format)

    def becomes_one(self, x: Tensor, result: Any) -> bool:
        """Whether a map became `[B, N]`, or one whose axes are known `[B, C, M · F]`."""
        if x.ndim != 4 or not isinstance(result, Tensor) or len(result) != self.n_clips:
            return False
        if result.ndim != 3:
            return result.ndim == 2
        live, n_places = self.live[id(x)], x.shape[2] * x.shape[3]
        if not result.shape[2] == n_places > max(x.shape[2:]):
            return False
        known = recognise(self.index_of(live), self.shapes[live.value])
        return known is not None or self.parted(live, x.shape[1:]) is not None


def _flat(values: Any) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else list(values)
