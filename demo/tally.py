"""Small sums over a stream: how loud it is, and how much work it makes."""

from collections import deque

import numpy as np

from edge_asc.demo.events import SILENCE_DBFS, dbfs


class Level:
    """Root mean square and peak of the samples since it was last taken."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._squares, self._n, self._peak = 0.0, 0, 0.0

    def add(self, samples: np.ndarray) -> None:
        """Count samples `[n]`, n ≥ 1."""
        self._squares += float(np.dot(samples, samples))
        self._n += len(samples)
        self._peak = max(self._peak, float(samples.max()), -float(samples.min()))

    def take(self) -> tuple[float, float]:
        """RMS and peak in dBFS, and begin anew."""
        if not self._n:
            return SILENCE_DBFS, SILENCE_DBFS
        found = dbfs((self._squares / self._n) ** 0.5), dbfs(self._peak)
        self._clear()
        return found


class Gate:
    """Shut while nothing in a network's window is loud enough to be named.

    Args:
        least_dbfs: a root mean square that is loud enough; None: anything is.
        span: how many of the latest levels the window holds.
    """

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


class Load:
    """Work per second of audio over the last minute.

    Args:
        span: how many of the latest `tick`s count.
    """

    def __init__(self, span: int = 60) -> None:
        self._past: deque[tuple[float, float]] = deque(maxlen=span)
        self._audio_s = self._busy_s = 0.0

    def add(self, audio_s: float, busy_s: float) -> None:
        """Count audio, and the time that was spent on it."""
        self._audio_s += audio_s
        self._busy_s += busy_s

    def tick(self) -> float:
        """Close the current second; the real-time factor, 0 without audio."""
        self._past.append((self._audio_s, self._busy_s))
        self._audio_s = self._busy_s = 0.0
        audio_s, busy_s = (sum(column) for column in zip(*self._past, strict=True))
        return busy_s / audio_s if audio_s else 0.0
