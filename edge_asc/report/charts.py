"""Where the lines of a report's small drawings go: values over epochs, or over something else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TICKS = 4  # of an axis, about
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Lines in an area of pixels; the template draws them."""

    title: str  # what is shown
    series: Mapping[str, Points]  # (across, value) by name; a single point becomes a dot
    top: float | None = None  # where the upright axis ends; None: above the largest value
    across: str = "epoch"  # what the level axis shows

    width, height = 380, 230
    left, right, upper, lower = 50, 368, 30, 184  # of the drawing area

    @property
    def first(self) -> float:
        """Where the level axis begins."""
        return min(x for line in self.series.values() for x, _ in line)

    @property
    def last(self) -> float:
        """Where it ends."""
        return max(x for line in self.series.values() for x, _ in line)

    @property
    def ticks(self) -> list[float]:
        """Of the upright axis."""
        highest = max(y for line in self.series.values() for _, y in line)
        return round_ticks(self.top or highest or 1.0)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point in pixels, counted from the upper left."""
        length = self.last - self.first
        across = (x - self.first) / length if length > 0 else 0.5
        return (
            round(self.left + across * (self.right - self.left), 1),
            round(self.lower - y / self.ticks[-1] * (self.lower - self.upper), 1),
        )


def round_ticks(top: float) -> list[float]:
    """Round numbers from 0 to at least `top`, which is finite and above 0."""
    raw = top / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= raw * (1 - 1e-9))
    return [float(f"{i * step:.6g}") for i in range(math.ceil(top / step - 1e-9) + 1)]
