"""Which channel of a file to hear: mostly the mean of all, but not where they cancel each other.

Both legs of a balanced line, recorded as stereo, are one signal and its opposite: their mean is
silence.
"""

import numpy as np
import numpy.typing as npt

CANCELLED = 0.1  # of the loudest channel's power; the mean of eight unlike channels keeps 0.125


class Balance:
    """Powers of the channels of a sound, and of their mean, block by block."""

    def __init__(self, n_channels: int) -> None:
        self._channels = np.zeros(n_channels)
        self._mean = 0.0

    def add(self, frames: npt.NDArray[np.floating]) -> None:
        """Take frames `[n, C]`; what is not finite is left to those who check samples."""
        block = np.asarray(frames, np.float64)
        block = block[np.isfinite(block).all(1)]
        self._channels += (block**2).sum(0)
        self._mean += float((block.mean(1) ** 2).sum())

    @property
    def only(self) -> int | None:
        """The loudest channel, from 1, where the mean has lost the sound; else None."""
        loudest = int(np.argmax(self._channels))
        is_lost = self._mean < CANCELLED * self._channels[loudest]
        return loudest + 1 if is_lost else None
