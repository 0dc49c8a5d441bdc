"""Features of audio that arrives in blocks."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edge_asc.audio.samples import Floats, Samples, checked_audio, reflect

if TYPE_CHECKING:
    from edge_asc.frontend.front_end import FrontEnd


class FeatureStream:
    """Raw features, frame by frame, of audio that is fed in blocks of any size.

    The frames of all `feed`s and the final `flush` together are those of `FrontEnd.raw` on the
    whole audio. A frame is ready n_fft / 2 samples after its centre. However long a stream runs, it
    holds less than 2 · n_fft samples between calls.

    Args:
        frontend: what to compute.
    """

    def __init__(self, frontend: "FrontEnd") -> None:
        self.frontend = frontend
        self._pad = frontend.n_fft // 2
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next block starts a new stream."""
        self._n_fed = 0
        self._last = np.empty(0, np.float32)  # the sample before the next one, for pre-emphasis
        self._started = False  # whether _held begins with the reflection of the stream's start
        self._held: Samples = np.empty(0, np.float32)  # pre-emphasised audio that is still needed
        self._next = 0  # where in _held the next frame begins

    def feed(self, block: npt.ArrayLike) -> Floats:
        """Take the next samples, give the frames that became ready.

        Args:
            block: floating-point samples [n], n ≥ 0.

        Returns:
            Raw features [M, k], k ≥ 0, float32.

        Raises:
            ValueError: a sample is unusable. Its index counts from the start of the stream. The
                whole block is refused, the stream is as it was before and can go on.
        """
        samples = checked_audio(block, self._n_fed)
        self._n_fed += len(samples)
        self._take(samples)
        if not self._started and len(self._held) > self._pad:
            self._held = reflect(self._held, self._pad, 0)
            self._started = True
        return self._ready() if self._started else self._none()

    def flush(self) -> Floats:
        """End the stream: give its last frames [M, k] and reset. No audio, no frames."""
        features = self._end()
        self.reset()
        return features

    def _take(self, samples: Floats) -> None:
        if self.frontend.pre_emphasis and len(samples):
            joined = np.concatenate([self._last, samples])
            self._last = joined[-1:].copy()
            self._held = np.concatenate([self._held, self.frontend.emphasise(joined)])
        else:
            self._held = np.concatenate([self._held, samples])

    def _ready(self) -> Floats:
        hop = self.frontend.hop_length
        features = self.frontend.spectra(self._held[self._next :])
        self._next += features.shape[1] * hop
        # The end of the audio, whenever it comes, is reflected: keep what that takes.
        spent = max(0, min(self._next, len(self._held) - self._pad - 1))
        self._held = self._held[spent:].copy()  # a view would keep the whole block alive
        self._next -= spent
        return features

    def _end(self) -> Floats:
        if not len(self._held):
            return self._none()
        before = 0 if self._started else self._pad
        # _held is longer than the pad if it was started, so this reflects audio, not reflections.
        held = reflect(self._held, before, self._pad)
        return self.frontend.spectra(held[self._next :])

    def _none(self) -> Floats:
        return np.empty((self.frontend.n_mels, 0), np.float32)
