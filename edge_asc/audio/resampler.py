"""A stream of samples at one rate, made one of another rate by soxr."""

import numpy as np

from edge_asc.audio.samples import Floats

QUALITY = "HQ"  # 20 bits, below the noise of 16-bit recordings


class Resampler:
    """A stream at one rate to another; nothing is done where they are the same.

    soxr is imported by the first one that has work, not by this module.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=QUALITY)

    def __call__(self, samples: Floats) -> Floats:
        """Samples `[n]` at the new rate, as many as are ready."""
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def flush(self) -> Floats:
        """What was held back, at the end of the stream."""
        rest = np.empty(0, np.float32)
        return rest if self._stream is None else self._stream.resample_chunk(rest, last=True)
