"""Audio in, predictions out, as it streams: each frame of features is computed once and kept.

Letters: n samples, M mels, k frames. The same frames and windows as `edge_asc.runtime.classify`
cuts from a file, so a stream and the file it was recorded to get the same probabilities.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_asc.frontend.stream import FeatureStream
from edge_asc.frontend.windows import WindowStream
from edge_asc.runtime.answers.answer import Prediction
from edge_asc.runtime.answers.stream import hop_frames
from edge_asc.runtime.classifier import Classifier


@dataclass(frozen=True)
class Heard:
    """What the network says of one window.

    Args:
        end_s: where the window ends, in seconds of audio since the last `reset`.
        prediction: probabilities.
        inference_s: normalisation and network.
    """

    end_s: float
    prediction: Prediction
    inference_s: float


class Listener:
    """Predictions every `hop_s` seconds over the model's window, in constant memory.

    Args:
        classifier: a loaded model.
        hop_s: from one decision to the next; rounded to whole frames.
        on_frames: called with the raw features `[M, k]` as they come.
    """

    def __init__(
        self,
        classifier: Classifier,
        hop_s: float,
        on_frames: Callable[[np.ndarray], Any] = lambda frames: None,
    ) -> None:
        self._classifier = classifier
        self._on_frames = on_frames
        self._frames = FeatureStream(classifier.frontend)
        hop = hop_frames(classifier, hop_s)
        self._windows = WindowStream(classifier.window_frames, hop)
        self.hop_s = hop / classifier.frontend.frames_per_s

    def reset(self) -> None:
        """Forget all audio: what comes next does not follow it."""
        self._frames.reset()
        self._windows.reset()

    def feed(self, samples: np.ndarray) -> Iterator[Heard]:
        """Take samples `[n]` at the model's rate; give what became decidable.

        A window counts as heard when its last frame is complete, half an FFT after its centre.
        """
        yield from self._decidable(self._frames.feed(samples))

    def flush(self) -> Iterator[Heard]:
        """End the audio: the frames that were waiting for more of it, and what they decide."""
        yield from self._decidable(self._frames.flush())
        self._windows.reset()

    def _decidable(self, frames: np.ndarray) -> Iterator[Heard]:
        if frames.shape[1]:
            self._on_frames(frames)
        for first, raw in self._windows.feed(frames):
            yield self._hear(first, raw)

    def _hear(self, first: int, raw: np.ndarray) -> Heard:
        started = time.perf_counter()
        frontend = self._classifier.frontend
        prediction = self._classifier.predict(frontend.normalize(raw))
        taken_s = time.perf_counter() - started
        end_s = first / frontend.frames_per_s + self._classifier.metadata.clip_s
        return Heard(end_s, prediction, taken_s)
