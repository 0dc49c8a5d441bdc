"""Random changes to raw features that stand for changes to the sound itself.

Raw features `[B, 1, M, F]` (B clips, M mels, F frames) are powers, or their natural logarithms
(`log`). In both, what happens in the air can be written down: a louder clip, another microphone's
response, noise below a sound, two sounds at once.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

NEPERS_PER_DB = math.log(10.0) / 10.0  # of power


def gain(raw: Tensor, gain_db: Tensor, log: bool) -> Tensor:
    """Change the level of each clip by `gain_db` `[B]`, in dB."""
    return response(raw, gain_db[:, None], log)


def response(raw: Tensor, points_db: Tensor, log: bool) -> Tensor:
    """Hear each clip through a frequency response.

    Args:
        raw: raw features.
        points_db: the response `[B, P]` in dB at P points, evenly spaced from the lowest mel to the
            highest; between them it is linear. One point is the same for all mels.
        log: the features are logarithms.
    """
    n_mels = raw.shape[2]
    if points_db.shape[1] == 1:
        curve = points_db[:, None]
    else:
        curve = F.interpolate(points_db[:, None], n_mels, mode="linear", align_corners=True)
    change = curve[..., None] * NEPERS_PER_DB  # [B, 1, M, 1]
    return raw + change if log else raw * change.exp()


def add_noise(raw: Tensor, snr_db: Tensor, points_db: Tensor, noise: Tensor, log: bool) -> Tensor:
    """Add stationary noise of some colour to each clip.

    Args:
        raw: raw features.
        snr_db: power of the clip, mean over mels and frames, above that of the noise, `[B]`.
        points_db: colour of the noise, as in `response`.
        noise: power of white noise, `[B, 1, M, F]`, 1 in the mean.
        log: the features are logarithms.
    """
    coloured = response(noise, points_db, log=False)
    coloured = coloured / mean_power(coloured, log=False) * mean_power(raw, log)
    coloured = gain(coloured, -snr_db, log=False)
    return torch.logaddexp(raw, coloured.log()) if log else raw + coloured


def mean_power(raw: Tensor, log: bool) -> Tensor:
    """Mean over mels and frames of each clip, `[B, 1, 1, 1]`."""
    return (raw.exp() if log else raw).mean((2, 3), keepdim=True)


def mix_sounds(
    raw: Tensor, targets: tuple[Tensor, ...], weight: Tensor, partner: Tensor, log: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Mix each clip with its partner as two sounds in one place, labels by how loud each is.

    Between-class learning (Tokozume, Ushiku, Harada, ICLR 2018): amplitudes in a ratio that makes
    the two equally loud for equal weights. Unlike sounds add in power; no level is changed at a
    weight of 0 or 1.

    Args:
        raw: raw features.
        targets: one distribution over classes `[B, classes]` per label set.
        weight: of the clip itself, `[B]` or `[1]`, in [0, 1].
        partner: index of the other clip, `[B]`.
        log: the features are logarithms.
    """
    power = raw.exp() if log else raw
    level = mean_power(power, log=False)  # [B, 1, 1, 1]
    own = weight.view(-1, 1, 1, 1)
    # amplitudes p and 1 - p, p / (1 - p) = weight / (1 - weight) * sqrt(partner's power / own)
    a, b = own * level[partner].sqrt(), (1 - own) * level.sqrt()
    a, b = a / (a + b), b / (a + b)
    mixed = (a**2 * power + b**2 * power[partner]) / (a**2 + b**2)
    soft = tuple(torch.lerp(t[partner], t, weight.view(-1, 1)) for t in targets)
    return mixed.log() if log else mixed, soft
