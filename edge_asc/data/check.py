"""Decode every file of a data set once, before anyone trains on it."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

from edge_asc.audio.decode import AudioError, AudioInfo, blocks, probe
from edge_asc.audio.found import audio_in
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.layouts.folders import passed_over
from edge_asc.data.layouts.own import SameFile
from edge_asc.data.lengths import length_notes

_CLIPS_PER_TASK = 16
_BLOCK_S = 10.0
_NUMBER = re.compile(r"\b\d+\b")
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class FileFacts:
    """What one file turned out to be."""

    info: AudioInfo | None  # None for a bad file
    silent: bool = False  # every sample is zero
    problem: str = ""  # one line, "" for a good file
    reason: str = ""  # the kind of problem


@dataclass(frozen=True)
class CheckReport:
    """What a data set holds."""

    name: str  # of the data set
    root: str
    license_note: str  # what the data may be used for
    recordings: int  # number of recordings; clips of one are never split
    labels: dict[str, int]  # clips by scene, in the order of a model's outputs
    abstract_labels: dict[str, int]  # clips by coarser class
    devices: dict[str, int]  # clips by device; "" where the data set names none
    folds: dict[str, int]  # clips by fold; "none" counts those in no fold
    unseen_devices: dict[str, list[str]]  # fold → devices that occur in its test clips alone
    files: tuple[FileFacts, ...]  # one entry per clip, in order
    left_out: dict[str, list[str]]  # recordings that are no clips, by reason
    passed_over: dict[str, int]  # what is no recording: hidden files, others by their ending
    notes: tuple[str, ...]  # what an unusual layout was taken for
    warnings: tuple[str, ...]  # lines on what is legal but will trouble a training

    @property
    def bad(self) -> list[str]:
        """One line for every file that is missing, empty, truncated or cannot be decoded."""
        return [file.problem for file in self.files if file.problem]

    @property
    def duration_s(self) -> dict[str, float]:
        """Total, shortest, median and longest length of the good files in seconds."""
        lengths = [info.duration_s for info in self._headers()] or [0.0]
        return {
            "total": round(sum(lengths), 3),
            "min": min(lengths),
            "median": median(lengths),
            "max": max(lengths),
        }

    def formats(self) -> dict[str, int]:
        """Good files by "rate Hz, channels, coding"."""
        return count(
            f"{i.sample_rate_hz} Hz, {i.channels} ch, {i.subtype}" for i in self._headers()
        )

    @property
    def reasons(self) -> dict[str, int]:
        """Files that cannot be used or are left out, by reason."""
        bad = Counter(file.reason for file in self.files if file.problem)
        left_out = {reason: len(paths) for reason, paths in self.left_out.items()}
        return dict(sorted(bad.items())) | left_out

    def _headers(self) -> Iterator[AudioInfo]:
        return (file.info for file in self.files if file.info is not None)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        kept = {key: value for key, value in vars(self).items() if key != "files"}
        return {
            **kept,
            "clips": len(self.files),
            "duration_s": self.duration_s,
            "formats": self.formats(),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "reasons": self.reasons,
            "bad": self.bad,
        }


def check_dataset(
    dataset: SceneDataset,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> CheckReport:
    """Decode every file to its end; bad ones are listed, none stops the check.

    Progress is (files done, files in all); without `workers` there is a thread per core.
    """
    files: list[FileFacts] = []
    for facts in _facts(dataset.clips, workers or os.cpu_count() or 1):
        files.extend(facts)
        if on_progress is not None:
            on_progress(len(files), len(dataset.clips))
    clips = dataset.clips
    by_label = count(clip.label for clip in clips)
    return CheckReport(
        name=dataset.name,
        root=str(dataset.root),
        license_note=dataset.license_note,
        recordings=len({clip.recording for clip in clips}),
        labels={label: by_label.get(label, 0) for label in dataset.labels},
        abstract_labels=count(clip.abstract for clip in clips if clip.abstract),
        devices=count(clip.device for clip in clips),
        folds=count("none" if clip.fold is None else str(clip.fold) for clip in clips),
        unseen_devices=_unseen_devices(dataset),
        files=tuple(files),
        left_out={reason: [*map(str, paths)] for reason, paths in dataset.left_out.items()},
        passed_over=passed_over(dataset.root) if dataset.root.is_dir() else {},
        notes=(*dataset.notes, *_length_notes(dataset, files)),
        warnings=(
            *_few_labels(dataset),
            *_like_labels(dataset),
            *_thin_labels(dataset),
            *_one_sided(dataset),
            *_torn_recordings(clips),
            *_silent(clips, files),
            *_unlisted(dataset),
        ),
    )


def count(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, in the order of the names."""
    return dict(sorted(Counter(names).items()))


