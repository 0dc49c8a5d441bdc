"""The scenes of the last minutes, one cell for some seconds each."""

import math
from collections import Counter
from collections.abc import Sequence

CELL_S = 5.0  # or a whole number of hops above it
N_CELLS = 720  # kept: an hour
STEPS_MIN = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440)  # between the marks of a time axis
NOW = " now"


class Strip:
    """Which scene was shown for most of each cell of time."""

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        self.cell_s = hop_s * max(1, math.ceil(CELL_S / hop_s - 1e-9))
        self._cells: dict[int, str] = {}  # by time // cell_s, in order
        self._in_newest: Counter[str] = Counter()
        self._newest, self._last_s = 0, -math.inf

    def add(self, time_s: float, scene: str) -> None:
        """A scene was shown at a time (Unix)."""
        index = math.floor(time_s / self.cell_s)
        if index < self._newest:  # the clock was set back: what is kept is dated in the future
            self._cells.clear()
        if index != self._newest:
            self._bridge(index, time_s, scene)
            self._in_newest.clear()
        self._in_newest[scene] += 1
        self._cells[index] = self._in_newest.most_common(1)[0][0]
        self._newest, self._last_s = index, time_s
        while len(self._cells) > N_CELLS:
            del self._cells[next(iter(self._cells))]

    def _bridge(self, index: int, time_s: float, scene: str) -> None:
        """Where a cell is one hop long, two decisions may fall around one without a break."""
        if index == self._newest + 2 and time_s - self._last_s < 2 * self._hop_s:
            self._cells[index - 1] = scene

    def latest(self, n: int, now_s: float) -> list[str | None]:
        """The last `n` cells up to now, oldest first; None where nothing was decided."""
        end = max(math.floor(now_s / self.cell_s), self._newest) + 1
        return [self._cells.get(index) for index in range(end - n, end)]


def shares(cells: Sequence[str | None]) -> list[tuple[str, float]]:
    """Of the decided cells the part that each scene has, the largest first."""
    counts = Counter(cell for cell in cells if cell is not None)
    return [(scene, n / counts.total()) for scene, n in counts.most_common()]


def time_axis(n_cells: int, cell_s: float, tick: str) -> str:
    """A line of `n_cells` characters: full minutes before now, as far apart as they need to be.

    `tick` stands where that time was; the right end is now.
    """
    widest = len(f"{tick}-{n_cells * cell_s / 60:.0f} min{NOW}")
    step_min = next(m for m in STEPS_MIN if 60 * m / cell_s >= widest or m == STEPS_MIN[-1])
    axis = [" "] * n_cells
    minutes = step_min
    while (column := n_cells - round(60 * minutes / cell_s)) >= 0:
        text = f"{tick}-{minutes} min"
        axis[column : column + len(text)] = text[: n_cells - column]
        minutes += step_min
    axis[max(0, n_cells - len(NOW)) :] = NOW[-n_cells:]
    return "".join(axis)
