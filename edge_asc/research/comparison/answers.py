"""What a model said of each clip, from an evaluation at hand or one that was saved.

Letters: N clips, S scenes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.data.layouts.table import Row, read_table
from edge_asc.evaluation.evaluate import CHANCE, Evaluation
from edge_asc.evaluation.metrics import SMALLEST_PROBABILITY
from edge_asc.files import read_json

PREDICTIONS, METRICS = "predictions.csv", "metrics.json"
_SEED = re.compile(r"(?:^|-)seed(\d{1,20})(?:$|-)")  # as `train --seeds` names its runs
NEEDED = ("path", "label", "predicted")


@dataclass(frozen=True)
class Answers:
    """What a model, or one on each fold, said of clips.

    Attributes:
        where: whence they are, as errors name it.
        clips: names of the clips.
        labels: their true scenes.
        right: whether each answer was right, bool `[N]`.
        loss: -ln of the true scene's probability, in nats, `[N]`.
        devices: recording devices, "" where unknown.
        recordings: what the clips were cut from, "" where unknown.
        facts: of each model that answered, as an evaluation tells them.
    """

    where: str
    clips: tuple[str, ...]
    labels: tuple[str, ...]
    right: np.ndarray
    loss: np.ndarray
    devices: tuple[str, ...]
    recordings: tuple[str, ...]
    facts: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def seed(self) -> int | None:
        """The seed of the training, as its evaluation or else the folder's name says."""
        known = [of_model.get("seed") for of_model in self.facts[:1]]
        if known and isinstance(known[0], int):
            return known[0]
        path = Path(self.where)
        named = _SEED.search(path.parent.name if path.name == PREDICTIONS else path.stem)
        return int(named[1]) if named else None


def answers_of(result: Evaluation, where: str) -> Answers:
    """The answers of an evaluation that was just made."""
    number = {label: i for i, label in enumerate(result.labels)}
    truth = np.array([number[clip.label] for clip in result.clips])
    return Answers(
        where,
        tuple(str(clip.path) for clip in result.clips),
        tuple(clip.label for clip in result.clips),
        result.scene.argmax(1) == truth,
        _loss(result.scene[np.arange(len(truth)), truth]),
        tuple(clip.device for clip in result.clips),
        tuple(clip.group for clip in result.clips),
        (result.figures,),
    )


def read_answers(path: Path) -> Answers:
    """The answers that `evaluate --out` saved: its folder, or its predictions.csv.

    A table without the column `recording`, as of other programs, does not know the recordings;
    nor does a row that names its file there.

    Raises:
        ValueError: no such table; says what is wrong with it, and in which line.
        OSError: it cannot be read.
    """
    table = path / PREDICTIONS if path.is_dir() else path
    rows = read_table(table, NEEDED)
    if not rows:
        raise ValueError(f"{table}: no clips")
    figures = table.parent / METRICS
    return Answers(
        str(path),
        tuple(row["path"] for row in rows),
        tuple(row["label"] for row in rows),
        np.array([row["label"] == row["predicted"] for row in rows]),
        _loss(np.array([_chance(row) for row in rows])),
        tuple(row.get("device") for row in rows),
        tuple(_recording(row) for row in rows),
        (read_json(figures, dict[str, Any]),) if figures.is_file() else (),
    )


def _recording(row: Row) -> str:
    recording = row.get("recording")
    return "" if recording == row["path"] else recording


def pooled(parts: Sequence[Answers]) -> Answers:
    """The answers of models on clips of their own, such as those of the folds, as one."""
    first, *others = parts
    if not others:
        return first

    def joined(name: str) -> Any:
        return tuple(value for part in parts for value in getattr(part, name))

    return Answers(
        first.where,
        *(joined(name) for name in ("clips", "labels")),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("right", "loss")),
        *(joined(name) for name in ("devices", "recordings", "facts")),
    )


def _chance(row: Row) -> float:
    """The probability of the true scene; NaN where the table has none."""
    found = {
        name: _probability(row, text)
        for name, text in row.fields.items()
        if name.startswith(CHANCE) and text
    }
    return found.get(CHANCE + row["label"], float("nan"))


def _probability(row: Row, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise row.error(f"{text!r} is no probability")
    return value


def _loss(of_truth: np.ndarray) -> np.ndarray:
    found: np.ndarray = -np.log(np.maximum(of_truth, SMALLEST_PROBABILITY))
    return found
