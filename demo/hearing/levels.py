"""How loud audio is: since it was last asked for, on a meter, and against a gate.

Levels are in decibels relative to full scale (dBFS). Letters: n samples.
"""

import math
from collections import deque

import numpy as np

from edge_asc.demo.events import SILENCE_DBFS

RISE_S = 0.3  # time constant of the meter, that of a VU meter
HOLD_S = 2.0  # of the meter's peak
CLIP_HOLD_S = 5.0  # long enough to be seen
CLIPPED = 0.999  # full scale, less what a resampler or 16 bits make of it


def dbfs(amplitude: float) -> float:
    """An amplitude, full scale 1, in dBFS."""
    return max(SILENCE_DBFS, 20 * math.log10(max(amplitude, 1e-9)))


def sums_and_peak(samples: np.ndarray) -> tuple[float, float, float]:
    """Sum of squares, sum, and largest magnitude of samples `[n]`."""
    peak = max(samples.max(initial=0.0), -samples.min(initial=0.0))
    wide = samples.astype(np.float64)
    return float(np.square(wide).sum()), float(wide.sum()), float(peak)


def ac_power(energy: float, total: float, n: int) -> float:
    """Mean power of n samples without their offset, which is a converter's and no sound."""
    n = max(n, 1)
    return max(0.0, energy / n - (total / n) ** 2)


class Loudness:
    """Root mean square, peak and clipping of all samples that were added."""

    def __init__(self) -> None:
        self.n_samples = self.n_clipped = 0
        self._energy, self._total, self._peak = 0.0, 0.0, 0.0

    def add(self, samples: np.ndarray) -> None:
        """Count samples `[n]`."""
        energy, total, peak = sums_and_peak(samples)
        self._energy += energy
        self._total += total
        self.n_samples += len(samples)
        self._peak = max(self._peak, peak)
        if peak >= CLIPPED:
            self.n_clipped += int(np.count_nonzero(np.abs(samples) >= CLIPPED))

    @property
    def level_dbfs(self) -> float:
        """Root mean square, without an offset."""
        return dbfs(math.sqrt(ac_power(self._energy, self._total, self.n_samples)))

    @property
    def peak_dbfs(self) -> float:
        """The largest sample."""
        return dbfs(self._peak)

    @property
    def clipped_share(self) -> float:
        """Part of the samples at full scale."""
        return self.n_clipped / max(self.n_samples, 1)

    @property
    def only_zeros(self) -> bool:
        """Whether nothing else has come, as from a microphone that is muted."""
        return self._peak == 0.0


class Level:
    """Root mean square and peak of the samples since it was last taken.

    With `lasting`, those of before where none have come since.
    """

    def __init__(self, lasting: bool = False) -> None:
        self._lasting, self._taken = lasting, Loudness()
        self._since = Loudness()

    def add(self, samples: np.ndarray) -> None:
        """Count samples `[n]`."""
        self._since.add(samples)

    def take(self) -> tuple[float, float]:
        """RMS and peak in dBFS, and begin anew."""
        if self._since.n_samples or not self._lasting:
            self._taken, self._since = self._since, Loudness()
        return self._taken.level_dbfs, self._taken.peak_dbfs


class Meter:
    """A level that follows within 0.3 s, a peak that is held, and clipping.

    Time is that of the audio itself: a file read at full speed is metered the same.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.heard_s = 0.0
        self.reset()

    def reset(self) -> None:
        """No audio comes: fall back to silence."""
        self._power = 0.0
        self._peak, self._peak_at_s = 0.0, -math.inf
        self._clipped_at_s = -math.inf

    def add(self, samples: np.ndarray) -> None:
        """Take samples `[n]`, n ≥ 1."""
        energy, total, peak = sums_and_peak(samples)
        length_s = len(samples) / self._rate_hz
        self.heard_s += length_s
        power = ac_power(energy, total, len(samples))
        self._power += (power - self._power) * (1 - math.exp(-length_s / RISE_S))
        if peak >= self._peak or self.heard_s - self._peak_at_s > HOLD_S:
            self._peak, self._peak_at_s = peak, self.heard_s
        if peak >= CLIPPED:
            self._clipped_at_s = self.heard_s

    @property
    def level_dbfs(self) -> float:
        """Root mean square."""
        return dbfs(math.sqrt(self._power))

    @property
    def peak_dbfs(self) -> float:
        """The largest sample of the last two seconds."""
        return dbfs(self._peak)

    @property
    def clipping(self) -> bool:
        """Whether a sample has reached full scale in the last five seconds."""
        return self.heard_s - self._clipped_at_s <= CLIP_HOLD_S


class Gate:
    """Shut while none of the latest `span` levels reaches `least_dbfs`; None: always open."""

    def __init__(self, least_dbfs: float | None, span: int) -> None:
        self._least_dbfs = least_dbfs
        self._levels: deque[float] = deque(maxlen=span)

    def reset(self) -> None:
        """Forget all levels."""
        self._levels.clear()

    def is_open(self, level_dbfs: float) -> bool:
        """Take the next level, and tell."""
        self._levels.append(level_dbfs)
        return self._least_dbfs is None or max(self._levels) >= self._least_dbfs
