"""Random changes to whole batches of features `[B, 1, M, F]` (B clips, M mels, F frames).

The changes are pure functions of a batch and explicit numbers per clip; `Augmenter` draws those
numbers from a numpy generator, so that every device gets the same ones. Nothing loops over clips.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import torch
from torch import Tensor

from edge_asc.config.schema import AugmentConfig
from edge_asc.training.augment.extra import applied, find
from edge_asc.training.augment.sound import add_noise, gain, mix_sounds, response

RESPONSE_POINTS = 6  # a response that changes slowly: every 20 of 128 mels
NOISE_COLOUR_DB = 10.0
SNR_RANGE_DB = 30.0
VARIANCE_FLOOR = 1e-6  # of a mel that does not change

Random = np.random.Generator


def roll(x: Tensor, frames: Tensor) -> Tensor:
    """Shift each clip circularly by `frames` `[B]` (int64, in [0, F)) towards later times."""
    n_frames = x.shape[3]
    windows = torch.cat((x, x), dim=3).unfold(3, n_frames, 1)  # [B, 1, M, F + 1, F]
    first = (n_frames - frames) % n_frames
    return windows[torch.arange(len(x), device=x.device), :, :, first]


def mixup(
    x: Tensor, targets: tuple[Tensor, ...], weight: Tensor, partner: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Mix each clip with its partner, features and all label sets with the same weight.

    Args:
        x: features `[B, 1, M, F]`.
        targets: one distribution over classes `[B, classes]` per label set.
        weight: of the clip itself, `[B]` or `[1]`, in [0, 1].
        partner: index of the other clip, `[B]`.
    """
    mixed = torch.lerp(x[partner], x, weight.view(-1, 1, 1, 1))
    return mixed, tuple(torch.lerp(t[partner], t, weight.view(-1, 1)) for t in targets)


