"""What a model says of a stretch of sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

LEAST_S = 0.1  # of sound that can be told from another
Unheard = Literal["", "silence", "too short"]


@dataclass(frozen=True)
class Prediction:
    """Probabilities of one window.

    Args:
        scene: `[S]`, in the order of `Metadata.labels`.
        abstract: `[A]`, in the order of `Metadata.abstract_labels`; None without such a head.
    """

    scene: np.ndarray
    abstract: np.ndarray | None = None


def mean_prediction(predictions: Sequence[Prediction]) -> Prediction:
    """Probabilities averaged over windows."""
    scene = np.mean([p.scene for p in predictions], axis=0)
    abstract = [p.abstract for p in predictions if p.abstract is not None]
    return Prediction(scene, np.mean(abstract, axis=0) if abstract else None)


@dataclass(frozen=True)
class Answer:
    """What a model says of a stretch of sound.

    Attributes:
        prediction: probabilities of the scenes, and of the abstract classes where there are any.
        start_s: where the stretch begins, in seconds.
        end_s: where it ends.
        labels: scenes, in the order of the probabilities.
        windows: of a whole sound, the answer for each of its windows; the whole is the mean of
            those that hold any sound.
        unheard: why there is nothing to name: silence, that is less than `LEAST_S` of anything
            audible (`Activity`), or less than that of anything at all. "" where there is.

    Example:
        >>> answer = ea.load("esc10-32k")("dog.wav")
        >>> answer.label == answer.top(1)[0][0]
        True
        >>> round(float(answer.probabilities.sum()), 6)
        1.0
    """

    prediction: Prediction
    start_s: float
    end_s: float
    labels: Sequence[str]
    windows: tuple["Answer", ...] = ()
    unheard: Unheard = ""

    @property
    def probabilities(self) -> np.ndarray:
        """Of the scenes, `[S]` float64, in the order of `labels`."""
        return self.prediction.scene

    @property
    def label(self) -> str:
        """The likeliest scene."""
        return self.labels[int(self.probabilities.argmax())]

    def top(self, n: int = 3) -> list[tuple[str, float]]:
        """The `n` likeliest scenes with their probabilities, likeliest first."""
        return ranking(self.probabilities, self.labels, n)

    def __str__(self) -> str:
        named = ", ".join(f"{label} {100 * p:.1f} %" for label, p in self.top())
        scenes = self.unheard or named
        return f"{self.start_s:.1f} to {self.end_s:.1f} s: {scenes}"

    def __repr__(self) -> str:
        return f"<{self}>"


def whole(windows: Sequence[Answer], heard_s: float, labels: Sequence[str]) -> Answer:
    """The answer to a sound of which these are the windows, at least one."""
    audible = [window for window in windows if not window.unheard]
    mean = mean_prediction([window.prediction for window in audible or windows])
    unheard: Unheard = "" if audible else "silence"
    if heard_s < LEAST_S:
        unheard = "too short"
    return Answer(mean, 0.0, heard_s, labels, tuple(windows), unheard)


def ranking(probabilities: np.ndarray, labels: Sequence[str], n: int) -> list[tuple[str, float]]:
    """The `n` likeliest labels with their probabilities, likeliest first."""
    order = np.argsort(-probabilities, kind="stable")[:n]
    return [(labels[i], float(probabilities[i])) for i in order]
