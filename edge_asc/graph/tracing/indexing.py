"""Slices whose ends lie beyond the frames, as Python has them: `x[..., :500]` of 131.

torch hands on what is left of them at the length that is traced, which here is all. They stay.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edge_asc.graph.tracing.recorder import Recorder

END = 1 << 31  # what is as far as this is meant as the end


class Indexing(TorchFunctionMode):
    """Sees `x[…]` before torch has put its ends within the size of x."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by torch for each function and method of tensors."""
        if func is Tensor.__getitem__ and self.recorder.is_live(args[0]):
            x, index = args
            for dim, begin, end in list(ends_beyond(index, x.shape)):
                x = self.recorder.cut_beyond(x, dim, begin, end)
            args = (x, index)
        return func(*args, **(kwargs or {}))


def ends_beyond(index: Any, sizes: torch.Size) -> Iterator[tuple[int, int, int | None]]:
    """Dim, begin and end of each slice that has an end beyond the dim; the other end is open."""
    parts = index if isinstance(index, tuple) else (index,)
    if not all(p is None or p is ... or isinstance(p, int | slice) for p in parts):
        return  # indices that are tensors: what they take is seen
    n_written = sum(p is not None and p is not ... for p in parts)
    dim = 0
    for part in parts:
        if part is ...:
            dim += len(sizes) - n_written
        elif isinstance(part, slice) and dim < len(sizes):
            begin = part.start if _is_beyond(part.start, sizes[dim], -1) else 0
            end = part.stop if _is_beyond(part.stop, sizes[dim], 1) else None
            if begin or end is not None:
                yield dim, begin, end
        dim += part is not None and part is not ...


def _is_beyond(end: Any, size: int, sign: int) -> bool:
    return isinstance(end, int) and size < sign * end < END
