"""How sure a file is of sounds it cannot know: each answer is wrong, so each sure one is a harm."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.data.open import open_recordings
from edge_asc.evaluation.predictors import FileScorer, Hearing, OnProgress, counted, n_samples_of
from edge_asc.runtime.answers.answer import mean_prediction
from edge_asc.runtime.classifier import softmax

SURE = 0.9
SHOWN = 3  # labels that take the most of them


@dataclass(frozen=True)
class Strange:
    """Sounds of classes that a model was not taught."""

    name: str  # of the data
    paths: tuple[Path, ...]  # audio files
    left_out: tuple[str, ...]  # classes of the data that the model knows by the same name
    clip_s: float  # seconds that clips are cut or filled up to; 0: one window


def find_strange(path: Path, labels: Sequence[str]) -> Strange:
    """Clips of a data set whose classes a model has not, or recordings without labels.

    Raises:
        ValueError: nothing is left.
        OSError: no such folder.
    """
    dataset = open_recordings(path)
    kept = tuple(clip.path for clip in dataset.clips if clip.label not in labels)
    shared = {clip.label for clip in dataset.clips} & set(labels)
    if not kept:
        raise ValueError(f"{path}: the model knows every class of {dataset.name}")
    left_out = tuple(label for label in labels if label in shared)
    return Strange(dataset.name, kept, left_out, dataset.clip_s if dataset.labels else 0.0)


def measure_unknown(
    scorer: FileScorer, path: Path, crops: str, on_progress: OnProgress
) -> dict[str, Any]:
    """How many strange clips are named with confidence.

    Returns:
        data, clips, left_out, sure (share above `SURE`; before: without the file's temperature),
        mean_confidence (both), named (share at or above the file's threshold; None without one),
        named_as (the labels that most of the sure ones got).
    """
    strange = find_strange(path, scorer.labels)
    n_samples = n_samples_of(scorer, strange.clip_s)
    on_clip = counted(on_progress, len(strange.paths))
    clips = scorer.window_logits(strange.paths, Hearing(n_samples, crops, on_clip))
    calibrated = np.stack([mean_prediction(scorer.predictions(c)).scene for c in clips])
    n_labels = len(scorer.labels)
    plain = np.stack([np.mean([softmax(w[0])[:n_labels] for w in c], axis=0) for c in clips])
    confidence, before = calibrated.max(axis=1), plain.max(axis=1)
    sure = confidence > SURE
    threshold = scorer.calibration.threshold if scorer.calibration else None
    return {
        "data": strange.name,
        "clips": len(strange.paths),
        "left_out": list(strange.left_out),
        "sure_above": SURE,
        "sure": {"before": float((before > SURE).mean()), "after": float(sure.mean())},
        "mean_confidence": {"before": float(before.mean()), "after": float(confidence.mean())},
        "threshold": threshold,
        "named": None if threshold is None else float((confidence >= threshold).mean()),
        "named_as": _most(calibrated[sure], scorer.labels),
    }


def _most(probabilities: np.ndarray, labels: Sequence[str]) -> dict[str, int]:
    """Clips by the label they got, the most frequent first."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(labels))
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    return {labels[i]: int(counts[i]) for i in order if counts[i]}