def cut_mix(
    x: Tensor, targets: tuple[Tensor, ...], start: Tensor, width: Tensor, partner: Tensor, dim: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Put a stretch of its partner into each clip, labels by how much of it is whose.

    After Yun et al., "CutMix", 2019, along one axis alone, so that a mel or a frame is of one clip
    from end to end.

    Args:
        x: features `[B, 1, M, F]`.
        targets: one distribution over classes `[B, classes]` per label set.
        start: where the stretch begins, `[B]` or `[1]`.
        width: of the stretch, as `start`.
        partner: index of the other clip, `[B]`.
        dim: 2: a stretch of mels, 3: of frames.
    """
    joined = torch.where(_stretch(x, start, width, dim), x[partner], x)
    share = (1 - width / x.shape[dim]).to(x.dtype).view(-1, 1)
    return joined, tuple(torch.lerp(t[partner], t, share) for t in targets)


def freq_mixstyle(x: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """Give each mel bin of a clip a mean and deviation mixed with its partner's.

    Recording devices differ in their frequency response, which is what these statistics hold.
    """
    mean = x.mean(3, keepdim=True)
    std = (x.var(3, keepdim=True, correction=0) + VARIANCE_FLOOR).sqrt()
    w = weight.view(-1, 1, 1, 1)
    new_mean, new_std = torch.lerp(mean[partner], mean, w), torch.lerp(std[partner], std, w)
    return (x - mean) / std * new_std + new_mean


def mask(x: Tensor, start: Tensor, width: Tensor, dim: int) -> Tensor:
    """Set `width` positions from `start` on to 0 along `dim` (2: mels, 3: frames).

    `start` and `width` are `[B]`, or `[1]` for the same mask on every clip.
    """
    return x.masked_fill(_stretch(x, start, width, dim), 0.0)


def _stretch(x: Tensor, start: Tensor, width: Tensor, dim: int) -> Tensor:
    """True from `start` on over `width` positions of `dim`, as it broadcasts with `x`."""
    position = torch.arange(x.shape[dim], device=x.device)
    within = (position >= start[:, None]) & (position < (start + width)[:, None])  # [B, size]
    shape = [len(start), 1, 1, 1]
    shape[dim] = x.shape[dim]
    return within.view(shape)


class Augmenter:
    """Raw features and labels in, normalised and augmented batch out.

    Order: gain, response, noise, roll, one's own, sounds mixed (raw) → normalise → frequency
    mixstyle → cut-mix, where sounds were not mixed, else mixup → masks, so that masked areas hold
    the mean of normalised features, 0.

    Args:
        config: what to do and how strongly.
        normalize: `[B, 1, M, F] -> [B, 1, M, F]`, the front end's normalisation.
        log: the raw features are natural logarithms of power.
    """

    def __init__(
        self, config: AugmentConfig, normalize: Callable[[Tensor], Tensor], log: bool = True
    ) -> None:
        self.config = config
        self.normalize = normalize
        self.log = log
        self.extra = find(config.extra) if config.extra else None

    def as_recorded(self) -> "Augmenter":
        """The same without what stands for other microphones: responses and noise."""
        config = msgspec.structs.replace(self.config, response_db=0.0, noise_probability=0.0)
        return Augmenter(config, self.normalize, self.log)

    def __call__(
        self, raw: Tensor, targets: tuple[Tensor, ...], rng: Random
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return features `[B, 1, M, F]` and the targets `[B, classes]` after mixing."""
        c = self.config
        raw = self._shift(self._noise(self._response(self._gain(raw, rng), rng), rng), rng)
        if self.extra is not None:
            raw = applied(c.extra, self.extra, raw, rng)
        as_sounds = c.sound_mix == 1 or bool(c.sound_mix and rng.random() < c.sound_mix)
        if as_sounds:
            raw, targets = mix_sounds(raw, targets, *self._pairs(raw, rng), self.log)
        x = self._mixstyle(self.normalize(raw), rng)
        if not as_sounds and _happens(c.cut_mix, rng):
            dim = int(rng.integers(2, 4))
            x, targets = cut_mix(x, targets, *self._stretches(x, dim, rng), dim)
        elif not as_sounds and c.mixup_alpha:
            x, targets = mixup(x, targets, *self._pairs(x, rng))
        x = self._masks(x, c.frequency_masks, c.frequency_mask_mels, 2, rng)
        return self._masks(x, c.time_masks, c.time_mask_frames, 3, rng), targets

    def _gain(self, raw: Tensor, rng: Random) -> Tensor:
        if not self.config.gain_db:
            return raw
        limit = self.config.gain_db
        return gain(raw, _like(raw, rng.uniform(-limit, limit, len(raw))), self.log)

    def _response(self, raw: Tensor, rng: Random) -> Tensor:
        limit, most = self.config.response_db, self.config.response_points
        if not limit:
            return raw
        return response(raw, self._points(raw, limit, rng, _draw_count(most, rng)), self.log)

    def _noise(self, raw: Tensor, rng: Random) -> Tensor:
        c = self.config
        if not _happens(c.noise_probability, rng):
            return raw
        snr = rng.uniform(c.noise_snr_db, c.noise_snr_db + SNR_RANGE_DB, len(raw))
        white = rng.standard_exponential(raw.shape, np.float32)
        colour = self._points(raw, NOISE_COLOUR_DB, rng)
        return add_noise(raw, _like(raw, snr), colour, _like(raw, white), self.log)

    def _points(
        self, raw: Tensor, limit_db: float, rng: Random, count: int = RESPONSE_POINTS
    ) -> Tensor:
        return _like(raw, rng.uniform(-limit_db, limit_db, (len(raw), count)))

    def _shift(self, x: Tensor, rng: Random) -> Tensor:
        largest = round(self.config.roll * x.shape[3])
        if not largest:
            return x
        frames = rng.integers(-largest, largest + 1, len(x)) % x.shape[3]
        return roll(x, _whole(x, frames))

    def _mixstyle(self, x: Tensor, rng: Random) -> Tensor:
        c = self.config
        if not _happens(c.freq_mixstyle_probability, rng):
            return x
        weight = rng.beta(c.freq_mixstyle_alpha, c.freq_mixstyle_alpha, len(x))
        return freq_mixstyle(x, _like(x, weight), _permutation(x, rng))

    def _pairs(self, x: Tensor, rng: Random) -> tuple[Tensor, Tensor]:
        """Each clip's weight and partner."""
        alpha = self.config.mixup_alpha or 1.0
        weight = rng.beta(alpha, alpha, len(x) if self.config.per_clip else 1)
        return _like(x, weight), _permutation(x, rng)

    def _stretches(self, x: Tensor, dim: int, rng: Random) -> tuple[Tensor, Tensor, Tensor]:
        """Where each clip's stretch begins, how wide it is, and its partner."""
        size, n = x.shape[dim], len(x) if self.config.per_clip else 1
        width = rng.integers(0, size + 1, n)
        start = rng.integers(0, size - width + 1)
        return _whole(x, start), _whole(x, width), _permutation(x, rng)

    def _masks(self, x: Tensor, count: int, widest: int, dim: int, rng: Random) -> Tensor:
        size = x.shape[dim]
        n = len(x) if self.config.per_clip else 1
        for _ in range(count):
            width = rng.integers(0, min(widest, size) + 1, n)
            start = rng.integers(0, size - width + 1)
            x = mask(x, _whole(x, start), _whole(x, width), dim)
        return x


def _happens(probability: float, rng: Random) -> bool:
    """True with that probability; what never happens draws no number."""
    return bool(probability) and rng.random() < probability


def _draw_count(most: int, rng: Random) -> int:
    """How many points a response has: from slow ones to the finest, evenly in octaves."""
    if most <= RESPONSE_POINTS:
        return most
    return round(RESPONSE_POINTS * (most / RESPONSE_POINTS) ** rng.random())


def _like(x: Tensor, values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).to(x.device, x.dtype)


def _whole(x: Tensor, numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(numbers).to(x.device)


def _permutation(x: Tensor, rng: Random) -> Tensor:
    return _whole(x, rng.permutation(len(x)))
