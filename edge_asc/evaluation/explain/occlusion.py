"""What a prediction hangs on, without gradients: patches of the input are hidden one by one.

Zeiler and Fergus: "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
Works on whatever answers: a network in torch, or a quantised file in its runtime.
Letters: M mels, F frames, S scenes, R and C rows and columns of patches.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_asc.audio.samples import Floats
from edge_asc.evaluation.predictors import OnProgress
from edge_asc.frontend.front_end import FrontEnd

Predict = Callable[[Floats], np.ndarray]  # features [M, F] -> probabilities [S]
Bounds = list[tuple[int, int]]  # first and one behind the last


@dataclass(frozen=True)
class Occlusion:
    """How much a scene's probability falls where something is hidden."""

    probabilities: np.ndarray  # of the untouched input, `[S]`
    scene: int  # index of the scene that is watched
    # probability of the untouched input less that with the patch hidden, `[R, C]`; negative where
    # hiding helps the scene
    drops: np.ndarray
    mels: Bounds  # rows of features that each row of patches covers
    frames: Bounds  # the same for columns

    @property
    def map(self) -> np.ndarray:
        """Mean drop of the patches over each feature, `[M, F]`."""
        total = np.zeros((self.mels[-1][1], self.frames[-1][1]))
        count = np.zeros_like(total)
        for row, (low, high) in enumerate(self.mels):
            for column, (first, end) in enumerate(self.frames):
                total[low:high, first:end] += self.drops[row, column]
                count[low:high, first:end] += 1
        return total / count

    @property
    def largest(self) -> tuple[int, int]:
        """Row and column of the patch that costs the scene most."""
        row, column = np.unravel_index(int(self.drops.argmax()), self.drops.shape)
        return int(row), int(column)


def occlude(
    predict: Predict,
    features: Floats,
    filling: Floats,
    patch_mels: int,
    patch_frames: int,
    on_progress: OnProgress = lambda done, total: None,
) -> Occlusion:
    """Hide patches of normalised features `[M, F]` that overlap by half, each in turn.

    `filling` `[M, 1]` stands in a hidden patch; progress is told after each.

    Raises:
        ValueError: a patch is empty, or larger than the features.
    """
    mels = patches(features.shape[0], patch_mels, "mels")
    frames = patches(features.shape[1], patch_frames, "frames")
    probabilities = predict(features)
    scene = int(probabilities.argmax())
    drops = np.zeros((len(mels), len(frames)))
    for n, (row, column) in enumerate(np.ndindex(*drops.shape), 1):
        found = predict(hidden(features, filling, slice(*mels[row]), slice(*frames[column])))
        drops[row, column] = probabilities[scene] - found[scene]
        on_progress(n, drops.size)
    return Occlusion(probabilities, scene, drops, mels, frames)


def hidden(features: Floats, filling: Floats, mels: slice, frames: slice) -> Floats:
    """Features with a patch of them filled."""
    changed = features.copy()
    changed[mels, frames] = filling[mels]
    return changed


def neutral(frontend: FrontEnd, features: Floats) -> tuple[str, Floats]:
    """What says least in each mel, in words and as a filling `[M, 1]`.

    Normalised with data-set statistics, 0 is the mean of the training clips; normalised clip by
    clip, 0 is the mean over the window, which is what is taken where nothing is normalised.
    """
    if frontend.normalization == "dataset":
        return "each mel's mean over the training clips", np.zeros((len(features), 1), np.float32)
    return "each mel's mean over the window", features.mean(axis=1, keepdims=True)


def patches(n: int, width: int, what: str) -> Bounds:
    """Stretches of `width` that cover `n` and overlap by half; the last one ends at `n`."""
    if not 1 <= width <= n:
        raise ValueError(f"a patch of {width} {what} must have at least 1 and at most {n}")
    starts = [*range(0, n - width, max(1, width // 2)), n - width]
    return [(start, start + width) for start in starts]
