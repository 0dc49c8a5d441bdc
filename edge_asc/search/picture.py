"""A picture of a search: accuracy against bytes, work as colour, the Pareto front as a line."""

from collections.abc import Sequence
from pathlib import Path

from edge_asc.plotting import new_figure, save_figure
from edge_asc.search.records import Record, pareto_front


def save_front(found: Sequence[Record], path: Path | str) -> None:
    """Draw the finished candidates as a PNG; those on the front are large, with their numbers.

    The line is the front of accuracy and bytes alone; what is on the front but off the line needs
    less work than what is on it.

    Raises:
        ValueError: no candidate is finished.
    """
    finished = [record for record in found if record.finished]
    if not finished:
        raise ValueError("no finished trial to draw yet")
    front = pareto_front(found)
    figure = new_figure(8, 5)
    axes = figure.subplots()
    steps = _staircase(front)
    axes.step(*zip(*steps, strict=True), where="post", color="grey", linewidth=1, zorder=1)
    dots = axes.scatter(
        [record.file_bytes / 1000 for record in finished],
        [100 * (record.accuracy or 0) for record in finished],
        c=[record.macs_per_s / 1e6 for record in finished],
        s=[70 if record in front else 18 for record in finished],
        edgecolors=["black" if record in front else "none" for record in finished],
        cmap="viridis",
        zorder=2,
    )
    for record in front:
        place = (record.file_bytes / 1000, 100 * (record.accuracy or 0))
        axes.annotate(
            str(record.trial), place, (5, 5), textcoords="offset points", fontsize=8, zorder=3
        )
    figure.colorbar(dots, label="million MACs per second of audio")
    axes.set_xlabel("int8 file, thousand bytes")
    axes.set_ylabel("validation accuracy after the short training, %")
    axes.set_title(f"{len(finished)} finished candidates, {len(front)} of them on the front")
    axes.grid(alpha=0.3)
    save_figure(figure, path)


def _staircase(front: Sequence[Record]) -> list[tuple[float, float]]:
    """Corners of the best accuracy that so many thousand bytes reach."""
    corners: list[tuple[float, float]] = []
    for record in sorted(front, key=lambda r: (r.file_bytes, -(r.accuracy or 0))):
        accuracy = 100 * (record.accuracy or 0)
        if not corners or accuracy > corners[-1][1]:
            corners.append((record.file_bytes / 1000, accuracy))
    return corners
