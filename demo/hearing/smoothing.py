"""From flickering predictions to a scene that can be shown.

Probabilities are averaged with weights that fall off exponentially in time, and tell which scene is
likeliest; another one must lead by a margin. It is shown when the latest window is sure of it, else
"unsure" is; and so by the same margin it stays.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_asc.runtime.answers.answer import Prediction

FLOOR = 0.4  # where neither the user nor the model says anything


@dataclass(frozen=True)
class Smoothing:
    """How much is smoothed.

    Raises:
        ValueError: a value is out of its range.
    """

    # After which a prediction's weight has fallen to 37 %; 0: no smoothing. Windows that overlap
    # are smooth already: more than a second holds up a change of scene and tells nothing new.
    time_constant_s: float = 1.0
    margin: float = 0.1  # of probability by which another scene, or none, must lead to be shown
    floor: float = FLOOR  # of probability that a window must give a scene for it to be shown

    def __post_init__(self) -> None:
        if not 0 <= self.time_constant_s < math.inf:
            raise ValueError(f"smoothing of {self.time_constant_s} s must be at least 0 s")
        for name, value in (("margin", self.margin), ("floor", self.floor)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} {value} must be from 0 to below 1")


@dataclass(frozen=True)
class Smoothed:
    """What to show."""

    mean: Prediction  # smoothed probabilities
    confidence: (
        float  # of the likeliest scene in the latest window: what the floor is compared with
    )
    shown: int | None  # index of the scene; None for "unsure"


class Smoother:
    """Exponential smoothing with hysteresis."""

    def __init__(self, rule: Smoothing, hop_s: float) -> None:
        self.rule = rule
        tau_s = rule.time_constant_s
        self._weight = 1.0 if not tau_s else 1 - math.exp(-hop_s / tau_s)  # of a new prediction
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._mean: Prediction | None = None
        self._shown: int | None = None

    def update(self, prediction: Prediction) -> Smoothed:
        """Take the next prediction."""
        self._mean = self._blend(prediction)
        likeliest = self._likeliest(self._mean.scene)
        confidence = float(prediction.scene[likeliest])
        named = self._is_named(likeliest, confidence, float(self._mean.scene[likeliest]))
        self._shown = likeliest if named else None
        return Smoothed(self._mean, confidence, self._shown)

    def _blend(self, new: Prediction) -> Prediction:
        """The first prediction counts in full: nothing is known before it."""
        if self._mean is None:
            return new
        abstract: Any = None
        if new.abstract is not None and self._mean.abstract is not None:
            abstract = self._step(self._mean.abstract, new.abstract)
        return Prediction(self._step(self._mean.scene, new.scene), abstract)

    def _step(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        return old + self._weight * (new - old)

    def _likeliest(self, mean: np.ndarray) -> int:
        """The scene shown until now, unless another one leads by the margin."""
        best = int(mean.argmax())
        if self._shown is not None and mean[best] < mean[self._shown] + self.rule.margin:
            return self._shown
        return best

    def _is_named(self, scene: int, confidence: float, mean: float) -> bool:
        """Whether a scene is sure enough.

        A model's threshold was fitted on windows, so a window is what is compared with it: means
        are lower for a while after every change. A name that has been given is kept until window
        and mean are both below the floor by the margin.
        """
        floor = self.rule.floor
        if scene == self._shown:
            return max(confidence, mean) >= floor - self.rule.margin
        return confidence >= floor
