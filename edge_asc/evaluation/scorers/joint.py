"""Joint prediction: scenes by their own posterior and by that of their abstract class.

Letters: N clips, S scenes, A abstract classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.data.dataset import SceneDataset
from edge_asc.evaluation.predictors import Hearing, Scorer, n_samples_of
from edge_asc.runtime.answers.answer import Prediction

LEAST = 1e-30  # a scene's posterior that underflowed to 0 still ranks below all others


def joint_probabilities(
    scene: np.ndarray, abstract: np.ndarray, group: Sequence[int]
) -> np.ndarray:
    """Scene posterior `[N, S]`, with the abstract posterior `[N, A]` as its prior; rows sum to 1.

        p(s | x)  ~  scene(s | x) * abstract(g(s) | x) / n(g(s))

    g(s) is the abstract class of scene s (`group`), n(g) the number of its scenes, over which its
    probability is spread evenly. That is Bayes' rule: the scene posterior of a classifier that was
    trained on equally frequent scenes is their likelihood, up to a factor. So a prior that gives
    every scene the same changes nothing, and a certain one leaves the scenes of one class, in
    their old proportions.
    """
    sizes = np.bincount(group, minlength=abstract.shape[1])
    prior = abstract[:, group] / sizes[list(group)]  # [N, S]
    product = np.maximum(scene, LEAST) * prior
    return product / product.sum(axis=1, keepdims=True)


class JointScorer:
    """A model whose scenes are weighed by the abstract classes of another, or by its own.

    `prior` may be `scorer`, by its second head; the data set says which scene is of which class.

    Raises:
        ValueError: the data set has no abstract classes, or `prior` does not predict them.
    """

    def __init__(self, scorer: Scorer, prior: Scorer, dataset: SceneDataset) -> None:
        self._scorer, self._prior = scorer, prior
        if not dataset.abstract_labels:
            raise ValueError(f"{dataset.name} has no abstract classes for a joint prediction")
        self._order = _order(prior, dataset.abstract_labels)
        self._group = [dataset.abstract_index(label) for label in scorer.labels]
        self.labels, self.abstract_labels = scorer.labels, scorer.abstract_labels
        self.frontend, self.trained_on = scorer.frontend, scorer.trained_on
        self.window_frames, self.clip_s = scorer.window_frames, scorer.clip_s
        self.views, self.calibration = scorer.views, scorer.calibration

    def facts(self) -> dict[str, Any]:
        """What the scenes' model says of itself, and whose abstract classes are the prior."""
        return {**self._scorer.facts(), "joint_with": self._prior.facts()["file"]}

    def predict(self, paths: Sequence[Path], hearing: Hearing) -> list[Prediction]:
        """Joint predictions of clips; an abstract head's own probabilities stay as they are."""
        given = own = self._scorer.predict(paths, hearing)
        if self._prior is not self._scorer:  # as many seconds at its own sample rate
            n_samples = n_samples_of(self._prior, hearing.n_samples / self.frontend.sample_rate_hz)
            uncounted = replace(hearing, n_samples=n_samples, on_clip=lambda: None)
            given = self._prior.predict(paths, uncounted)
        heads = [p.scene if p.abstract is None else p.abstract for p in given]
        abstract = np.stack(heads)[:, self._order]
        scene = joint_probabilities(np.stack([p.scene for p in own]), abstract, self._group)
        return [Prediction(row, p.abstract) for row, p in zip(scene, own, strict=True)]


def _order(prior: Scorer, wanted: Sequence[str]) -> list[int]:
    """Where a model gives the data set's abstract classes: in its second head, or its only one."""
    known = list(prior.abstract_labels or prior.labels)
    if set(known) != set(wanted):
        raise ValueError(
            f"{prior.facts()['file']} does not predict the abstract classes {', '.join(wanted)}"
        )
    return [known.index(label) for label in wanted]
