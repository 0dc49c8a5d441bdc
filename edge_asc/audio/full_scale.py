"""Floating-point files whose samples are whole numbers of another scale, not fractions of one."""

import numpy as np
import numpy.typing as npt

MAX_PEAK = 16.0  # 24 dB above full scale: more than a recorder with float samples has in reserve
MAX_RMS = 2.0  # of the whole sound; that of the loudest one within full scale is 1
_LEAST_WHOLE = 2.0  # whole numbers up to one are a signal of a few clipped samples, or silence


class FullScale:
    """Looks at the samples of a floating-point file, block by block."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._is_whole = True  # every sample so far is a whole number
        self._power, self._n = 0.0, 0  # sum of squares, samples

    def add(self, samples: npt.NDArray[np.floating]) -> None:
        """Take finite samples of any shape.

        Raises:
            ValueError: they are far beyond full scale.
        """
        if not samples.size:
            return
        self._peak = max(self._peak, float(np.abs(samples).max()))
        self._is_whole = self._is_whole and bool((samples == np.rint(samples)).all())
        self._power += float(np.square(samples, dtype=np.float64).sum())
        self._n += samples.size
        if self._peak > MAX_PEAK:
            raise ValueError(self._problem)

    def end(self) -> None:
        """Say that the sound has ended.

        Raises:
            ValueError: all of it is too loud, or whole numbers, and not only -1, 0 and 1.
        """
        is_loud = self._power > MAX_RMS**2 * self._n
        if is_loud or (self._is_whole and self._peak >= _LEAST_WHOLE):
            raise ValueError(self._problem)

    @property
    def _problem(self) -> str:
        found = f"floating-point samples reach {self._peak:g} where full scale is 1"
        return f"{found}; made from integers, they must be divided by their full scale"
