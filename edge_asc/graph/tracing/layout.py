"""How a tensor lies in a value of the graph, whatever was cut, turned and reshaped between them.

Such movements are made twice, on the tensor and on the numbers of its elements; here these numbers
are recognised. Letters: B clips; a value is `[C, M, F]` or `[N]`; a tensor has any dims behind B.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

import torch
from torch import Tensor

from edge_asc.graph.graph import Shape


@dataclass(frozen=True)
class Live:
    """A tensor that hangs on the input: which elements of which value it holds.

    `index` has the tensor's shape; None where the tensor is the value as it is.
    """

    value: str
    index: Tensor | None = None


@dataclass(frozen=True)
class Picks:
    """What of each axis of a value a tensor holds, and which dim runs along it.

    Attributes:
        axes: of each dim behind B the value's axis; None for one of a single number, which may be
            repeated.
        taken: the numbers of an axis that are left, where not all are.
        is_flat: all axes lie in one dim, in their order.
    """

    axes: tuple[int | None, ...]
    taken: dict[int, list[int]]
    is_flat: bool = False


def numbered(n_clips: int, shape: Shape) -> Tensor:
    """The numbers of a value's elements, `[B, *shape]`."""
    return torch.arange(n_clips * prod(shape)).reshape(n_clips, *shape)


def laid(n_clips: int, shape: Shape, axes: tuple[int, ...]) -> Tensor | None:
    """Index of a tensor whose dims run along these axes of a value; the others hold one number.

    None where that is the value as it is.
    """
    if axes == tuple(range(len(shape))):
        return None
    others = [axis for axis in range(len(shape)) if axis not in axes]
    order = [0, *(axis + 1 for axis in (*axes, *others))]
    return numbered(n_clips, shape).permute(order).reshape(n_clips, *(shape[a] for a in axes))


def recognise(index: Tensor, shape: Shape) -> Picks | None:
    """Read an index into a value of a shape; None where the dims do not run along its axes."""
    steps = _steps(index)
    if steps is None or not _keeps_clips(steps[0], prod(shape)):
        return None
    first = int(index.flatten()[0])
    moved = [step + first for step in steps[1:]]
    long = [d for d, numbers in enumerate(moved) if bool((numbers != first).any())]
    several = sum(size > 1 for size in shape) > 1
    if several and len(long) == 1 and _is_whole(moved[long[0]], shape):
        flat = tuple(0 if d == long[0] else None for d in range(len(moved)))
        return Picks(flat, {}, is_flat=True)
    axes: list[int | None] = [None] * len(moved)
    start = coordinates(torch.tensor([first]), shape)
    taken = {axis: start[axis].tolist() for axis in range(len(shape))}
    for dim in long:
        places = coordinates(moved[dim], shape)
        along = [a for a, c in enumerate(places) if bool((c != start[a]).any())]
        if len(along) != 1 or along[0] in axes:
            return None
        axes[dim] = along[0]
        taken[along[0]] = places[along[0]].tolist()
    left = {a: picked for a, picked in taken.items() if picked != list(range(shape[a]))}
    return Picks(tuple(axes), left)


def filled(axes: tuple[int | None, ...], wanted: tuple[int | None, ...] | None = None) -> tuple:
    """The axes with a place for each dim of a single number: the wanted one, or any that is free.

    A dim that has an axis keeps it; raises StopIteration never: dims are at most three.
    """
    known = [a if a is not None else w for a, w in zip(axes, wanted or axes, strict=True)]
    free = (axis for axis in count() if axis not in known)
    return tuple(next(free) if axis is None else axis for axis in known)


def agreed(each: Sequence[tuple[int | None, ...]]) -> tuple[int, ...]:
    """An axis for each dim, of tensors that are computed with together.

    The tensor with the most axes comes first; what it leaves open is as the others have it.
    """
    known: list[int | None] = [None] * len(each[0])
    for axes in sorted(each, key=lambda axes: axes.count(None)):
        for dim, axis in enumerate(axes):
            if known[dim] is None and axis not in known:
                known[dim] = axis
    return filled(tuple(known))


def overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have a number in the same place of memory."""
    if a.untyped_storage()._cdata != b.untyped_storage()._cdata or a.dtype != b.dtype:
        return False
    places = torch.arange(a.untyped_storage().nbytes() // a.element_size())
    ours, theirs = (places.as_strided(t.shape, t.stride(), t.storage_offset()) for t in (a, b))
    held = torch.zeros(len(places), dtype=torch.bool)
    held[ours.flatten()] = True
    return bool(held[theirs.flatten()].any())


def _steps(index: Tensor) -> list[Tensor] | None:
    """How far each dim moves, `[size]`; None where the dims' movements do not add up."""
    origin = index[(0,) * index.ndim]
    steps = []
    total = torch.zeros((1,) * index.ndim, dtype=index.dtype)
    for dim in range(index.ndim):
        at: list[int | slice] = [0] * index.ndim
        at[dim] = slice(None)
        step = index[tuple(at)] - origin
        steps.append(step)
        total = total + step.reshape([-1 if d == dim else 1 for d in range(index.ndim)])
    return steps if torch.equal(total + origin, index) else None


def _keeps_clips(step: Tensor, per_clip: int) -> bool:
    return torch.equal(step, torch.arange(len(step)) * per_clip)


def _is_whole(numbers: Tensor, shape: Shape) -> bool:
    return torch.equal(numbers, torch.arange(prod(shape)))


def coordinates(numbers: Tensor, shape: Shape) -> list[Tensor]:
    """Coordinates along each axis of a value."""
    found = []
    for size in reversed(shape):
        found.append(numbers % size)
        numbers = numbers // size
    return found[::-1]
