"""A table of answers as the DCASE tasks take them: a row for each clip, a column for each scene."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_asc.data.dataset import SceneDataset
from edge_asc.evaluation.evaluate import ALL_FOLDS, tested
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


@dataclass(frozen=True)
class Submission:
    """What a model says of clips.

    Attributes:
        names: of the files, below the folder of their data set.
        labels: scenes in the order of the probabilities.
        scene: probabilities `[N, S]`.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    scene: np.ndarray

    @property
    def named(self) -> list[str]:
        """The likeliest scene of each clip."""
        return [self.labels[i] for i in self.scene.argmax(1)]

    def save(self, path: Path) -> None:
        """Write the table, with tabs, whole or not at all."""
        with (
            atomic_write(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as f,
        ):
            writer = csv.writer(f, delimiter="\t", lineterminator="\n")
            writer.writerow(["filename", "scene_label", *self.labels])
            for name, scene, row in zip(self.names, self.named, self.scene, strict=True):
                writer.writerow([utf8(name), scene, *(f"{p:.{DIGITS}g}" for p in row)])


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
        on_progress: called after each clip.

    Raises:
        ValueError: an unknown fold, an unusable file, a model for a device with other scenes, or
            two files of one bare name.
        OSError: a file cannot be read.
    """
    if crops not in CROPS:
        raise ValueError(f"crops {crops!r} is not one of {', '.join(CROPS)}")
    clips = tested(dataset, ALL_FOLDS if fold is None else fold)[1]
    names = [_name(clip.path, dataset.root) for clip in clips]
    if bare_names:
        names = _bare(names)
    scorer: Scorer = open_scorer(target, runtime, views)
    if for_device:
        scorer = by_device(scorer, for_device, dataset, runtime, views)
    hearing = Hearing(n_samples_of(scorer, dataset.clip_s), crops, counted(on_progress, len(clips)))
    found = scorer.predict([clip.path for clip in clips], hearing)
    return Submission(
        tuple(names),
        tuple(scorer.labels),
        np.stack([prediction.scene for prediction in found]),
    )


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
