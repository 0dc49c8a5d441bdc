"""A picture of one session, shorter than half a day: a strip from its first line to its last.

Letters: S scenes, B bins of the strip.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_asc.demo.outputs.log.reader import read_entries
from edge_asc.demo.outputs.log.summary import NOT_LISTENING, Summary, logs, stretches

SESSION_S = 12 * 3600.0  # what is shorter leaves most of a day's strip white
BINS = 1440
TICK_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
MOST_TICKS = 9


class Unit(NamedTuple):
    """What lengths are told in."""

    name: str
    seconds: float


def is_session(summary: Summary) -> bool:
    """Whether all of it is shorter than half a day."""
    return (summary.end_s or 0.0) - (summary.begin_s or 0.0) < SESSION_S


def bins_of(
    paths: Iterable[Path], scenes: list[str], begin_s: float, end_s: float, other: int
) -> np.ndarray:
    """Which scene each part of the time belongs to: its index, -1 for none, `[B]`.

    `other` is the index of scenes that are not among them.
    """
    edges_s = np.linspace(begin_s, end_s, BINS + 1)
    seconds = np.zeros((len(scenes), BINS))
    columns = {scene: column for column, scene in enumerate(scenes)}
    for log in logs(paths):
        for stretch in stretches(read_entries(log)):
            if stretch.scene != NOT_LISTENING:
                row = seconds[columns.get(stretch.scene, other)]
                row += np.diff(np.clip(edges_s, stretch.begin_s, stretch.end_s))
    return np.where(seconds.sum(0) > 0, seconds.argmax(0), -1)


def ticks_of(begin_s: float, end_s: float) -> tuple[list[float], list[str]]:
    """Round moments of local time between two Unix times, and how they are written."""
    step_s = next((s for s in TICK_STEPS_S if (end_s - begin_s) / s <= MOST_TICKS), 7200)
    midnight = datetime.fromtimestamp(begin_s).replace(hour=0, minute=0, second=0, microsecond=0)
    from_s = midnight.timestamp()
    first = int(-(-(begin_s - from_s) // step_s))
    moments = [from_s + step_s * (first + i) for i in range(MOST_TICKS + 1)]
    moments = [at_s for at_s in moments if at_s <= end_s]
    form = "%H:%M" if step_s % 60 == 0 else "%H:%M:%S"
    return moments, [datetime.fromtimestamp(at_s).strftime(form) for at_s in moments]


def unit_of(longest_s: float) -> Unit:
    """The unit in which the longest time is a number that says something."""
    if longest_s >= 2 * 3600:
        return Unit("hours", 3600.0)
    return Unit("minutes", 60.0) if longest_s >= 2 * 60 else Unit("seconds", 1.0)


def draw_strip(axes: Any, bins: np.ndarray, palette: np.ndarray, summary: Summary) -> None:
    """Time to the right; where nothing listened the paper shows."""
    begin_s, end_s = summary.begin_s or 0.0, summary.end_s or 0.0
    picture = palette[bins][None]
    extent = (begin_s, end_s, 0.5, -0.5)
    axes.imshow(picture, extent=extent, aspect="auto", interpolation="nearest")
    axes.set_xticks(*ticks_of(begin_s, end_s))
    axes.set_yticks([0], [datetime.fromtimestamp(begin_s).strftime("%a %Y-%m-%d")])
    axes.set_title("what was heard (white: not listening)")
    axes.set_xlabel("local time")


def draw_bar(axes: Any, times_s: dict[str, float], colours: dict[str, str]) -> None:
    """Time of each scene, one beside the other."""
    left, unit = 0.0, unit_of(sum(times_s.values()))
    for scene, colour in colours.items():
        length = times_s.get(scene, 0.0) / unit.seconds
        axes.barh([0], [length], 0.75, [left], color=colour, label=scene)
        left += length
    axes.set_xlim(0, max(left, 1e-9))
    axes.set_ylim(0.5, -0.5)
    axes.set_title(f"{unit.name} of each scene")
    axes.set_xlabel(unit.name)
