"""What a report is made of: everything that was measured of a run and lies in its folder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from edge_asc.files import read_json
from edge_asc.runtime.metadata import Weights
from edge_asc.training.run_folder import Run, quantised_folder, read_rows, read_run

METRICS, ROWS = "metrics.json", "metrics.csv"
PARTS = {"val": "validation", "test": "test"}
MOST_PAIRS = 50


@dataclass(frozen=True)
class Missing:
    """A part that is left out: what it lacks, and the command that makes it."""

    why: str
    command: str = ""


@dataclass(frozen=True)
class Measured:
    """Figures of one model on one set of clips."""

    model: str  # what answered: precision, runtime, file
    clips: str  # which clips: "test", "validation", or a data set and fold
    figures: dict[str, Any]  # `accuracy`, `confusion`, …
    labels: Sequence[str]  # scenes in the order of `confusion`

    @property
    def name(self) -> str:
        """Model and clips."""
        return f"{self.model}, {self.clips}"

    @property
    def pairs(self) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: what it was, what it was taken for, clips; at most 50."""
        counts = np.array(self.figures["confusion"])
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:MOST_PAIRS]
        found = (np.unravel_index(place, counts.shape) for place in order)
        return [
            (self.labels[i], self.labels[j], int(counts[i, j])) for i, j in found if counts[i, j]
        ]

    @property
    def per_class(self) -> dict[str, float | None]:
        """Accuracy by scene; None for one without clips."""
        rows = self.figures["confusion"]
        return {
            label: row[i] / sum(row) if sum(row) else None
            for i, (label, row) in enumerate(zip(self.labels, rows, strict=True))
        }


@dataclass(frozen=True)
class Sources:
    """A run folder, read."""

    folder: Path  # of the run
    run: Run
    summary: dict[str, Any]  # its metrics.json; empty while it trains
    # trained network, networks of integers, and every evaluation in the folder
    measured: tuple[Measured, ...]
    rows: list[dict[str, float]]  # its metrics.csv; empty where there is none
    quantised_rows: list[dict[str, float]]  # that of int8 training
    exports: tuple[Path, ...]  # model files
    parity: dict[str, Any]  # how they agree with torch, by their names

    @property
    def tested(self) -> list[Measured]:
        """What was measured on clips that chose nothing."""
        return [m for m in self.measured if m.clips != "validation"]


def read_sources(folder: Path) -> Sources:
    """Read all that a run's folder holds.

    Raises:
        ValueError: no run, or a file in it is malformed.
        OSError: a file cannot be read.
    """
    run = read_run(folder)
    files = [p for s in (".tflite", ".onnx") for p in sorted(folder.glob(f"export/*{s}"))]
    return Sources(
        folder=folder,
        run=run,
        summary=_json(folder / METRICS),
        measured=(
            *_parts(folder / METRICS, "float32 in torch", run.labels),
            *(part for weights in get_args(Weights) for part in _quantised(folder, weights, run)),
            *_of_evaluations(folder),
        ),
        rows=_rows(folder / ROWS),
        quantised_rows=_rows(quantised_folder(folder) / ROWS),
        exports=tuple(files),
        parity=_json(folder / "export" / "parity.json"),
    )


def _quantised(folder: Path, weights: Weights, run: Run) -> list[Measured]:
    """Figures of a run's network of integers."""
    path = quantised_folder(folder, weights) / METRICS
    methods = {"qat": ", trained on", "ptq": ", ranges measured"}
    method = methods.get(_json(path).get("method", ""), "")
    return _parts(path, f"{weights} in torch{method}", run.labels)


def _parts(path: Path, model: str, labels: Sequence[str]) -> list[Measured]:
    figures = _json(path)
    return [
        _checked(path, Measured(model, name, figures[key], labels))
        for key, name in PARTS.items()
        if key in figures
    ]


def _of_evaluations(folder: Path) -> list[Measured]:
    """What `edge-asc evaluate --out` has left anywhere in the folder."""
    found = []
    for path in sorted(folder.rglob(METRICS)):
        figures = _json(path)
        if {"runtime", "confusion", "per_class"} <= figures.keys():
            file = Path(str(figures.get("file"))).name
            model = f"{figures.get('precision')} on {figures['runtime']} ({file})"
            clips = f"{figures.get('dataset')} fold {figures.get('fold')}"
            if "joint_with" in figures:
                model += f", joint with {Path(str(figures['joint_with'])).name}"
            found.append(_checked(path, Measured(model, clips, figures, [*figures["per_class"]])))
    return found


def _checked(path: Path, measured: Measured) -> Measured:
    n, figures = len(measured.labels), measured.figures
    rows = figures.get("confusion") if isinstance(figures, dict) else None
    is_matrix = isinstance(rows, list) and [len(row) for row in rows] == [n] * n
    if not (is_matrix and isinstance(figures.get("accuracy"), float | int)):
        raise ValueError(f"{path}: its confusion matrix or accuracy is not that of {n} scenes")
    return measured


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path, dict[str, Any]) if path.is_file() else {}
    return found


def _rows(path: Path) -> list[dict[str, float]]:
    """Figures by epoch; what was not measured is left out."""
    if not path.is_file():
        return []
    rows = [_measured(row) for row in read_rows(path)]
    return [row for row in rows if "epoch" in row]


def _measured(row: dict[str, float | None]) -> dict[str, float]:
    return {name: x for name, x in row.items() if x is not None and math.isfinite(x)}
