"""Several views of one window: it is shifted circularly in time, and the answers are averaged.

A network that strides answers a little differently when a sound begins a frame later. Its mean
answer depends on that less and is more often right, for more work and not one byte more. Testing
on several crops is common for short clips (ten of them in Tokozume and Harada, "Learning
environmental sounds with end-to-end convolutional neural network", 2017); here every view holds
the whole window, shifted as `augment.roll` shifts it in training.
"""

from collections.abc import Sequence

import numpy as np


def shifts(n_frames: int, views: int) -> list[int]:
    """By how many frames each view is shifted: 0 first, then equal steps, none of them twice."""
    return sorted({n_frames * view // views for view in range(views)})


def heard(views: int) -> str:
    """`, heard 4 times` for reports; nothing of a single view."""
    return f", heard {views} times" if views > 1 else ""


def mean_logits(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Logits `[S]`, float32, whose softmax is the mean softmax of those of the views.

    Args:
        logits: `[S]` of each view; those of a single one are given back as they are.
    """
    if len(logits) == 1:
        return logits[0]
    each = np.stack(logits).astype(np.float64)
    log_p = each - np.logaddexp.reduce(each, axis=1, keepdims=True)
    mean = np.logaddexp.reduce(log_p, axis=0) - np.log(len(logits))
    return mean.astype(np.float32)
