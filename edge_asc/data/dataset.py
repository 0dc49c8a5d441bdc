"""Clips, data sets and splits that keep every recording on one side.

A *recording* (`Clip.group`) is what may not be torn apart: clips cut from one file, taken at one
place or heard by several devices at once sound alike, so a model that trained on one of them has
half seen the others. Everything here depends on clips alone, never on audio, and gives the same
answer on every machine: the order comes from names and `random.Random(seed)`, never from sets.
"""

import hashlib
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

N_FOLDS = 5  # given to data that bring none of their own


@dataclass(frozen=True)
class Clip:
    """One labelled piece of audio.

    Attributes:
        path: the audio file.
        label: scene name.
        fold: number of the fold; None belongs to no fold and is in no split.
        device: recording device, "" where unknown.
        group: the recording; clips of one group are never split. "" stands for "just this file".
        abstract: coarser class of the scene, None where the data set has none.
        listed: where the clip is listed ("meta.csv line 7"), "" where it was found by itself.
        start_s: second of the file at which this piece of it begins.
    """

    path: Path
    label: str
    fold: int | None
    device: str = ""
    group: str = ""
    abstract: str | None = None
    listed: str = ""
    start_s: float = 0.0

    @property
    def recording(self) -> str:
        """Name of the recording: the group, or the file where there is none."""
        return self.group or str(self.path)


@dataclass(frozen=True)
class SceneDataset:
    """A labelled collection of clips with its official (or assigned) folds.

    Attributes:
        name: as printed in reports.
        root: folder of the data set.
        clips: all clips, in the order of their listing.
        labels: scene names in the order of a model's outputs; may hold scenes without clips.
        abstract_labels: coarser classes in output order, () where there are none.
        clip_s: usual length of a clip in seconds; 0 where no file could be read.
        license_note: one line on what the data may be used for.
        abstract_map: scene → abstract class, for every scene, or empty.
        test_folds: the folds that may be tested; () means every fold that occurs.
        source: what `open_dataset` was given; None for one that was made in another way.
        columns: which of the table's columns stand for ours, as `open_dataset` was told.
        is_uniform: every clip lasts `clip_s`, as published.
        left_out: recordings in the folder that are no clips, by reason.
        notes: lines on what an unusual layout was taken for.
    """

    name: str
    root: Path
    clips: tuple[Clip, ...]
    labels: tuple[str, ...]
    abstract_labels: tuple[str, ...]
    clip_s: float
    license_note: str
    abstract_map: Mapping[str, str] = field(default_factory=dict)
    test_folds: tuple[int, ...] = ()
    source: Path | None = field(default=None, compare=False)
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)
    is_uniform: bool = field(default=False, compare=False)
    left_out: Mapping[str, tuple[Path, ...]] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the folds that `split` takes."""
        return self.test_folds or tuple(
            sorted({clip.fold for clip in self.clips if clip.fold is not None})
        )

    def clips_of(self, fold: int) -> tuple[Clip, ...]:
        """The clips of a fold.

        Raises:
            ValueError: the data set has no such fold.
        """
        if fold not in self.folds:
            known = ", ".join(map(str, self.folds)) or "none"
            raise ValueError(f"{self.name} has no fold {fold} (its folds: {known})")
        return tuple(clip for clip in self.clips if clip.fold == fold)

    def split(self, fold: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
        """Training and test clips when `fold` is held out; clips of no fold are in neither.

        Raises:
            ValueError: the data set has no such fold, or one side would be empty.
        """
        test = self.clips_of(fold)
        train = tuple(clip for clip in self.clips if clip.fold not in (fold, None))
        if not test or not train:
            side = "test" if not test else "training"
            raise ValueError(f"{self.name}: fold {fold} leaves no {side} clips")
        return train, test

    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for the list of clips, not for their sound."""
        rows = sorted(
            f"{os.path.relpath(clip.path, self.root)}\t{clip.label}\t{clip.fold}\t{clip.device}"
            for clip in self.clips
        )
        return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def scene_index(self, scene: str) -> int:
        """Position of a scene among `labels`."""
        return self.labels.index(scene)

    def abstract_of(self, scene: str) -> str:
        """The coarser class of a scene; KeyError where the data set has none."""
        return self.abstract_map[scene]

    def abstract_index(self, scene: str) -> int:
        """Position of the scene's coarser class among `abstract_labels`."""
        return self.abstract_labels.index(self.abstract_of(scene))

    def abstracted(self) -> "SceneDataset":
        """The same clips with their coarser classes as labels.

        Raises:
            ValueError: the data set has no abstract classes.
        """
        if not self.abstract_labels:
            raise ValueError(f"{self.name} has no abstract classes")
        clips = tuple(
            replace(clip, label=self.abstract_of(clip.label), abstract=None) for clip in self.clips
        )
        return replace(
            self, clips=clips, labels=self.abstract_labels, abstract_labels=(), abstract_map={}
        )

    def unseen_devices(self, fold: int) -> tuple[str, ...]:
        """Devices, in name order, that the test clips of `fold` have and its training clips not."""
        train, test = self.split(fold)
        return tuple(sorted({clip.device for clip in test} - {clip.device for clip in train}))


