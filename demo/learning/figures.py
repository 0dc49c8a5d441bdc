"""The model that listens and the one taught, on the same clips, which neither was taught with."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Answer = tuple[str, str]  # the label, and the scene it was taken for


def unheard(answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clips that the model which is added to was not taught with.

    On the others it would shine: it knows them by heart.

    Args:
        answers: of `edge-asc teach --json`, each by a head that never heard the clip's recording.
    """
    return [answer for answer in answers if not answer["taught_before"]]


def folders_of(recordings: Path, answers: Sequence[dict[str, Any]]) -> list[Path]:
    """The folders of these clips' classes; empty where the recordings lie in another way."""
    folders = [recordings / label for label in sorted({answer["label"] for answer in answers})]
    return folders if all(folder.is_dir() for folder in folders) else []


def compared(
    printed: str, answers: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Figures of both models on the same clips.

    Args:
        printed: what `edge-asc classify --json` printed of the folders in which they lie.
        answers: of the other model.

    Returns:
        Of each: accuracy, clips and recordings, recall and clips_of by class; of the one that
        listens labels, too, and unknown: the classes that it has no name for, of which each clip is
        wrong.
        None: there is no clip to compare on.
    """
    files = {file["path"]: file for file in json.loads(printed)["files"]}
    both = [answer for answer in answers if answer["file"] in files]
    if not both:
        return None
    n_recordings = len({answer["recording"] for answer in both})
    old = [(answer["label"], files[answer["file"]]["scene"]) for answer in both]
    new = [(answer["label"], answer["scene"]) for answer in both]
    names = files[both[0]["file"]]["probabilities"]
    before = _figures(old, n_recordings)
    before["labels"] = list(names)
    before["unknown"] = [label for label in before["recall"] if label not in names]
    return before, _figures(new, n_recordings)


def _figures(answers: Sequence[Answer], n_recordings: int) -> dict[str, Any]:
    clips = Counter(label for label, _ in answers)
    right = Counter(label for label, scene in answers if label == scene)
    labels = sorted(clips)
    return {
        "accuracy": right.total() / clips.total(),
        "clips": clips.total(),
        "recordings": n_recordings,
        "recall": {label: right[label] / clips[label] for label in labels},
        "clips_of": {label: clips[label] for label in labels},
    }