def _facts(clips: Sequence[Clip], workers: int) -> Iterator[list[FileFacts]]:
    starts = range(0, len(clips), _CLIPS_PER_TASK)
    parts = (clips[start : start + _CLIPS_PER_TASK] for start in starts)
    with ThreadPoolExecutor(workers) as pool:  # threads do: decoding runs outside the interpreter
        yield from pool.map(lambda part: [check_file(clip) for clip in part], parts)


def check_file(clip: Clip) -> FileFacts:
    """Decode a clip to its end; what is wrong with it is told, not raised."""
    try:
        info = probe(clip.path)
        # Block by block: a recording of a day does not fit into memory.
        parts = blocks(clip.path, info.sample_rate_hz, _BLOCK_S)
        is_silent = not max(bool(part.any()) for part in parts)
    except AudioError as error:
        listed = f" ({clip.listed})" if clip.listed else ""
        reason = str(error).removeprefix(f"{clip.path}: ").partition(":")[0]
        return FileFacts(None, problem=f"{error}{listed}", reason=_NUMBER.sub("N", reason))
    return FileFacts(info, silent=is_silent)


def _unseen_devices(dataset: SceneDataset) -> dict[str, list[str]]:
    """Fold → unseen devices, for the folds that can be split at all."""
    present = {clip.fold for clip in dataset.clips} - {None}
    folds = [fold for fold in dataset.folds if fold in present and len(present) > 1]
    return {str(fold): list(dataset.unseen_devices(fold)) for fold in folds}


def _length_notes(dataset: SceneDataset, files: Sequence[FileFacts]) -> Iterator[str]:
    lengths = [file.info.duration_s for file in files if file.info is not None]
    yield from length_notes(lengths, dataset.clip_s)


def _few_labels(dataset: SceneDataset) -> Iterator[str]:
    labels = {clip.label for clip in dataset.clips}
    if len(labels) == 1:
        yield f"only one scene, {labels.pop()}: a model needs at least two to tell apart"


def _like_labels(dataset: SceneDataset) -> Iterator[str]:
    """Scenes whose names differ in capitals, spaces and dashes alone."""
    spelled: dict[str, list[str]] = {}
    for label in dataset.labels:
        spelled.setdefault(_SEPARATORS.sub("_", label.casefold()), []).append(label)
    for labels in spelled.values():
        if len(labels) > 1:
            yield f"{', '.join(labels)}: scenes of almost the same name; is it one?"


def _unlisted(dataset: SceneDataset) -> Iterator[str]:
    """Recordings beside a table that does not list them."""
    if not dataset.root.is_dir() or not any(clip.listed for clip in dataset.clips):
        return
    seen = SameFile()
    for clip in dataset.clips:
        seen.first(clip)
    others = [path for path in audio_in(dataset.root) if seen.is_new(path)]
    if others:
        names = ", ".join(str(path.relative_to(dataset.root)) for path in others[:5])
        yield f"{len(others)} recording(s) are not in the table: {names}"


def _thin_labels(dataset: SceneDataset) -> Iterator[str]:
    recordings: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for clip in dataset.clips:
        recordings[clip.label].add(clip.recording)
    for label, names in recordings.items():
        if not names:
            yield f"{label}: no clips"
        elif len(names) < 3:
            yield f"{label}: {len(names)} recording(s), too few for training, validation and test"


def _one_sided(dataset: SceneDataset) -> Iterator[str]:
    """Scenes that cannot be learnt where a fold is held out, or not be tested by the only one."""
    present = {clip.fold for clip in dataset.clips} - {None}
    for fold in (f for f in dataset.folds if f in present and len(present) > 1):
        train, test = ({clip.label for clip in side} for side in dataset.split(fold))
        if unlearnt := sorted(test - train):
            yield f"fold {fold}: {', '.join(unlearnt[:5])} only in its test clips: never learnt"
        if len(dataset.folds) == 1 and (untested := sorted(train - test)):
            yield f"fold {fold}: {', '.join(untested[:5])} not in its test clips: never tested"


def _torn_recordings(clips: Iterable[Clip]) -> Iterator[str]:
    folds: dict[str, set[int]] = {}
    for clip in clips:
        if clip.fold is not None:
            folds.setdefault(clip.recording, set()).add(clip.fold)
    torn = sorted(name for name, found in folds.items() if len(found) > 1)
    if torn:
        yield f"{len(torn)} recording(s) have clips in several folds: {', '.join(torn[:5])}"


def _silent(clips: Sequence[Clip], files: Sequence[FileFacts]) -> Iterator[str]:
    silent = [clip.path.name for clip, file in zip(clips, files, strict=True) if file.silent]
    if silent:
        yield f"{len(silent)} file(s) are digital silence: {', '.join(silent[:5])}"
