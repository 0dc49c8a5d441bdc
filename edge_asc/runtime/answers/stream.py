"""Sound that arrives in blocks of any size → windows of features → answers, in constant memory.

Letters: n samples, M mels, W frames of a window.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_asc.audio.resampler import Resampler
from edge_asc.audio.samples import checked_audio
from edge_asc.frontend.stream import FeatureStream
from edge_asc.frontend.windows import WindowStream
from edge_asc.runtime.answers.activity import Activity
from edge_asc.runtime.answers.answer import LEAST_S, Answer, Unheard

if TYPE_CHECKING:
    from edge_asc.runtime.classifier import Classifier


class FeatureWindows:
    """Normalised features `[M, W]` of each window, with the second it begins at.

    Args:
        classifier: a loaded model.
        hop_s: seconds from one window to the next, rounded to whole frames; None: half a window.
        sample_rate_hz: of the blocks; None: the model's.
        on_frames: called with the raw features `[M, k]`, k ≥ 1, as they come.
    """

    def __init__(
        self,
        classifier: "Classifier",
        hop_s: float | None = None,
        sample_rate_hz: int | None = None,
        on_frames: Callable[[np.ndarray], Any] = lambda frames: None,
    ) -> None:
        self._frontend, self._on_frames = classifier.frontend, on_frames
        self._rates = sample_rate_hz or self._frontend.sample_rate_hz, self._frontend.sample_rate_hz
        if self._rates[0] < 1:
            raise ValueError(f"sample_rate_hz is {sample_rate_hz}, must be at least 1")
        self._least = classifier.window_samples
        self.heard_s = 0.0  # of the sound so far, or of the one that has ended
        self._frames = FeatureStream(self._frontend)
        hop = hop_frames(classifier, hop_s)
        self.hop_s = hop / self._frontend.frames_per_s
        self._cutter = WindowStream(classifier.window_frames, hop)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._frames.reset()
        self._cutter.reset()
        self._resampler = Resampler(*self._rates)
        self._n_given = 0  # samples as they came
        self._n_fed = 0  # and at the model's rate

    def use(self, classifier: "Classifier") -> None:
        """Give the windows of another model, of the same frames, from here on.

        They go on where they were when they are as long; else the first one begins with the next
        frame. Frames are neither lost nor computed again.

        Raises:
            ValueError: its raw features are others (`FrontEnd.key`).
        """
        if classifier.frontend.key() != self._frontend.key():
            raise ValueError(f"{classifier.path}: hears other features than the model before")
        self._frontend, self._least = classifier.frontend, classifier.window_samples
        cutter = self._cutter
        if classifier.window_frames != cutter.window:
            self._cutter = WindowStream(classifier.window_frames, cutter.hop, cutter.n_seen)

    def feed(self, block: npt.ArrayLike) -> list[tuple[float, np.ndarray]]:
        """Take samples `[n]`; give (start in seconds, features) of each window now full.

        A window is full when its last frame is complete, half an FFT after its centre.
        """
        samples = checked_audio(block, self._n_given)
        self._n_given += len(samples)
        return self._take(self._resampler(samples))

    def flush(self, all_sound: bool = True) -> list[tuple[float, np.ndarray]]:
        """End the sound: the windows that its last frames fill, and reset.

        Args:
            all_sound: whether one more window ends where the sound does, when the others leave out
                its end. Sound shorter than a window is filled up with silence, as in training.
        """
        ready = self._take(self._resampler.flush())
        if all_sound and 0 < self._n_fed < self._least:
            ready += self._cut(self._frames.feed(np.zeros(self._least - self._n_fed, np.float32)))
        ready += self._cut(self._frames.flush())
        if all_sound:
            ready += map(self._normalised, self._cutter.flush())
        self.reset()
        return ready

    def _take(self, samples: np.ndarray) -> list[tuple[float, np.ndarray]]:
        self._n_fed += len(samples)
        self.heard_s = self._n_fed / self._frontend.sample_rate_hz
        return self._cut(self._frames.feed(samples))

    def _cut(self, frames: np.ndarray) -> list[tuple[float, np.ndarray]]:
        if frames.shape[1]:
            self._on_frames(frames)
        return list(map(self._normalised, self._cutter.feed(frames)))

    def _normalised(self, window: tuple[int, np.ndarray]) -> tuple[float, np.ndarray]:
        first, raw = window
        return first / self._frontend.frames_per_s, self._frontend.normalize(raw)


class Stream:
    """Answers over sound that arrives in blocks: one for each window, as soon as it is full.

    All `feed`s and the final `flush` together give the windows of the whole sound, whatever the
    blocks' sizes. Memory stays that of a window, however long it runs.

    Args:
        classifier: a loaded model.
        hop_s: seconds from one window to the next; None: half a window.
        sample_rate_hz: of the blocks; None: the model's.

    Raises:
        ValueError: a hop or a rate that is not positive.

    Example:
        >>> clf = ea.load("esc10-32k")
        >>> stream = clf.stream(hop_s=1.0, sample_rate_hz=8000)
        >>> seconds = [np.zeros(8000, np.float32)] * 7
        >>> answers = [answer for second in seconds for answer in stream.feed(second)]
        >>> answers += stream.flush()
        >>> [answer.start_s for answer in answers]
        [0.0, 1.0, 2.0]
    """

    def __init__(
        self,
        classifier: "Classifier",
        hop_s: float | None = None,
        sample_rate_hz: int | None = None,
    ) -> None:
        self._classifier = classifier
        self._windows = FeatureWindows(classifier, hop_s, sample_rate_hz)
        rate_hz = sample_rate_hz or classifier.frontend.sample_rate_hz
        self._activity = Activity(rate_hz, 2 * classifier.window_s)

    def feed(self, block: npt.ArrayLike) -> list[Answer]:
        """Take floating-point samples `[n]`, n ≥ 0; give the answers that became ready.

        Raises:
            ValueError: a sample is unusable, with its index from the start of the sound; the block
                is refused and the stream can go on.
        """
        windows = self._windows.feed(block)  # refuses what is unusable
        self._activity.feed(block)
        found = [self._answer(*window) for window in windows]
        self._activity.forget()
        return found

    def flush(self) -> list[Answer]:
        """End the sound: its last answers. The next block begins a new sound."""
        windows = self._windows.flush()
        found = [self._answer(*window, self.heard_s) for window in windows]
        self._activity.reset()
        return found

    @property
    def heard_s(self) -> float:
        """Seconds of the sound so far; after `flush`, of the one that has ended."""
        return self._windows.heard_s

    def reset(self) -> None:
        """Forget all sound: what comes next does not follow it."""
        self._windows.reset()
        self._activity.reset()

    def _answer(
        self, start_s: float, features: np.ndarray, at_most_s: float = float("inf")
    ) -> Answer:
        prediction = self._classifier.predict(features)
        end_s = min(start_s + self._classifier.window_s, at_most_s)
        audible_s = self._activity.audible_s(start_s, end_s)
        unheard: Unheard = "silence" if audible_s < LEAST_S else ""
        return Answer(prediction, start_s, end_s, self._classifier.labels, unheard=unheard)


def hop_frames(classifier: "Classifier", hop_s: float | None) -> int:
    """Frames from one window to the next; half a window when `hop_s` is None."""
    if hop_s is None:
        return max(1, classifier.window_frames // 2)
    check_hop(hop_s)
    return max(1, round(hop_s * classifier.frontend.frames_per_s))


def check_hop(hop_s: float) -> None:
    """Raise ValueError unless windows can begin so many seconds after each other."""
    if not 0 < hop_s < float("inf"):
        raise ValueError(f"hop {hop_s} s must be above 0 s")
