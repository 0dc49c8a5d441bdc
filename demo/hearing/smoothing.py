"""From flickering predictions to a scene that can be shown.

Probabilities are averaged with weights that fall off exponentially in time. The scene that is shown
changes only when another one leads by a margin, and is "unsure" below a confidence floor.
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

    # After which a prediction's weight has fallen to 37 %; 0: no smoothing.
    time_constant_s: float = 3.0
    margin: float = 0.1  # of probability by which another scene must lead to be shown instead
    floor: float = FLOOR  # of probability below which no scene is shown

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
        self._shown = self._choose(self._mean.scene)
        return Smoothed(self._mean, self._shown)

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

    def _choose(self, scene: np.ndarray) -> int | None:
        best = int(scene.argmax())
        if self._shown is not None and scene[best] < scene[self._shown] + self.rule.margin:
            best = self._shown
        return best if scene[best] >= self.rule.floor else None
