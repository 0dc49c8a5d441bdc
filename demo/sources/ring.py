"""A ring of audio between a sound system's callback and its reader.

One thread writes, one reads, no lock is taken and nothing is allocated by the writer. A reader that
is late loses the oldest frames and is told how many. Letters: n frames, C channels.
"""

from typing import NamedTuple

import numpy as np

_PARTS = 8  # the writer moves its counter at least every eighth of the ring
_MIN_FRAMES = _PARTS


class Taken(NamedTuple):
    """What a reader got."""

    frames: np.ndarray  # [n, C]
    n_dropped: int  # frames lost just before them
    end: int  # how many frames had been written when the last of these was


class Ring:
    """The latest frames of C channels.

    Counters only grow, so each is written by one thread alone; Python's integers make them safe to
    read from the other. The writer moves its counter after the samples are in place.

    Args:
        n_frames: capacity, at least 8; a reader may lag by three quarters of it.
        n_channels: C.
    """

    def __init__(self, n_frames: int, n_channels: int) -> None:
        if n_frames < _MIN_FRAMES:
            raise ValueError(f"a ring of {n_frames} frames is too small, {_MIN_FRAMES} or more")
        self.n_channels = n_channels
        self.n_written = 0
        self._n_read = 0
        self._frames = np.zeros((n_frames, n_channels), np.float32)
        self._capacity = n_frames
        self._keep = n_frames * 3 // 4
        self._largest = n_frames // _PARTS  # frames that may be in the making beyond n_written

    def write(self, frames: np.ndarray) -> None:
        """Add frames `[n, C]`; never waits."""
        for begin in range(0, len(frames), self._largest):
            self._write(frames[begin : begin + self._largest])

    def _write(self, frames: np.ndarray) -> None:
        start, n = self.n_written % self._capacity, len(frames)
        first = min(n, self._capacity - start)
        self._frames[start : start + first] = frames[:first]
        self._frames[: n - first] = frames[first:]
        self.n_written += n

    def read(self) -> Taken:
        """Take all frames that have not been read, the oldest lost first when there are too many.

        The writer may go on meanwhile: when it could have touched what was copied, the copy is made
        again, of newer frames.
        """
        while True:
            written = self.n_written
            begin = max(self._n_read, written - self._keep)
            frames = self._copy(begin, written)
            if self.n_written + self._largest <= begin + self._capacity:
                dropped = begin - self._n_read
                self._n_read = written
                return Taken(frames, dropped, written)

    def _copy(self, begin: int, end: int) -> np.ndarray:
        """Frames from `begin` up to `end`, which are at most the capacity."""
        start = begin % self._capacity
        stop = start + end - begin
        wrapped = max(0, stop - self._capacity)
        return np.concatenate([self._frames[start:stop], self._frames[:wrapped]])
