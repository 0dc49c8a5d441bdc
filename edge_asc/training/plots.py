"""Pictures of a run: curves over epochs, and the confusion matrix."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.plotting import new_figure, save_figure
from edge_asc.shown import shown


def save_curves(rows: Sequence[Mapping[str, Any]], path: Path | str) -> None:
    """Draw loss, accuracy and learning rate over epochs as a PNG.

    Args:
        rows: one mapping per epoch, with the columns of metrics.csv; None where not measured.
        path: file to write.
    """
    panels = {
        "loss": {"train_loss": "training", "val_loss": "validation"},
        "accuracy": {"val_accuracy": "validation"},
        "learning rate": {"learning_rate": "learning rate"},
    }
    if all(row.get("val_accuracy") is None for row in rows):
        del panels["accuracy"]
    figure = new_figure(4 * len(panels), 3.5)
    for axes, (name, columns) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        _lines(axes, rows, columns, name)
        if name == "accuracy":
            axes.set_ylim(0, 1)
    save_figure(figure, path)


def _lines(
    axes: Any, rows: Sequence[Mapping[str, Any]], columns: dict[str, str], name: str
) -> None:
    for column, label in columns.items():
        points = [(r["epoch"], r[column]) for r in rows if r.get(column) is not None]
        if points:
            axes.plot(
                *zip(*points, strict=True), label=label, marker="." if len(points) < 3 else ""
            )
    axes.set_xlabel("epoch")
    axes.set_title(name)
    axes.grid(alpha=0.3)
    if len(columns) > 1 and axes.lines:
        axes.legend()


MOST_INCHES = 16.0  # of a side: a picture of a thousand classes is no larger than one of thirty
MOST_NAMES = 50  # at a side; of more classes every second is named, or every third, …
MOST_LETTERS = 32  # of a name


def save_confusion(
    matrix: np.ndarray | Sequence[Sequence[int]], labels: Sequence[str], path: Path | str
) -> None:
    """Draw a confusion matrix as a PNG: counts as numbers, the share of the true class as colour.

    Args:
        matrix: clips by true (row) and predicted (column) class, `[S, S]`.
        labels: class names, S of them.
        path: file to write.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = min(max(4.0, 0.5 * len(labels) + 2), MOST_INCHES)
    figure = new_figure(size, size)
    axes = figure.subplots()
    axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
    named = range(0, len(labels), -(-len(labels) // MOST_NAMES))
    names = [shorten(labels[i]) for i in named]
    axes.set_xticks(named, names, rotation=90, parse_math=False)
    axes.set_yticks(named, names, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    accuracy = np.trace(counts) / max(counts.sum(), 1)
    axes.set_title(f"accuracy {accuracy:.1%} of {counts.sum():.0f} clips")
    if len(labels) <= 20:  # more numbers than that cannot be read
        _numbers(axes, counts, share)
    save_figure(figure, path)


def shorten(name: str) -> str:
    """A class's name as it fits beside a picture."""
    one = shown(name)
    return one if len(one) <= MOST_LETTERS else one[: MOST_LETTERS - 1] + "…"


def _numbers(axes: Any, counts: np.ndarray, share: np.ndarray) -> None:
    for row, column in np.argwhere(counts > 0):
        colour = "white" if share[row, column] > 0.5 else "black"
        number = f"{counts[row, column]:.0f}"
        axes.text(column, row, number, ha="center", va="center", color=colour)
