"""Windows without end, mixed from crops of free recordings and computed sounds.

Only ambience (each file CC0 or CC BY), ESC-10 (CC BY) and sounds computed here: what learns from
them may be shipped. Letters: B windows, N samples of a window, S samples of the pool.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge_asc.audio.decode import load_audio
from edge_asc.data.layouts.table import read_table
from edge_asc.data.synthetic_scenes import SCENES, Timbre
from edge_asc.files import atomic_write

RATE_HZ = 16000
COMPUTED_PER_KIND, COMPUTED_S = 20, 4.0
QUIET = 30.0  # of 32767: what is near silence stays near it
SILENCE = 10 ** (-70 / 20)  # what is quieter at a recording's ends is cut away

Random = np.random.Generator
Signal = np.ndarray


@dataclass(frozen=True)
class Pool:
    """All sounds end to end, 16 bit, and where each begins and how long it is, in samples."""

    samples: Tensor  # int16 [S]
    starts: Tensor
    lengths: Tensor
    groups: Tensor  # number of the group that each belongs to

    @classmethod
    def of(cls, groups: list[list[Signal]]) -> "Pool":
        """Pool of groups of sounds."""
        sounds = [sound for group in groups for sound in group]
        lengths = np.array([len(sound) for sound in sounds])
        numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        joined = np.clip(np.concatenate(sounds) * 32767, -32768, 32767).astype(np.int16)
        starts = np.cumsum(lengths) - lengths
        return cls(*map(torch.from_numpy, (joined, starts, lengths, numbers)))

    def chances(self, shares: Sequence[float]) -> np.ndarray:
        """How often each sound is drawn, sum 1: a group's share goes to its sounds by length."""
        groups, parts = self.groups.numpy(), np.sqrt(self.lengths.numpy())
        whole = np.bincount(groups, parts)
        chances = np.asarray(shares)[groups] * parts / whole[groups]
        return chances / chances.sum()


@dataclass(frozen=True)
class Mixing:
    """What a window is mixed from.

    Attributes:
        shares: of ambience, ESC-10 and computed sounds.
        crops: how often a window holds one, two, three crops.
    """

    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    crops: tuple[float, ...] = (0.4, 0.4, 0.2)


def read_pool(data: Path, kept: Path, seed: int = 0) -> Pool:
    """The pool as `kept` has it; made and kept there at first."""
    if not kept.is_file():
        with atomic_write(kept) as temporary:
            torch.save(make_pool(data, seed).__dict__, temporary)
    return Pool(**torch.load(kept, weights_only=True))


def make_pool(data: Path, seed: int = 0) -> Pool:
    """Decode ambience and ESC-10, compute the rest."""
    files = sorted((data / "ambience").glob("audio/*"))
    ambience = [trimmed(load_audio(file, RATE_HZ)) for file in files]
    rows = read_table(data / "esc10" / "meta.csv", ("filename",))
    esc10 = [
        trimmed(load_audio(data / "esc10" / "audio" / row["filename"], RATE_HZ)) for row in rows
    ]
    return Pool.of([ambience, esc10, computed(seed)])


def trimmed(sound: Signal) -> Signal:
    """A sound without the silence at its ends."""
    loud = np.flatnonzero(np.abs(sound) > SILENCE)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:1]


def computed(seed: int) -> list[Signal]:
    """Sounds that are no recordings: the synthetic scenes, and the kinds of `KINDS`."""
    n = round(COMPUTED_S * RATE_HZ)
    sounds = []
    for kind, scene in enumerate(SCENES.values()):
        for take in range(COMPUTED_PER_KIND):
            rng = np.random.default_rng((seed, kind, take))
            sounds.append(scene.sound(rng, Timbre.draw(rng), n, RATE_HZ))
    for kind, make in enumerate(KINDS):
        for take in range(3 * COMPUTED_PER_KIND):
            sounds.append(make(np.random.default_rng((seed, 100 + kind, take)), n))
    return [0.5 * sound / np.abs(sound).max() for sound in sounds]


def _wander(rng: Random, n: int, points: int) -> Signal:
    """A smooth random curve [N], about standard normal."""
    return np.interp(np.linspace(0, points - 1, n), np.arange(points), rng.standard_normal(points))


def voice(rng: Random, n: int) -> Signal:
    """A gliding tone with overtones of random strength, and pauses: calls, cries, whistles."""
    octave = rng.uniform(0, 5)
    glide = rng.uniform(0, 0.6) * _wander(rng, n, rng.integers(3, 30))
    pitch_hz = 80 * 2 ** (octave + glide)
    shake = rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(3, 40) * np.arange(n) / RATE_HZ)
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + shake)) / RATE_HZ
    falls = rng.uniform(0.3, 2.5)
    overtones = range(1, rng.integers(2, 16))
    inside = [np.where(k * pitch_hz < RATE_HZ / 2, k**-falls, 0.0) for k in overtones]
    levels = [rng.uniform() * part for part in inside]
    tones = sum(level * np.sin(k * phase) for k, level in zip(overtones, levels, strict=True))
    return tones * _bursts(rng, n) + 1e-4 * rng.standard_normal(n)


def _bursts(rng: Random, n: int) -> Signal:
    """A curve of time [N] that opens and shuts, or stays open."""
    if rng.uniform() < 0.3:
        return np.ones(n)
    sharp = rng.uniform(1, 12)
    curve = _wander(rng, n, rng.integers(4, 60)) - rng.uniform(-0.5, 0.8)
    return 1 / (1 + np.exp(-sharp * curve))


