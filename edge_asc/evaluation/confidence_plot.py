"""Two pictures of a confidence: is it true, and what is gained by keeping silent below it?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_asc.plotting import new_figure, save_figure


def save_confidence(figures: Mapping[str, Any], path: Path | str) -> None:
    """Draw an evaluation's reliability diagram and its accuracy over coverage as a PNG."""
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    _reliability(left, figures)
    _coverage(right, figures)
    save_figure(figure, path)


def _reliability(axes: Any, figures: Mapping[str, Any]) -> None:
    rows = figures["reliability"]
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="as sure as right")
    axes.bar(
        [row["from"] for row in rows],
        [row["accuracy"] for row in rows],
        width=[row["to"] - row["from"] for row in rows],
        align="edge",
        alpha=0.6,
        edgecolor="white",
        label="accuracy",
    )
    confidence = [row["confidence"] for row in rows]
    axes.plot(confidence, [row["accuracy"] for row in rows], "k.", label="mean confidence")
    for row in rows:
        axes.text((row["from"] + row["to"]) / 2, 0.01, row["clips"], ha="center", fontsize=7)
    error = 100 * figures["calibration_error"]
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
    axes.set_title(f"calibration error {error:.1f} % (clips at the foot)")
    axes.legend(loc="upper left", fontsize=8)


def _coverage(axes: Any, figures: Mapping[str, Any]) -> None:
    rows = figures["coverage"]
    axes.plot([r["coverage"] for r in rows], [r["accuracy"] for r in rows], marker=".")
    kept = figures.get("above_threshold")
    if kept and kept["accuracy"] is not None:
        label = f"threshold {kept['threshold']:.2f}"
        axes.plot([kept["coverage"]], [kept["accuracy"]], "o", color="C1", label=label)
        axes.legend(loc="lower left")
    lowest = min(row["accuracy"] for row in rows)
    axes.set(xlim=(0, 1.02), ylim=(min(lowest, 0.9) - 0.02, 1.005), xlabel="share that is named")
    axes.set_title("accuracy of the surest clips")
    axes.grid(alpha=0.3)
