"""Arguments of torch's operations, as the graph takes them; axes of a value `[C, M, F]`."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from edge_asc.graph.tracing.values import CHANNELS, FRAMES, MELS

__all__ = ["CHANNELS", "FRAMES", "MELS", "WHOLE_MAP", "array", "pair"]

WHOLE_MAP = (MELS, FRAMES)


def array(tensor: Tensor) -> np.ndarray:
    """Float32 numbers of a parameter."""
    return tensor.detach().float().cpu().numpy()


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A size that torch lets one write as one number."""
    if isinstance(value, int):
        return (value, value)
    return (value[0], value[-1])
