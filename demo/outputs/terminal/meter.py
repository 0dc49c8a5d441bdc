"""A level meter: loudness that follows within 0.3 s, a peak that is held, and clipping."""

import math

import numpy as np

from edge_asc.demo.events import SILENCE_DBFS, dbfs

RISE_S = 0.3  # time constant of the level, as of a VU meter
HOLD_S = 2.0  # of the peak
CLIP_HOLD_S = 5.0  # long enough to be seen
CLIPPED = 0.999  # full scale, less what a resampler or 16 bits make of it


class Meter:
    """Level and peak of audio as it passes.

    Time is that of the audio itself: a file read at full speed is metered the same.

    Args:
        rate_hz: of the samples.
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
        length_s = len(samples) / self._rate_hz
        self.heard_s += length_s
        power = float(np.dot(samples, samples)) / len(samples)
        self._power += (power - self._power) * (1 - math.exp(-length_s / RISE_S))
        peak = max(float(samples.max()), -float(samples.min()))
        if peak >= self._peak or self.heard_s - self._peak_at_s > HOLD_S:
            self._peak, self._peak_at_s = peak, self.heard_s
        if peak >= CLIPPED:
            self._clipped_at_s = self.heard_s

    @property
    def level_dbfs(self) -> float:
        """Root mean square."""
        return dbfs(math.sqrt(self._power)) if self._power else SILENCE_DBFS

    @property
    def peak_dbfs(self) -> float:
        """The largest sample of the last two seconds."""
        return dbfs(self._peak)

    @property
    def clipping(self) -> bool:
        """Whether a sample has reached full scale in the last five seconds."""
        return self.heard_s - self._clipped_at_s <= CLIP_HOLD_S
