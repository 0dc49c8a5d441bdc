"""What probabilities are worth against true labels.

Letters: N clips, S scenes, A abstract classes. Probabilities are float `[N, S]`, labels are indices
`[N]`. Shares are between 0 and 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CALIBRATION_BINS = 15  # the usual number in the literature on calibration
SMALLEST_PROBABILITY = 1e-15  # a class given 0 that was the right one costs 34.5 nats, not infinity

Metrics = dict[str, Any]


def scene_metrics(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Metrics:
    """Accuracy in several senses, and how far the probabilities can be believed.

    Returns:
        accuracy (share of clips), macro_accuracy (mean over the classes that occur), roc_auc (mean
        of each class against the rest), log_loss (nats), calibration_error (expected, 15 bins),
        per_class, confusion (rows: truth).
    """
    matrix = confusion(probabilities, truth)
    totals, right = matrix.sum(axis=1), matrix.diagonal()
    occurring = totals > 0
    return {
        "clips": len(truth),
        "correct": int(right.sum()),
        "accuracy": float(right.sum() / len(truth)),
        "macro_accuracy": float(np.mean(right[occurring] / totals[occurring])),
        "roc_auc": roc_auc(probabilities, truth),
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
    n_classes = probabilities.shape[1]
    pairs = np.bincount(n_classes * truth + probabilities.argmax(axis=1), minlength=n_classes**2)
    return pairs.reshape(n_classes, n_classes)


def accuracy(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Share of the clips whose likeliest class is the true one."""
    return float(np.mean(probabilities.argmax(axis=1) == truth))


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean of -ln(probability of the true class), in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).mean())


def roc_auc(probabilities: np.ndarray, truth: np.ndarray) -> float | None:
    """Mean area under the ROC curve of each class against the rest; None where there is no rest.

    That of a class is how often one of its clips has a higher probability for it than one of the
    rest, ties counted half. Classes without clips take no part.
    """
    areas = []
    for number in np.unique(truth):
        is_class = truth == number
        n, rest = int(is_class.sum()), int((~is_class).sum())
        if rest:
            wins = _ranks(probabilities[:, number])[is_class].sum() - n * (n + 1) / 2
            areas.append(wins / (n * rest))
    return float(np.mean(areas)) if areas else None


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places from 1 in rising order `[N]`; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[place]
    return ranks


def reliability(probabilities: np.ndarray, truth: np.ndarray) -> list[dict[str, Any]]:
    """Clips, mean confidence and accuracy of each bin of confidence that holds any.

    Bins are equally wide and closed above, as those of Guo, Pleiss, Sun, Weinberger, "On
    Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence, right = answers(probabilities, truth)
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidence)
    return [
        {
            "from": float(edges[b]),
            "to": float(edges[b + 1]),
            "clips": int((bins == b).sum()),
            "confidence": float(confidence[bins == b].mean()),
            "accuracy": float(right[bins == b].mean()),
        }
        for b in np.unique(bins)
    ]


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error: |confidence - accuracy| of the bins, weighed by their clips."""
    rows = reliability(probabilities, truth)
    gaps = sum(row["clips"] * abs(row["confidence"] - row["accuracy"]) for row in rows)
    return float(gaps / len(truth))


def answers(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each clip how sure the answer is, and whether it is right: `[N]` float and bool."""
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def device_metrics(
    correct: np.ndarray, devices: Sequence[str], seen: frozenset[str] | None
) -> Metrics:
    """Accuracy by recording device, and over the devices that training had or had not.

    `correct` is bool `[N]`; an unknown device is "", and nothing is found where all are. `seen` are
    the devices of the training clips, None where these are not known.
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

    `truth` are indices of the S scenes `labels`. `abstract_labels` are the A classes in the order
    of the head, whose probabilities `[N, A]` are None without one.
    """
    position = [abstract_labels.index(abstract_of[label]) for label in labels]
    grouping = np.eye(len(abstract_labels))[position]  # [S, A]
    abstract_truth = np.array(position)[truth]
    summed = scene_probabilities @ grouping
    found = {"from_scenes": accuracy(summed, abstract_truth)}
    if head_probabilities is not None:
        found["head"] = accuracy(head_probabilities, abstract_truth)
    return {"abstract_accuracy": found}


def _share(correct: np.ndarray, chosen: np.ndarray) -> Metrics:
    n = int(chosen.sum())
    return {"clips": n, "accuracy": float(correct[chosen].mean()) if n else None}
