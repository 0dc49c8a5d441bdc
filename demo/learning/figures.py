"""What the model that listens says of the recordings another one was taught with."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def folders_of(recordings: Path, labels: Sequence[str]) -> list[Path]:
    """A folder for each class; empty where the recordings lie in another way."""
    folders = [recordings / label for label in labels]
    return folders if all(folder.is_dir() for folder in folders) else []


def before(
    printed: str, recordings: Path, labels: Sequence[str], unusable: Sequence[str]
) -> dict[str, Any] | None:
    """Figures of a model on a folder's clips. It may have been taught with them: then they flatter.

    Args:
        printed: what `edge-asc classify --json` printed of them.
        recordings: the folder.
        labels: the classes, which are folders in it.
        unusable: files that taught nothing, and are not counted here either.

    Returns:
        accuracy, clips, recall by class (None without a clip), and unknown: the classes that the
        model has no name for, of which each clip is wrong. None: it answered to no clip.
    """
    files = [file for file in json.loads(printed)["files"] if file["path"] not in unusable]
    if not files:
        return None
    clips, right = Counter[str](), Counter[str]()
    for file in files:
        label = Path(file["path"]).relative_to(recordings).parts[0]
        clips[label] += 1
        right[label] += label == file["scene"]
    return {
        "accuracy": right.total() / clips.total(),
        "clips": clips.total(),
        "recall": {name: right[name] / clips[name] if clips[name] else None for name in labels},
        "unknown": [name for name in labels if name not in files[0]["probabilities"]],
    }
