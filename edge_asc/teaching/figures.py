"""Honest figures of a taught head, all from recordings that did not teach the head that answers.

Letters: N clips, S classes.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from edge_asc.evaluation.interval import wilson
from edge_asc.evaluation.metrics import confusion
from edge_asc.teaching.judge import Choice
from edge_asc.teaching.listen import Heard

DOUBTED_BELOW, PREFERRED_ABOVE = 0.1, 0.6  # own and other class, of a clip that looks mislabelled
SAME = 0.3  # part of two classes' clips that go to the other one: nobody can tell them apart
MOST_SHOWN = 5
FEW_RECORDINGS = 8


def figures(choice: Choice, known: Sequence[Heard], labels: Sequence[str]) -> dict[str, Any]:
    """Everything that is said of a head before its file is used.

    Returns:
        accuracy, interval (95 %, of recordings), recall by class, confusions (pairs, the most
        frequent first), mislabelled (paths with what they sound like), inseparable (pairs), kept
        (part of known clips that get a name), strange (named part of what should get none),
        next (what to record).
    """
    both = choice.left_out.probabilities(choice.temperature)
    named, truth = both[:, : len(labels)], choice.left_out.truth
    right = named.argmax(1) == truth
    table = confusion(named, truth)
    of_recording = _by_recording(right, known)
    recall = {label: float(table[i, i] / table[i].sum()) for i, label in enumerate(labels)}
    strange = choice.left_out.strange(choice.temperature)[:, : len(labels)]
    sure = named.max(1) >= choice.threshold
    return {
        "accuracy": float(right.mean()),
        "interval": list(wilson(float(np.mean(of_recording)), len(of_recording))),
        "recall": recall,
        "confusions": confusions(table, labels),
        "mislabelled": mislabelled(named, truth, known, labels),
        "inseparable": inseparable(table, labels),
        "kept": float(sure.mean()),
        "accuracy_of_named": float(right[sure].mean()) if sure.any() else None,
        "strange": len(strange),
        "strange_named": float((strange.max(1) >= choice.threshold).mean())
        if len(strange)
        else None,
        "next": record_next(recall, known, labels),
    }


def answers(
    choice: Choice,
    known: Sequence[Heard],
    labels: Sequence[str],
    new: Collection[str],
    before: Collection[str],
) -> list[dict[str, Any]]:
    """What each new clip was taken for by heads that never heard its recording.

    Args:
        choice: what was chosen.
        known: the clips that were left out, all of them.
        labels: the classes.
        new: digests of the clips that are asked about.
        before: digests of clips that the file knew which was added to.

    Returns:
        file, label, recording, scene (the likeliest class) and taught_before of each.
    """
    likeliest = choice.left_out.probabilities(choice.temperature)[:, : len(labels)].argmax(1)
    return [
        {
            "file": str(heard.clip.path),
            "label": heard.clip.label,
            "recording": heard.clip.recording,
            "scene": labels[int(scene)],
            "taught_before": heard.digest in before,
        }
        for heard, scene in zip(known, likeliest, strict=True)
        if heard.digest in new
    ]


def _by_recording(right: np.ndarray, known: Sequence[Heard]) -> list[float]:
    """Part of each recording's clips that are right: clips of one recording err together."""
    found: dict[str, list[bool]] = {}
    for heard, ok in zip(known, right, strict=True):
        found.setdefault(heard.clip.recording, []).append(bool(ok))
    return [float(np.mean(each)) for each in found.values()]


def confusions(table: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Pairs (is, taken for) with their clips, the most frequent first."""
    wrong = [(int(table[i, j]), i, j) for i in range(len(labels)) for j in range(len(labels))
             if i != j and table[i, j]]  # fmt: skip
    ordered = sorted(wrong, key=lambda entry: (-entry[0], entry[1:]))[:MOST_SHOWN]
    return [{"is": labels[i], "taken_for": labels[j], "clips": n} for n, i, j in ordered]


def mislabelled(
    named: np.ndarray, truth: np.ndarray, known: Sequence[Heard], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Clips that sound like another class to heads that never heard their recording."""
    own = named[np.arange(len(truth)), truth]
    doubted = (own < DOUBTED_BELOW) & (named.max(1) > PREFERRED_ABOVE)
    order = [i for i in np.argsort(own, kind="stable") if doubted[i]][:MOST_SHOWN]
    return [
        {
            "file": str(known[i].clip.path),
            "label": labels[truth[i]],
            "sounds_like": labels[int(named[i].argmax())],
            "probability": round(float(named[i].max()), 3),
        }
        for i in order
    ]


def inseparable(table: np.ndarray, labels: Sequence[str]) -> list[list[str]]:
    """Pairs of classes that go to each other so often that they are one class to this ear."""
    pairs = [(i, j) for i in range(len(labels)) for j in range(i + 1, len(labels))]
    return [
        [labels[i], labels[j]]
        for i, j in pairs
        if table[i, j] + table[j, i] >= SAME * (table[i].sum() + table[j].sum())
    ]


def record_next(
    recall: dict[str, float], known: Sequence[Heard], labels: Sequence[str]
) -> dict[str, Any]:
    """The class that more recordings would help most: few of them, and often mistaken."""
    recordings = {label: len({h.clip.recording for h in known if h.clip.label == label})
                  for label in labels}  # fmt: skip
    label = min(labels, key=lambda name: (recall[name] + recordings[name] / FEW_RECORDINGS, name))
    return {"label": label, "recordings": recordings[label], "recall": recall[label]}
