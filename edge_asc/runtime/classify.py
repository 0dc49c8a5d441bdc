"""Classify audio files of any length: windows over the file, in constant memory.

A window is what the model was trained on (`Metadata.clip_s`). A file's probabilities are the mean
over its windows; a file shorter than one is filled up with silence, as in training.
"""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_asc.audio.decode import AUDIO_SUFFIXES
from edge_asc.runtime.answers.answer import Answer, Prediction
from edge_asc.runtime.answers.stream import hop_frames
from edge_asc.runtime.classifier import Classifier


@dataclass(frozen=True)
class FileResult:
    """A classified file.

    Args:
        path: the file.
        duration_s: its length.
        mean: probabilities averaged over the windows.
        timeline: the windows, in order.
    """

    path: Path
    duration_s: float
    mean: Prediction
    timeline: tuple[Answer, ...]


def classify_file(path: Path, classifier: Classifier, hop_s: float | None = None) -> FileResult:
    """Classify one file.

    Args:
        path: audio in any format, rate and channel count.
        classifier: a loaded model.
        hop_s: from one window to the next; by default half a window.

    Raises:
        ValueError: the file is unusable (`AudioError`), or `hop_s` is not positive.
        OSError: the file cannot be read.
    """
    heard = classifier(path, hop_s=hop_s)
    return FileResult(path, heard.end_s, heard.prediction, heard.windows)


def find_audio(patterns: Sequence[str]) -> list[Path]:
    """Files that paths, folders (searched through) and globs name; in order, each once.

    A path that names nothing stays in the list: it is reported when it is opened.
    """
    found = (path for pattern in patterns for path in _expand(pattern))
    return list(dict.fromkeys(found))


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        return _audio_files(path) or [path]
    if path.exists():
        return [path]
    matches = [Path(m) for m in sorted(glob.glob(pattern, recursive=True))]
    return [f for m in matches for f in (_audio_files(m) if m.is_dir() else [m])] or [path]


def _audio_files(folder: Path) -> list[Path]:
    files = (p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
    return sorted(files)


def classify_all(
    paths: Iterable[Path],
    classifier: Classifier,
    hop_s: float | None = None,
    on_error: Callable[[Path, Exception], Any] = lambda path, error: None,
) -> Iterator[FileResult]:
    """Classify files one after another; an unusable one goes to `on_error`, the rest still come."""
    hop_frames(classifier, hop_s)  # an illegal hop is no file's fault
    for path in paths:
        try:
            yield classify_file(path, classifier, hop_s)
        except (ValueError, OSError) as error:
            on_error(path, error)
