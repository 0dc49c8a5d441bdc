"""Classify audio files of any length: windows over the file, in constant memory.

A window is what the model was trained on (`Metadata.clip_s`). A file's probabilities are the mean
over its windows; a file shorter than one is filled up with silence, as in training.
"""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edge_asc.audio.found import audio_in
from edge_asc.runtime.answers.answer import Answer
from edge_asc.runtime.answers.stream import hop_frames
from edge_asc.runtime.classifier import Classifier


class FileResult(NamedTuple):
    """A classified file and the answer to it, which holds those of its windows."""

    path: Path
    answer: Answer


def find_audio(patterns: Sequence[str]) -> list[Path]:
    """Files that paths, folders (searched through) and globs name; in order, each once.

    Hidden files and those of tools are passed over where they are not named.

    A path that names nothing stays in the list: it is reported when it is opened.
    """
    found = (path for pattern in patterns for path in _expand(pattern))
    return list(dict.fromkeys(found))


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        return audio_in(path) or [path]
    if path.exists():
        return [path]
    matches = [Path(m) for m in sorted(glob.glob(pattern, recursive=True))]
    return [f for m in matches for f in (audio_in(m) if m.is_dir() else [m])] or [path]


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
            yield FileResult(path, classifier(path, hop_s=hop_s))
        except (ValueError, OSError) as error:
            on_error(path, error)
