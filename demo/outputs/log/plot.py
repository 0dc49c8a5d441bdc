"""A picture of decision logs: each day's scenes on a strip of 24 hours, and their hours beside it.

A log of less than half a day is drawn as one session (`session_plot`).

Letters: D days, S scenes. A strip has a pixel per minute, in the colour of the scene that was heard
most of it.
"""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.demo.events import UNSURE
from edge_asc.demo.outputs.log.reader import read_entries
from edge_asc.demo.outputs.log.session_plot import bins_of, draw_bar, draw_strip, is_session
from edge_asc.demo.outputs.log.summary import (
    NOT_LISTENING,
    Stretch,
    Summary,
    logs,
    split_by_day,
    stretches,
    summarise,
)
from edge_asc.plotting import new_figure, save_figure

MINUTES = 24 * 60
MINUTE_EDGES_S = 60.0 * np.arange(MINUTES + 1)
MAX_DAYS = 366  # the newest; more would be too thin to see
OTHER = "other"
# Paul Tol's ten qualitative colours: told apart with any kind of colour vision.
COLOURS = (
    *("#332288", "#88ccee", "#44aa99", "#117733", "#999933"),
    *("#ddcc77", "#661100", "#cc6677", "#882255", "#aa4499"),
)
GREYS = {OTHER: "#222222", UNSURE: "#d0d0d0"}
LABELLED_HOURS = 1.5  # a shorter bar has no room for its number
ROW_INCHES = 0.32


def save_plot(paths: Iterable[Path], file: Path) -> None:
    """Draw logs as a PNG; `paths` as `summarise` takes them.

    Raises:
        ImportError: there is no matplotlib; the message says what to do.
        ValueError: not a log, or one without a day to draw.
        OSError: something cannot be read or written.
    """
    paths = list(paths)
    summary = summarise(paths)
    if not summary.days:
        raise ValueError("nothing to draw: no time between any two lines")
    days = list(summary.days)[-MAX_DAYS:]
    colours = scene_colours(summary)
    session = is_session(summary)
    figure = new_figure(13, 1.9 + ROW_INCHES * (1 if session else len(days)))
    strips, bars = figure.subplots(1, 2, sharey=True, width_ratios=(5, 3))
    if session:
        _draw_session(strips, bars, paths, summary, colours)
    else:
        _draw_strips(strips, minutes_of(paths, days, list(colours)), days, colours)
        _draw_bars(bars, summary, days, colours)
    handles, labels = bars.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    save_figure(figure, file)


def scene_colours(summary: Summary) -> dict[str, str]:
    """A colour for every scene, the longest first; the rarest share one when there are too many."""
    scenes = [s for s in summary.total if s not in (UNSURE, NOT_LISTENING)]
    shown = sorted(scenes[: len(COLOURS)])  # by name: a scene keeps its colour from day to day
    chosen = dict(zip(shown, COLOURS, strict=False))
    colours = {scene: chosen[scene] for scene in scenes if scene in chosen}
    if len(scenes) > len(shown):
        colours[OTHER] = GREYS[OTHER]
    if UNSURE in summary.total:
        colours[UNSURE] = GREYS[UNSURE]
    return colours


def minutes_of(paths: Iterable[Path], days: list[date], scenes: list[str]) -> np.ndarray:
    """Which scene each minute of local time belongs to: its index, -1 for none, `[D, 1440]`.

    An hour that comes twice, when clocks are set back, is drawn once.
    """
    seconds = np.zeros((len(days), len(scenes), MINUTES), np.float32)
    rows = {day: row for row, day in enumerate(days)}
    columns = {scene: column for column, scene in enumerate(scenes)}
    for log in logs(paths):
        for stretch in stretches(read_entries(log)):
            if stretch.scene == NOT_LISTENING:
                continue
            column = columns.get(stretch.scene, columns.get(OTHER, 0))
            for day, part in split_by_day(stretch):
                if day in rows:
                    _add(seconds[rows[day], column], part)
    return np.where(seconds.sum(1) > 0, seconds.argmax(1), -1)


def _add(minutes: np.ndarray, part: Stretch) -> None:
    """Add a stretch within one day to its minutes `[1440]`."""
    begin = datetime.fromtimestamp(part.begin_s)
    at_s = begin.hour * 3600 + begin.minute * 60 + begin.second + begin.microsecond / 1e6
    end_s = at_s + part.end_s - part.begin_s
    minutes += np.diff(np.clip(MINUTE_EDGES_S, at_s, end_s))


def _draw_session(
    strips: Any, bars: Any, paths: list[Path], summary: Summary, colours: dict[str, str]
) -> None:
    scenes = list(colours)
    other = scenes.index(OTHER) if OTHER in scenes else 0
    bins = bins_of(paths, scenes, summary.begin_s or 0.0, summary.end_s or 0.0, other)
    draw_strip(strips, bins, _palette(colours), summary)
    times_s = {scene: 3600 * _hours(summary.total, scene, colours) for scene in colours}
    draw_bar(bars, times_s, colours)


def _palette(colours: dict[str, str]) -> np.ndarray:
    """The colours as numbers, with white as the last."""
    return np.array([_rgb(colour) for colour in colours.values()] + [(1.0, 1.0, 1.0)])


def _draw_strips(axes: Any, minutes: np.ndarray, days: list[date], colours: dict[str, str]) -> None:
    """Days downwards, hours to the right; where nothing listened the paper shows."""
    picture = _palette(colours)[minutes]  # -1: the last, white
    extent = (0, 24, len(days) - 0.5, -0.5)
    axes.imshow(picture, extent=extent, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(0, 25, 3), [f"{hour}:00" for hour in range(0, 25, 3)])
    every = max(1, len(days) // 60)
    rows = range(0, len(days), every)
    axes.set_yticks(rows, [days[row].strftime("%a %Y-%m-%d") for row in rows])
    axes.set_yticks(np.arange(0.5, len(days) - 1), minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", axis="y", color="white", linewidth=3)
    axes.set_title("what was heard (white: not listening)")
    axes.set_xlabel("local time")


def _draw_bars(axes: Any, summary: Summary, days: list[date], colours: dict[str, str]) -> None:
    """Hours of each scene, one beside the other."""
    left = np.zeros(len(days))
    for scene, colour in colours.items():
        hours = np.array([_hours(summary.days[day], scene, colours) for day in days])
        bar = axes.barh(range(len(days)), hours, 0.75, left, color=colour, label=scene)
        labels = [f"{h:.1f}" if h >= LABELLED_HOURS else "" for h in hours]
        dark = np.mean(_rgb(colour)) < 0.5
        axes.bar_label(bar, labels, label_type="center", color="white" if dark else "black")
        left += hours
    axes.set_xlim(0, max(24, left.max()))  # 25 where clocks were set back
    axes.set_xticks(range(0, 25, 3))
    axes.set_title("hours of each scene")
    axes.set_xlabel("hours")


def _hours(times: dict[str, float], scene: str, colours: dict[str, str]) -> float:
    if scene != OTHER:
        return times.get(scene, 0.0) / 3600
    others = times.keys() - colours.keys() - {NOT_LISTENING}
    return sum(times[other] for other in others) / 3600


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
