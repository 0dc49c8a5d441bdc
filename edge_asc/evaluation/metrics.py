"""What probabilities are worth against true labels.

Letters: N clips, S scenes, A abstract classes. Probabilities are float `[N, S]`, labels are indices
`[N]`. Shares are between 0 and 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_confusion_matrix,
)

CALIBRATION_BINS = 15  # the usual number in the literature on calibration
SMALLEST_PROBABILITY = 1e-15  # a class given 0 that was the right one costs 34.5 nats, not infinity

Metrics = dict[str, Any]


def scene_metrics(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Metrics:
    """Accuracy in several senses, and how far the probabilities can be believed.

    Returns:
        accuracy (share of clips), macro_accuracy (mean over the classes that occur), log_loss
        (nats), calibration_error (expected, 15 bins), per_class, confusion (rows: truth).
    """
    matrix = confusion(probabilities, truth)
    totals, right = matrix.sum(axis=1), matrix.diagonal()
    occurring = totals > 0
    return {
        "clips": len(truth),
        "correct": int(right.sum()),
        "accuracy": float(right.sum() / len(truth)),
        "macro_accuracy": float(np.mean(right[occurring] / totals[occurring])),
        "log_loss": log_loss(probabilities, truth),
        "calibration_error": calibration_error(probabilities, truth),
        "per_class": {
            label: {"clips": int(n), "accuracy": float(r / n) if n else None}
            for label, n, r in zip(labels, totals, right, strict=True)
        },
        "confusion": matrix.tolist(),
    }


def confusion(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Clips by truth (row) and likeliest class (column), `[S, S]` int64."""
    predicted = torch.from_numpy(probabilities.argmax(axis=1))
    n_classes = probabilities.shape[1]
    return multiclass_confusion_matrix(predicted, torch.from_numpy(truth), n_classes).numpy()


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error: |confidence - accuracy|, averaged over bins of confidence."""
    # float32 rounding may leave a probability a hair above 1, where no bin is.
    given = torch.from_numpy(probabilities).clamp(0, 1)
    n_classes = probabilities.shape[1]
    error = multiclass_calibration_error(
        given, torch.from_numpy(truth), n_classes, n_bins=CALIBRATION_BINS, norm="l1"
    )
    return float(error)


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean of -ln(probability of the true class), in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).mean())


def device_metrics(
    correct: np.ndarray, devices: Sequence[str], seen: frozenset[str] | None
) -> Metrics:
    """Accuracy by recording device, and over the devices that training had or had not.

    Args:
        correct: bool `[N]`.
        devices: name by clip, "" where unknown.
        seen: devices in the training clips; None where that is not known.

    Returns:
        per_device, seen_devices, unseen_devices; empty when no clip names its device.
    """
    if not any(devices):
        return {}
    names = np.array(devices)
    found: Metrics = {"per_device": {d: _share(correct, names == d) for d in sorted(set(devices))}}
    if seen is not None:
        is_seen = np.isin(names, sorted(seen))
        found["seen_devices"] = _share(correct, is_seen)
        found["unseen_devices"] = _share(correct, ~is_seen)
    return found


def abstract_metrics(
    scene_probabilities: np.ndarray,
    head_probabilities: np.ndarray | None,
    truth: np.ndarray,
    labels: Sequence[str],
    abstract_of: Mapping[str, str],
    abstract_labels: Sequence[str],
) -> Metrics:
    """Accuracy over abstract classes: of the model's own head, and of summed scene probabilities.

    Args:
        scene_probabilities: `[N, S]`.
        head_probabilities: `[N, A]`, None without such a head.
        truth: scene indices `[N]`.
        labels: the S scenes.
        abstract_of: abstract class of every scene.
        abstract_labels: the A classes, in the order of the head.
    """
    position = [abstract_labels.index(abstract_of[label]) for label in labels]
    grouping = np.eye(len(abstract_labels))[position]  # [S, A]
    abstract_truth = np.array(position)[truth]
    summed = scene_probabilities @ grouping
    found = {"from_scenes": _hits(summed, abstract_truth)}
    if head_probabilities is not None:
        found["head"] = _hits(head_probabilities, abstract_truth)
    return {"abstract_accuracy": found}


def _hits(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(axis=1) == truth))


def _share(correct: np.ndarray, chosen: np.ndarray) -> Metrics:
    n = int(chosen.sum())
    return {"clips": n, "accuracy": float(correct[chosen].mean()) if n else None}
