"""Answers to clips: a table as the DCASE tasks take them, or logits for another network."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_asc.audio.decode import AudioError
from edge_asc.data.dataset import SceneDataset
from edge_asc.evaluation.evaluate import ALL_FOLDS, tested
from edge_asc.evaluation.metrics import SMALLEST_PROBABILITY
from edge_asc.evaluation.predictors import (
    Hearing,
    OnProgress,
    Scorer,
    counted,
    n_samples_of,
    open_scorer,
)
from edge_asc.evaluation.scorers.by_device import by_device
from edge_asc.files import atomic_write, utf8
from edge_asc.frontend.windows import CROPS

DIGITS = 6  # of a probability
NPZ = ".npz"
BAD = ("stop", "skip", "mark")  # what becomes of the answers when a file cannot be used
CLIPS_AT_ONCE = 128  # of which a bad one is looked for by asking each


@dataclass(frozen=True)
class Submission:
    """What a model says of clips.

    Attributes:
        names: of the files, below the folder of their data set.
        labels: scenes in the order of the probabilities.
        scene: probabilities `[N, S]`, NaN of a file that could not be used.
        bad: what is wrong with such files, a line each, by name.
        marks_bad: whether they have rows in the table, without scene and probabilities.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    scene: np.ndarray
    bad: Mapping[str, str] = field(default_factory=dict)
    marks_bad: bool = False

    @property
    def named(self) -> list[str]:
        """The likeliest scene of each clip, "" of a file that could not be used."""
        likeliest = zip(self.names, self.scene.argmax(1), strict=True)
        return ["" if name in self.bad else self.labels[i] for name, i in likeliest]

    def save(self, path: Path) -> None:
        """Write the table, with tabs, or `.npz` for `train --answers`; whole or not at all."""
        if path.suffix.lower() == NPZ:
            self._save_logits(path)
            return
        with (
            atomic_write(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as f,
        ):
            writer = csv.writer(f, delimiter="\t", lineterminator="\n")
            writer.writerow(["filename", "scene_label", *self.labels])
            for name, scene, row in zip(self.names, self.named, self.scene, strict=True):
                if name not in self.bad:
                    writer.writerow([utf8(name), scene, *(f"{p:.{DIGITS}g}" for p in row)])
                elif self.marks_bad:
                    writer.writerow([utf8(name), "", *[""] * len(row)])

    def _save_logits(self, path: Path) -> None:
        """Logarithms of probabilities, unrounded; bad files are left out."""
        kept = [i for i, name in enumerate(self.names) if name not in self.bad]
        logits = np.log(np.maximum(self.scene[kept], SMALLEST_PROBABILITY))
        names = np.array([utf8(self.names[i]) for i in kept], np.str_)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, names=names, labels=np.array(self.labels), logits=logits)


def predict(
    target: Path,
    dataset: SceneDataset,
    *,
    fold: int | str | None = None,
    for_device: Mapping[str, Path] | None = None,
    crops: str = "3",
    views: int | None = None,
    runtime: str | None = None,
    bare_names: bool = False,
    bad: str = BAD[0],
    on_progress: OnProgress = lambda done, total: None,
) -> Submission:
    """Name the scene of every clip of a data set, with labels or without.

    Args:
        target: a model file or a run.
        dataset: what to name.
        fold: only its clips; None or "all": all.
        for_device: models that answer for the clips of their device.
        crops: as of `evaluate`.
        views: as of `evaluate`.
        runtime: as of `evaluate`.
        bare_names: whether names are written without their folder.
        bad: what becomes of a file that cannot be used: "stop" raises, "skip" leaves it out of the
            table, "mark" leaves its row without scene and probabilities.
        on_progress: called after each clip.

    Raises:
        ValueError: an unknown fold, an unusable file, a model for a device with other scenes, or
            two files of one bare name; or no file can be used (`AudioError` of the first).
        OSError: a file cannot be read.
    """
    if crops not in CROPS:
        raise ValueError(f"crops {crops!r} is not one of {', '.join(CROPS)}")
    if bad not in BAD:
        raise ValueError(f"bad {bad!r} is not one of {', '.join(BAD)}")
    clips = tested(dataset, ALL_FOLDS if fold is None else fold)[1]
    names = [_name(clip.path, dataset.root) for clip in clips]
    if bare_names:
        names = _bare(names)
    scorer: Scorer = open_scorer(target, runtime, views)
    if for_device:
        scorer = by_device(scorer, for_device, dataset, runtime, views)
    hearing = Hearing(n_samples_of(scorer, dataset.clip_s), crops, counted(on_progress, len(clips)))
    paths = [clip.path for clip in clips]
    if bad == "stop":
        scenes, wrong = [p.scene for p in scorer.predict(paths, hearing)], dict[int, AudioError]()
    else:
        scenes, wrong = _of_usable(scorer, paths, hearing)
    faults = {names[i]: str(error) for i, error in wrong.items()}
    return Submission(tuple(names), tuple(scorer.labels), np.stack(scenes), faults, bad == "mark")


def _of_usable(
    scorer: Scorer, paths: Sequence[Path], hearing: Hearing
) -> tuple[list[np.ndarray], dict[int, AudioError]]:
    """Probabilities of each file, NaN of those that cannot be used, and what is wrong with them.

    Raises:
        AudioError: none can be used.
    """
    scenes: list[np.ndarray] = []
    wrong: dict[int, AudioError] = {}
    quiet = replace(hearing, on_clip=lambda: None)  # files beside a bad one are heard twice
    for start in range(0, len(paths), CLIPS_AT_ONCE):
        some = paths[start : start + CLIPS_AT_ONCE]
        try:
            scenes += [prediction.scene for prediction in scorer.predict(some, quiet)]
        except AudioError:
            for number, path in enumerate(some, start):
                try:
                    scenes.append(scorer.predict([path], quiet)[0].scene)
                except AudioError as error:
                    wrong[number] = error
                    scenes.append(np.full(len(scorer.labels), np.nan))
        for _ in some:
            hearing.on_clip()
    if len(wrong) == len(paths):
        raise wrong[0]
    return scenes, wrong


def _name(path: Path, root: Path) -> str:
    """A file's path below its data set's folder, with slashes."""
    inside = os.path.relpath(path, root)
    return str(path) if inside.startswith("..") else Path(inside).as_posix()


def _bare(names: Sequence[str]) -> list[str]:
    """Names without their folder."""
    found: dict[str, str] = {}
    for name in names:
        if (first := found.setdefault(Path(name).name, name)) != name:
            raise ValueError(f"bare names: {first} and {name} would both be {Path(name).name}")
    return [*found]