def recordings(clips: Iterable[Clip], seed: int) -> list[list[Clip]]:
    """Clips by recording, the recordings in an order that depends on their names and the seed."""
    by_name: dict[str, list[Clip]] = {}
    for clip in clips:
        by_name.setdefault(clip.recording, []).append(clip)
    names = sorted(by_name)
    random.Random(seed).shuffle(names)
    return [by_name[name] for name in names]


def assign_folds(clips: Sequence[Clip], n_folds: int = N_FOLDS, seed: int = 0) -> tuple[Clip, ...]:
    """Give every clip a fold 1 … n_folds: recordings whole, classes spread evenly.

    The largest recordings are placed first, each into the fold that holds the fewest clips of its
    classes so far. With fewer recordings than folds there are as many folds as recordings.
    """
    groups = recordings(clips, seed)
    n_folds = min(n_folds, len(groups))
    filled: list[Counter[str]] = [Counter() for _ in range(n_folds)]
    fold_of: dict[str, int] = {}
    for group in sorted(groups, key=len, reverse=True):  # stable: ties stay shuffled
        wanted = Counter(clip.label for clip in group)
        fold = min(range(n_folds), key=lambda k: _crowding(filled[k], wanted))
        filled[fold].update(wanted)
        fold_of[group[0].recording] = fold + 1
    return tuple(replace(clip, fold=fold_of[clip.recording]) for clip in clips)


def _crowding(filled: Counter[str], wanted: Counter[str]) -> tuple[int, int]:
    return sum(n * filled[label] for label, n in wanted.items()), filled.total()


def split_validation(
    clips: Sequence[Clip], fraction: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Set a part of the training clips aside for model selection, recording by recording.

    A recording goes to validation when that brings the number of clips per class nearer to
    `fraction` of the class. A class that would be left out gives its smallest recording, unless
    that is all it has: a class whose recordings are its own always stays in training.

    Args:
        clips: training clips only; the test fold has no business here.
        fraction: share of each class, in [0, 0.5].
        seed: of the order in which recordings are offered.

    Returns:
        (train, validation), each in the order of `clips`.

    Raises:
        ValueError: fraction outside its range.
    """
    if not 0 <= fraction <= 0.5:
        raise ValueError(f"validation fraction must be between 0 and 0.5, not {fraction}")
    chosen = _choose(recordings(clips, seed), fraction) if fraction > 0 else set()
    train = tuple(clip for clip in clips if clip.recording not in chosen)
    validation = tuple(clip for clip in clips if clip.recording in chosen)
    return train, validation


def _choose(groups: list[list[Clip]], fraction: float) -> set[str]:
    missing = {
        label: fraction * n
        for label, n in Counter(clip.label for group in groups for clip in group).items()
    }
    chosen: set[str] = set()
    for group in groups:
        if _brings_nearer(group, missing):
            chosen.add(group[0].recording)
            for clip in group:
                missing[clip.label] -= 1
    return chosen | _smallest_of_left_out(groups, chosen)


def _brings_nearer(group: list[Clip], missing: Mapping[str, float]) -> bool:
    counts = Counter(clip.label for clip in group).items()
    after = sum(abs(missing[label] - n) for label, n in counts)
    return after < sum(abs(missing[label]) for label, _ in counts)


def _smallest_of_left_out(groups: list[list[Clip]], chosen: set[str]) -> set[str]:
    present = {clip.label for group in groups if group[0].recording in chosen for clip in group}
    of_label: dict[str, list[list[Clip]]] = {}
    for group in groups:
        for label in sorted({clip.label for clip in group} - present):
            of_label.setdefault(label, []).append(group)
    return {min(found, key=len)[0].recording for found in of_label.values() if len(found) > 1}
