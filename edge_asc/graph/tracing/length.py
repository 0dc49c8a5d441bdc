"""A number of frames that a network takes, where nobody says one."""

import re
from copy import deepcopy

import torch
from torch import nn

from edge_asc.graph.tracing.place import unwrapped

NOMINAL = 131
MOST = 1 << 15
# torch says: mat1 and mat2 shapes cannot be multiplied (2x768 and 732x3), or on the meta device
# a and b must have same reduction dim, but got [2, 768] X [732, 3].
MISFIT = re.compile(r"(\d+)(?:x|, )(\d+)\)?\]? (?:and|X) \[?(\d+)(?:x|, )(\d+)")


# What torch raises, and what a network may, at an input of another size than it is made for.
MISFITS = (RuntimeError, TypeError, IndexError, KeyError, AssertionError, AttributeError,
           ZeroDivisionError)  # fmt: skip


@torch.no_grad()
def frames_that_fit(network: nn.Module, n_mels: int, asked: int | None, problem: str) -> int:
    """The number that the linear layer asks for which flattens mels and frames.

    Args:
        network: that does not take the nominal number of frames, or those asked for.
        n_mels: of its input.
        asked: the number that it takes; None: nobody knows.
        problem: what it said to the nominal number.

    Raises:
        ValueError: no number of frames does.
    """
    tried = deepcopy(network).to("meta")
    if asked is not None and _problem(tried, n_mels, asked) is None:
        return asked
    low, high = (1, MOST) if asked is None else (1, 0)
    while low <= high:
        middle = (low + high) // 2
        found = _problem(tried, n_mels, middle)
        if found is None:
            return middle
        sizes = MISFIT.search(found)
        if sizes and int(sizes[2]) > int(sizes[3]):
            high = middle - 1
        else:
            low = middle + 1
    frames = "frames" if asked is None else asked
    raise ValueError(
        f"{type(unwrapped(network)).__name__} takes no input [B, 1, {n_mels}, {frames}]: {problem}"
    )


def _problem(network: nn.Module, n_mels: int, n_frames: int) -> str | None:
    """What torch says to such an input; None where it is taken."""
    weights = next(network.parameters(), torch.empty(0))
    try:
        with torch.device("meta"):
            network(torch.empty(2, 1, n_mels, n_frames, dtype=weights.dtype))
    except (*MISFITS, ValueError) as error:
        return one_line(error)
    return None


def one_line(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
