"""The latest audio, and clips cut out of it: 16 bits at the model's rate, as FLAC.

Letters: n samples. Samples are numbered from the latest break in the audio.
"""

import io
from collections import deque
from dataclasses import dataclass

import numpy as np

from edge_asc.audio.samples import to_int16

BEFORE_S = AFTER_S = 0.5  # kept besides the window
# Decisions come a little after their window's end: half an FFT, less than this.
LATE_S = 1.0


@dataclass(frozen=True)
class Cut:
    """What is to be cut: samples `begin` to below `end`; the window within, in seconds."""

    begin: int
    end: int
    window_s: tuple[float, float]


class Recent:
    """Audio as far back as a decision's clip may begin.

    Args:
        rate_hz: of the audio.
        window_s: that the model hears for one decision.
    """

    def __init__(self, rate_hz: int, window_s: float) -> None:
        self._rate_hz = rate_hz
        self.use(window_s)
        self.begin(0.0)

    def use(self, window_s: float) -> None:
        """Another window, at the same rate; what is held stays."""
        self._n_window, self._n_before, self._n_after, n_late = (
            round(seconds * self._rate_hz) for seconds in (window_s, BEFORE_S, AFTER_S, LATE_S)
        )
        self._n_held = self._n_before + self._n_window + self._n_after + n_late

    def begin(self, position_s: float) -> None:
        """Forget all; what comes next begins at this second of the whole audio."""
        self._begun_s = position_s
        self._blocks: deque[np.ndarray] = deque()
        self._first = self.n_heard = 0  # numbers of the first sample held, and of the next one

    def add(self, samples: np.ndarray) -> None:
        """Take the next samples `[n]`; what lies long before them is forgotten."""
        while self._blocks and self._first + len(self._blocks[0]) <= self.n_heard - self._n_held:
            self._first += len(self._blocks.popleft())
        self._blocks.append(samples.copy())
        self.n_heard += len(samples)

    def around(self, position_s: float) -> Cut:
        """The clip of a decision whose window ends at this second of the whole audio."""
        window_end = round((position_s - self._begun_s) * self._rate_hz)
        window_begin = window_end - self._n_window
        begin = max(window_begin - self._n_before, self._first)
        times_s = ((n - begin) / self._rate_hz for n in (window_begin, window_end))
        window_s = (max(0.0, next(times_s)), next(times_s))
        return Cut(begin, window_end + self._n_after, window_s)

    def samples(self, cut: Cut) -> np.ndarray:
        """Samples `[n]` of a cut, int16; fewer where the audio has ended before."""
        start = self._first
        parts = []
        for block in self._blocks:
            parts.append(block[max(0, cut.begin - start) : max(0, cut.end - start)])
            start += len(block)
        return to_int16(np.concatenate([np.empty(0, np.float32), *parts]))


def encoded(samples: np.ndarray, rate_hz: int) -> bytes:
    """Samples `[n]`, int16, as the bytes of a FLAC file."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return content.getvalue()
