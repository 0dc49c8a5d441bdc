"""What makes a confidence one that can be believed: a temperature, and a threshold to be silent at.

Temperature scaling follows C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern
Neural Networks", ICML 2017: one number per head divides the logits, found as the one of least log
loss.

Letters: N clips, W windows of a clip, S scenes. Labels are indices `[N]`, probabilities `[N, S]`.
"""

from typing import Any

import numpy as np

from edge_asc.evaluation.metrics import answers, log_loss
from edge_asc.runtime.classifier import softmax

LOWEST, HIGHEST = 0.05, 20.0  # temperatures that are looked at
STEPS = 100  # of golden section; each leaves 62 % of the interval
GOLDEN = (5**0.5 - 1) / 2


def mean_probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities `[N, S]` of logits `[N, W, S]`, averaged over the windows."""
    averaged: np.ndarray = softmax(logits, temperature).mean(axis=1)
    return averaged


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature of least log loss for logits `[N, W, S]`.

    Where every clip is right nothing speaks for doubt, and the loss falls for ever with the
    temperature: then it is 1.
    """
    if (mean_probabilities(logits).argmax(axis=1) == truth).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        return log_loss(mean_probabilities(logits, float(np.exp(log_temperature))), truth)

    # Coarse first: with several windows the loss may have more than one valley.
    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), 61)
    best = int(np.argmin([loss(x) for x in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    for _ in range(STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def _surest_first(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    confidence, right = answers(probabilities, truth)
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], right[order]


def coverage(probabilities: np.ndarray, truth: np.ndarray) -> list[dict[str, float]]:
    """Accuracy of the surest clips, for every part of the clips in steps of 5 %."""
    confidence, right = _surest_first(probabilities, truth)
    kept = np.unique(np.ceil(np.arange(1, 21) / 20 * len(truth)).astype(int))
    return [
        {
            "coverage": float(n / len(truth)),
            "threshold": float(confidence[n - 1]),
            "accuracy": float(right[:n].mean()),
        }
        for n in kept
    ]


def above(probabilities: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, Any]:
    """Which part of the clips is at or above a threshold, and how many of those are right."""
    confidence, right = answers(probabilities, truth)
    kept = confidence >= threshold
    accuracy = float(right[kept].mean()) if kept.any() else None
    return {"threshold": threshold, "coverage": float(kept.mean()), "accuracy": accuracy}


def choose_threshold(probabilities: np.ndarray, truth: np.ndarray, target: float) -> float | None:
    """The smallest confidence at and above which at least `target` of the clips are right.

    0 where all clips together are good enough; None where no confidence is.
    """
    confidence, right = _surest_first(probabilities, truth)
    accuracy = np.cumsum(right) / np.arange(1, len(truth) + 1)
    last = np.append(confidence[1:] < confidence[:-1], True)  # equals stay together
    good = np.flatnonzero(last & (accuracy >= target))
    if not len(good):
        return None
    if good[-1] == len(truth) - 1:
        return 0.0
    threshold = float(confidence[good[-1]])
    return threshold if threshold < 1 else None
