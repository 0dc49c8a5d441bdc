"""Tensors whose channels and mels are joined and parted anew, as where a 1-D network begins.

`flatten(1, 2)` in front of layers over frames, bands of mels that count as channels, and back.
Letters as in `layout`: B clips; a value is `[C, M, F]`, and one of its axes stays as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from edge_asc.graph.graph import Shape
from edge_asc.graph.tracing.layout import coordinates, numbered, recognise


@dataclass(frozen=True)
class Parting:
    """Two axes of a value, one behind the other, in parts of another size.

    Attributes:
        order: in which the value's axes are laid first; the last of it stays as it is.
        channels: how many parts there are.
        index: of the tensor, into what comes of it.
        shape: of what comes of it, `[channels, …, as it is]`.
        taken: which numbers of both axes it holds, where it is not all of them in their order.
    """

    order: tuple[int, ...]
    channels: int
    index: Tensor
    shape: Shape
    taken: tuple[int, ...] = ()


def partings(index: Tensor, shape: Shape, kept: int, sizes: Sequence[int]) -> Iterator[Parting]:
    """Ways to part what is no axis of a value.

    Args:
        index: of a tensor into the value.
        shape: of the value.
        kept: the axis that stays as it is.
        sizes: numbers of parts to try.
    """
    first, second = (axis for axis in range(3) if axis != kept)
    n_clips = int(index.max()) // prod(shape) + 1
    for order in ((first, second, kept), (second, first, kept)):
        old = numbered(n_clips, shape).permute(0, *(axis + 1 for axis in order)).flatten()
        new = torch.empty_like(old)
        new[old] = torch.arange(len(old))
        both, moved = shape[first] * shape[second], new[index]
        for channels in dict.fromkeys(sizes):
            if channels and both % channels == 0:
                into = (channels, both // channels, shape[kept])
                yield Parting(order, channels, moved, into)


def of_whole(index: Tensor, shape: Shape) -> bool:
    """Whether a tensor holds all channels and mels of a value in their order."""
    picks = recognise(index, shape)
    return picks is not None and not picks.taken.keys() & {0, 1}


def choice(index: Tensor, shape: Shape, kept: int) -> Parting | None:
    """Any numbers of both axes in any order, if the tensor `[B, …]` has all along the other.

    None where it has not, or more than two dims of them.
    """
    both = prod(shape) // shape[kept]
    whole = next(partings(index, shape, kept, [both]))
    clip, channel, _, place = coordinates(whole.index, (len(index), both, 1, shape[kept]))
    along = [d for d in range(1, index.ndim) if _counts(place, d, shape[kept])]
    if (not along and shape[kept] > 1) or not _counts(clip, 0, len(index)):
        return None
    rest = channel[:1] if not along else channel[:1].narrow(along[-1], 0, 1)
    if not torch.equal(rest.expand_as(channel), channel):
        return None
    chosen = rest[0] if not along else rest[0].squeeze(along[-1] - 1)
    if chosen.ndim > 2:
        return None
    high, wide = (*chosen.shape, 1, 1)[:2]
    into = (high, wide, shape[kept])
    found = numbered(len(index), into).reshape(len(index), *chosen.shape, shape[kept])
    found = found.movedim(-1, along[-1]) if along else found[..., 0]
    return Parting(whole.order, high, found, into, tuple(chosen.flatten().tolist()))


def _counts(places: Tensor, dim: int, size: int) -> bool:
    """Whether places are 0, 1, 2, … along a dim, whatever the others are."""
    if places.shape[dim] != size:
        return False
    steps = torch.arange(size).reshape([-1 if d == dim else 1 for d in range(places.ndim)])
    return torch.equal(steps.expand_as(places), places)
