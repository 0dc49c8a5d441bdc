"""Time per scene per day, from decision logs.

The time from one line to the next belongs to the scene of the first. Where the source was not
listening, before the first decision, and where more than `GAP_S` lies between two lines, it counts
as `NOT_LISTENING`. Days are days of local time: 24 hours, or 23 and 25 where the clocks change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edge_asc.demo.events import UNSURE, iso_time, rounded
from edge_asc.demo.outputs.log.format import GAP_S, Entry
from edge_asc.demo.outputs.log.reader import log_of, read_entries, unread_files
from edge_asc.shown import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NOT_LISTENING = "not listening"
DAYS_IN_TABLE = 7


class Stretch(NamedTuple):
    """From one Unix time to another, one scene, `UNSURE` or `NOT_LISTENING`."""

    begin_s: float
    end_s: float
    scene: str


@dataclass
class Summary:
    """What was heard."""

    # Seconds by scene, by day: all the time between the first and the last line, but for whole
    # days without any.
    days: dict[date, dict[str, float]] = field(default_factory=dict)
    n_lines: int = 0  # read
    n_damaged: int = 0  # passed over
    left_out: list[Path] = field(default_factory=list)  # files that are packed and not read
    begin_s: float | None = None  # Unix time of the earliest line; None without lines
    end_s: float | None = None  # of the latest

    @property
    def total(self) -> dict[str, float]:
        """Seconds by scene over all days, the longest first; what is no scene comes last."""
        total: dict[str, float] = {}
        for scenes in self.days.values():
            for scene, time_s in scenes.items():
                total[scene] = total.get(scene, 0.0) + time_s
        return dict(sorted(total.items(), key=lambda item: (_is_no_scene(item[0]), -item[1])))


def _is_no_scene(scene: str) -> int:
    return (UNSURE, NOT_LISTENING).index(scene) + 1 if scene in (UNSURE, NOT_LISTENING) else 0


def summarise(paths: Iterable[Path]) -> Summary:
    """Sum up one listener's logs; each counts once, and its old files are found by themselves.

    Raises:
        ValueError: not a log.
        OSError: it cannot be read.
    """
    summary = Summary()
    for log in logs(paths):
        summary.left_out += unread_files(log)
        n_lines, n_damaged = summary.n_lines, summary.n_damaged
        for stretch in stretches(_counted(log, summary)):
            for day, part in split_by_day(stretch):
                scenes = summary.days.setdefault(day, {})
                scenes[part.scene] = scenes.get(part.scene, 0.0) + part.end_s - part.begin_s
        if summary.n_lines == n_lines and summary.n_damaged > n_damaged:
            raise ValueError(f"{log}: not a log of decisions")
    summary.days = dict(sorted(summary.days.items()))
    return summary


def _counted(log: Path, summary: Summary) -> Iterator[Entry]:
    def on_damage(_file: Path) -> None:
        summary.n_damaged += 1

    for entry in read_entries(log, on_damage):
        summary.n_lines += 1
        time_s = entry.time_s
        summary.begin_s = min(time_s, summary.begin_s or time_s)
        summary.end_s = max(time_s, summary.end_s or time_s)
        yield entry


def logs(paths: Iterable[Path]) -> list[Path]:
    """The logs that paths of logs and of old files name, each once."""
    return list(dict.fromkeys(log_of(path) for path in paths))


def stretches(entries: Iterable[Entry]) -> Iterator[Stretch]:
    """The time between lines, in order. Where the clock was set back there is none."""
    before: Entry | None = None
    begin_s = 0.0
    for entry in entries:
        end_s = entry.time_s
        if before is not None and end_s > begin_s:
            yield Stretch(begin_s, end_s, _heard(before, end_s - begin_s))
        before, begin_s = entry, end_s


def _heard(entry: Entry, time_s: float) -> str:
    listened = entry.state == "listening" and entry.scene is not None and time_s <= GAP_S
    return entry.scene if listened and entry.scene is not None else NOT_LISTENING


def split_by_day(stretch: Stretch) -> Iterator[tuple[date, Stretch]]:
    """The parts of a stretch on each day of local time.

    Whole days between two lines are left out: the listener was put away, or its clock was wrong.
    """
    begin_s, end_s, scene = stretch
    while begin_s < end_s:
        day = datetime.fromtimestamp(begin_s).date()
        until_s = min(end_s, _midnight_after(day, begin_s))
        if begin_s == stretch.begin_s or until_s == end_s:
            yield day, Stretch(begin_s, until_s, scene)
        begin_s = until_s


def _midnight_after(day: date, time_s: float) -> float:
    """When a day ends; where clocks are set back over midnight, the end that is yet to come."""
    midnight = datetime.combine(day + timedelta(days=1), time_of_day())
    ends = (midnight.timestamp(), midnight.replace(fold=1).timestamp())
    return ends[0] if ends[0] > time_s else ends[1]


def summary_dict(summary: Summary) -> dict[str, Any]:
    """For JSON; times in seconds."""
    return {
        "from": None if summary.begin_s is None else iso_time(summary.begin_s),
        "to": None if summary.end_s is None else iso_time(summary.end_s),
        "lines": summary.n_lines,
        "damaged_lines": summary.n_damaged,
        "left_out": [str(path) for path in summary.left_out],
        "days": [
            {"date": day.isoformat(), "seconds": rounded(scenes, 3)}
            for day, scenes in summary.days.items()
        ],
        "seconds": rounded(summary.total, 3),
    }


def print_summary(summary: Summary, console: "Console") -> None:
    """Print hours and minutes by scene and day, seven days beside one another."""
    days = list(summary.days)
    if not days:
        console.print("no time between any two lines")
    for first in range(0, len(days), DAYS_IN_TABLE):
        block = days[first : first + DAYS_IN_TABLE]
        console.print(_table(summary, block, last=block[-1] == days[-1]))
    for path in summary.left_out:
        console.print(shown(f"{path}: left out, unpack it first"), markup=False)
    if summary.n_damaged:
        console.print(f"{summary.n_damaged} damaged lines were passed over")


def _table(summary: Summary, days: list[date], last: bool) -> "Table":
    """Some of the days, and the total over all of them in the last table."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(str(days[0].year), box=None)
    for day in days:
        table.add_column(day.strftime("%m-%d"), justify="right")
    if last:
        table.add_column("total", justify="right", style="bold")
    for scene, total_s in summary.total.items():
        times = [summary.days[day].get(scene, 0.0) for day in days] + [total_s] * last
        table.add_row(escape(shown(scene)), *map(_clock, times))
    return table


def _clock(time_s: float) -> str:
    """Hours and minutes; seconds below a minute; nothing for nothing."""
    if time_s < 59.5:
        return f"{time_s:.0f} s" if time_s >= 0.5 else ""
    minutes = round(time_s / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
