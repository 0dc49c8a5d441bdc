"""A number of frames that a network takes, where nobody says one."""

import re
from copy import deepcopy

import torch
from torch import nn

from edge_asc.graph.tracing.place import unwrapped

SOME = (132, 264, 528, 1056)  # even ones, and longer ones, before the search
MOST = 1 << 15
MUCH_LONGER = (1501, 6004)  # a quarter of a minute and a minute, of hops of 10 ms
# torch says: mat1 and mat2 shapes cannot be multiplied (2x768 and 732x3), or on the meta device
# a and b must have same reduction dim, but got [2, 768] X [732, 3].
MISFIT = re.compile(r"(\d+)(?:x|, )(\d+)\)?\]? (?:and|X) \[?(\d+)(?:x|, )(\d+)")


# What torch raises, and what a network may, at an input of another size than it is made for.
MISFITS = (RuntimeError, TypeError, IndexError, KeyError, AssertionError, AttributeError,
           ZeroDivisionError)  # fmt: skip


@torch.no_grad()
def frames_that_fit(network: nn.Module, n_mels: int, problem: str) -> int:
    """A longer or even number, or that which the linear layer asks for that flattens frames.

    Args:
        network: that does not take the nominal number of frames.
        n_mels: of its input.
        problem: what it said to the nominal number.

    Raises:
        ValueError: no number of frames does.
    """
    tried = deepcopy(network).to("meta")
    for n_frames in SOME:
        if _problem(tried, n_mels, n_frames) is None:
            return n_frames
    low, high = 1, MOST
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
    raise no_such_input(network, n_mels, "frames", f"{problem}; if one length does, say n_frames")


def no_such_input(network: nn.Module, n_mels: int, n_frames: int | str, problem: str) -> ValueError:
    """That a network does not take an input of this size, and what it said."""
    name = type(unwrapped(network)).__name__
    return ValueError(f"{name} takes no input [B, 1, {n_mels}, {n_frames}]: {problem}")


def other_lengths(n_frames: int) -> list[int]:
    """Even and odd ones, of other residues, shorter and longer: conditions tell some apart.

    And much longer ones, as limits are written that no usual clip comes near.
    """
    longer = 2 * n_frames
    shorter = n_frames - n_frames // 4 - 2, n_frames // 3
    much_longer = [length for length in MUCH_LONGER if length > longer + 3]
    found = n_frames - 1, n_frames - 2, *shorter, longer, longer + 3, *much_longer
    return [length for length in found if length > 0]


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
