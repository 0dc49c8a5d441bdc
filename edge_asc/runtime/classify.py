"""Classify audio files of any length: windows over the file, in constant memory.

A window is what the model was trained on (`Metadata.clip_s`). A file's probabilities are the mean
over its windows; a file shorter than one is filled up with silence, as in training.
"""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.audio.decode import AUDIO_SUFFIXES, blocks
from edge_asc.frontend.stream import FeatureStream
from edge_asc.frontend.windows import WindowStream
from edge_asc.runtime.classifier import Classifier, Prediction, mean_prediction

BLOCK_S = 1.0  # decoded at a time


@dataclass(frozen=True)
class Window:
    """What was heard from `start_s` to `end_s` of a file."""

    start_s: float
    end_s: float
    prediction: Prediction


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
    timeline: tuple[Window, ...]


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
    counted = _Counted(blocks(path, classifier.frontend.sample_rate_hz, BLOCK_S))
    timeline = tuple(windows(counted, classifier, hop_s))
    duration_s = counted.n_samples / classifier.frontend.sample_rate_hz
    timeline = tuple(Window(w.start_s, min(w.end_s, duration_s), w.prediction) for w in timeline)
    return FileResult(path, duration_s, mean_prediction([w.prediction for w in timeline]), timeline)


def windows(
    audio: Iterable[np.ndarray], classifier: Classifier, hop_s: float | None = None
) -> Iterator[Window]:
    """Predictions over audio that comes in blocks `[n]` of any size; constant memory."""
    frontend = classifier.frontend
    width = classifier.window_frames
    hop = hop_frames(classifier, hop_s)
    frames, cutter = FeatureStream(frontend), WindowStream(width, hop)

    def predicted(ready: Iterator[tuple[int, np.ndarray]]) -> Iterator[Window]:
        for first, raw in ready:
            start_s = first / frontend.frames_per_s
            prediction = classifier.predict(frontend.normalize(raw))
            yield Window(start_s, start_s + classifier.metadata.clip_s, prediction)

    for block in filled_up(audio, classifier.window_samples):
        yield from predicted(cutter.feed(frames.feed(block)))
    yield from predicted(cutter.feed(frames.flush()))
    yield from predicted(cutter.flush())


def hop_frames(classifier: Classifier, hop_s: float | None) -> int:
    """Frames from one window to the next; half a window when `hop_s` is None."""
    if hop_s is None:
        return max(1, classifier.window_frames // 2)
    if not 0 < hop_s < float("inf"):
        raise ValueError(f"hop {hop_s} s must be above 0 s")
    return max(1, round(hop_s * classifier.frontend.frames_per_s))


def filled_up(audio: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """The blocks, and silence behind them until there are at least `n_samples`."""
    n = 0
    for block in audio:
        n += len(block)
        yield block
    if n < n_samples:
        yield np.zeros(n_samples - n, np.float32)


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


def ranking(probabilities: np.ndarray, labels: Sequence[str], n: int) -> list[tuple[str, float]]:
    """The `n` likeliest labels with their probabilities, likeliest first."""
    order = np.argsort(-probabilities, kind="stable")[:n]
    return [(labels[i], float(probabilities[i])) for i in order]


class _Counted:
    """Blocks as they pass, and how many samples they held."""

    def __init__(self, audio: Iterable[np.ndarray]) -> None:
        self._audio = audio
        self.n_samples = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self._audio:
            self.n_samples += len(block)
            yield block
