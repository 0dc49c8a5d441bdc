"""A comparison as a picture: each network with its interval, and each difference with its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_asc.plotting import new_figure, save_figure
from edge_asc.research.comparison.tables import p_text

ROW_INCHES, EDGE_INCHES, WIDE_INCHES = 0.35, 1.2, 10.0


def save_comparison(found: Mapping[str, Any], path: Path | str) -> None:
    """Draw what `compare` found; of one network there are no differences."""
    systems, pairs = found["systems"], found["differences"]
    figure = new_figure(WIDE_INCHES, EDGE_INCHES + ROW_INCHES * max(len(systems), len(pairs), 3))
    left, *rest = figure.subplots(1, 2 if pairs else 1, squeeze=False)[0]
    in_nats = found["metric"] == "log-loss"
    factor, unit = (1.0, "nats") if in_nats else (100.0, "%")
    names = [row["name"] for row in systems]
    _rows(left, names, [(row["value"], row["interval"]) for row in systems], factor)
    for place, row in enumerate(systems):  # each seed by itself
        if row["seeds"] > 1:
            left.plot([factor * v for v in row["by_seed"]], [place] * row["seeds"], "|", color="C1")
    left.set(xlabel=f"{found['metric']}, {unit}, with 95 % interval")
    told = [f"{row['b']} less {row['a']}\np = {p_text(row['p_holm'])}" for row in pairs]
    for right in rest:
        _rows(right, told, [(row["difference"], row["interval"]) for row in pairs], factor)
        right.axvline(0, color="grey", linestyle="--", linewidth=1)
        right.set(xlabel=f"difference, {'nats' if in_nats else 'points'} (p after Holm)")
    save_figure(figure, path)


def _rows(axes: Any, names: list[str], rows: list[tuple[float, Any]], factor: float) -> None:
    for place, (value, ends) in enumerate(rows):
        low, high = ends or (value, value)
        axes.plot([factor * low, factor * high], [place, place], color="C0", linewidth=2)
        axes.plot([factor * value], [place], "o", color="C0")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