def strikes(rng: Random, n: int) -> Signal:
    """Ringing bodies struck at random times: knocks, clinks, bells, ticks."""
    time_s = np.arange(n) / RATE_HZ
    modes = rng.integers(1, 12)
    pitch_hz = 100 * 2 ** rng.uniform(0, 5.5) * rng.uniform(1, 8, modes)
    decay_s = 10 ** rng.uniform(-2.5, 0) * rng.uniform(0.3, 1, modes)
    ring = sum(
        rng.uniform() * np.sin(2 * np.pi * f * time_s) * np.exp(-time_s / d)
        for f, d in zip(np.minimum(pitch_hz, 7500), decay_s, strict=True)
    )
    click = rng.uniform(0, 2) * rng.standard_normal(n) * np.exp(-time_s / 10 ** rng.uniform(-3, -1))
    return _at_random(rng, ring + click)


def _at_random(rng: Random, event: Signal) -> Signal:
    """An event [N] at random or regular times, at random strengths."""
    n = len(event)
    count = int(2 ** rng.uniform(0, 7))
    times = rng.integers(0, n, count)
    if rng.uniform() < 0.5:
        times = (np.arange(count) * n / count).astype(int)
    train = np.zeros(n)
    train[times] = rng.uniform(0.2, 1, count)
    size = 2 * n
    return np.fft.irfft(np.fft.rfft(train, size) * np.fft.rfft(event, size), size)[:n]


def breath(rng: Random, n: int) -> Signal:
    """Noise in bands that come and go: hiss, gusts, engines, crowds."""
    noise = np.zeros(n)
    for _ in range(rng.integers(1, 5)):
        middle_hz, octaves = 60 * 2 ** rng.uniform(0, 7), rng.uniform(0.1, 2)
        distance = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 1) / middle_hz) / octaves
        band = np.fft.rfft(rng.standard_normal(n)) * np.exp(-(distance**2))
        part = np.fft.irfft(band, n)
        noise += part / part.std() * _bursts(rng, n) * rng.uniform()
    rate_hz = 2 ** rng.uniform(0, 7)
    hum = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rate_hz * np.arange(n) / RATE_HZ)
    return noise * hum + 1e-4 * rng.standard_normal(n)


KINDS: tuple[Callable[[Random, int], Signal], ...] = (voice, strikes, breath)


class Mixer:
    """Random windows of a pool.

    A window holds one to three crops, each at a speed, level and colour of its own; then all goes
    through one random response (`response`). Level and number follow what recordings are like: one
    sound mostly stands out, some windows are quiet or begin in silence.
    """

    def __init__(self, pool: Pool, samples: int, mixing: Mixing) -> None:
        self.pool, self.samples, self.crops = pool, samples, mixing.crops
        self.ends = pool.chances(mixing.shares).cumsum()

    def __call__(self, batch: int, rng: Random) -> Tensor:
        """Sounds [B, N], float32."""
        return torch.from_numpy(np.stack([self.window(rng) for _ in range(batch)]))

    def window(self, rng: Random) -> Signal:
        """One sound [N], float32; small enough to stay in a processor's cache as it is made."""
        level_db = rng.uniform(-50, -8)
        mixed = self.crop(rng) * np.float32(10 ** (level_db / 20))
        for _ in range(rng.choice(len(self.crops), p=self.crops)):
            further_db = level_db + rng.uniform(-25, 3)
            mixed += self.crop(rng) * np.float32(10 ** (further_db / 20))
        return np.clip(mixed, -1, 1)

    def crop(self, rng: Random) -> Signal:
        """A crop [N] of root mean square about 1, played at a random speed, tilted in colour."""
        chosen = int(np.searchsorted(self.ends, rng.uniform()))
        speed = 2 ** np.clip(rng.normal(0, 0.4), -1, 1)
        played = self.piece(chosen, int(self.samples * speed) + 2, rng)
        at = np.arange(self.samples, dtype=np.float32) * np.float32(speed)
        whole = at.astype(np.int32)
        before = played[whole]
        sound = before + (at - np.floor(at)) * (played[whole + 1] - before)
        sound[1:] += np.float32(rng.uniform(-0.8, 0.8)) * sound[:-1]  # darker or brighter
        return sound / np.float32(np.sqrt(np.square(sound).mean()) + QUIET)

    def piece(self, chosen: int, length: int, rng: Random) -> Signal:
        """So many samples of a sound, as integers' values.

        It may begin or end inside them: as much as a third can be silence.
        """
        start, n = int(self.pool.starts[chosen]), int(self.pool.lengths[chosen])
        first = int(rng.uniform(-length / 3, max(n - length * 2 / 3, 0)))
        inside = self.pool.samples[start + max(first, 0) : start + min(first + length, n)]
        piece = np.zeros(length, np.float32)
        piece[max(-first, 0) : max(-first, 0) + len(inside)] = inside.numpy()
        return piece


def response(batch: int, bins: int, rng: Random) -> Tensor:
    """Factors [B, 1, bins] of a smooth random frequency response; half of them are flat."""
    points = np.concatenate([np.zeros((batch, 1)), rng.normal(0, 6, (batch, 6))], 1)
    points *= rng.uniform(size=(batch, 1)) < 0.5
    gains_db = torch.nn.functional.interpolate(
        torch.from_numpy(points)[:, None].float(), bins, mode="linear", align_corners=True
    )
    return 10 ** (gains_db / 20)
