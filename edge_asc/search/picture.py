"""A picture of a search: accuracy against bytes and memory, work as colour, fronts as lines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_asc.plotting import new_figure, save_figure
from edge_asc.search.records import Record, knows_memory, pareto_front

Cost = Callable[[Record], float]

WIDE_INCHES, HIGH_INCHES = 7, 5  # of one panel


def save_front(found: Sequence[Record], path: Path | str) -> None:
    """Draw the finished candidates as a PNG; those on the front are large, with their numbers.

    A second panel shows peak memory where that of all is known. The line is the front of accuracy
    and the panel's cost alone; what is on the front but off the line costs less in another way.

    Raises:
        ValueError: no candidate is finished.
    """
    finished = [record for record in found if record.finished]
    if not finished:
        raise ValueError("no finished trial to draw yet")
    front = pareto_front(found)
    costs: dict[str, Cost] = {"int8 file, thousand bytes": lambda r: r.file_bytes / 1000}
    if knows_memory(finished):
        peak = "peak activations, thousand bytes"
        costs[peak] = lambda r: (r.peak_activation_bytes or 0) / 1000
    figure = new_figure(1 + WIDE_INCHES * len(costs), HIGH_INCHES)
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, (label, cost) in zip(panels, costs.items(), strict=True):
        dots = _panel(axes, finished, front, cost)
        axes.set_xlabel(label)
    panels[0].set_ylabel("validation accuracy after the short training, %")
    figure.colorbar(dots, ax=list(panels), label="million MACs per second of audio")
    figure.suptitle(
        f"{len(finished)} finished candidates; {len(front)}, large and numbered, on the front"
    )
    save_figure(figure, path)


def _panel(axes: Any, finished: Sequence[Record], front: Sequence[Record], cost: Cost) -> Any:
    """Accuracy against one cost; returns the dots, whose colours are the work."""
    steps = _staircase(front, cost)
    axes.step(*zip(*steps, strict=True), where="post", color="grey", linewidth=1, zorder=1)
    dots = axes.scatter(
        [cost(record) for record in finished],
        [_percent(record) for record in finished],
        c=[record.macs_per_s / 1e6 for record in finished],
        s=[70 if record in front else 18 for record in finished],
        edgecolors=["black" if record in front else "none" for record in finished],
        cmap="viridis",
        zorder=2,
    )
    for record in front:
        place = (cost(record), _percent(record))
        axes.annotate(
            str(record.trial), place, (5, 5), textcoords="offset points", fontsize=8, zorder=3
        )
    axes.grid(alpha=0.3)
    return dots


def _percent(record: Record) -> float:
    return 100 * (record.accuracy or 0)


def _staircase(front: Sequence[Record], cost: Cost) -> list[tuple[float, float]]:
    """Corners of the best accuracy that may be had at a cost."""
    corners: list[tuple[float, float]] = []
    for record in sorted(front, key=lambda r: (cost(r), -_percent(r))):
        if not corners or _percent(record) > corners[-1][1]:
            corners.append((cost(record), _percent(record)))
    return corners
