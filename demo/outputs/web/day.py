"""The day so far: which scene was heard when, and how long each, from local midnight.

A decision stands for the audio since the one before it. Neighbours of one scene are one segment, so
a quiet day has few; a restless one is kept small by absorbing its shortest segments. The seconds
per scene stay exact.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from edge_asc.demo.events import Decision

MAX_SEGMENTS = 2000
JOIN_S = 0.5  # clocks and sound cards agree at least this well from one decision to the next

Segment = tuple[float, float, str]  # from, to (Unix time), scene


class Day:
    """Segments and seconds per scene of the local day that a moment (Unix time) lies in."""

    def __init__(self, time_s: float) -> None:
        midnight = datetime.fromtimestamp(time_s).replace(hour=0, minute=0, second=0, microsecond=0)
        self.date = midnight.date().isoformat()
        self.begin_s = midnight.timestamp()
        self.end_s = (midnight + timedelta(days=1)).timestamp()  # 23 or 25 hours later, at times
        self.segments: list[Segment] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def covers(self, time_s: float) -> bool:
        """Whether a moment lies in this day."""
        return self.begin_s <= time_s < self.end_s

    def add(self, begin_s: float, end_s: float, scene: str) -> Segment:
        """Hear a scene from one moment to another; give the segment that it is now part of."""
        begin_s = max(begin_s, self.begin_s)
        self.seconds[scene] += max(0.0, end_s - begin_s)
        last = self.segments[-1] if self.segments else None
        if last and last[2] == scene and 0 <= begin_s - last[1] <= JOIN_S:
            self.segments[-1] = (last[0], end_s, scene)
        else:
            self.segments.append((begin_s, end_s, scene))
        if len(self.segments) > MAX_SEGMENTS:
            self._absorb_shortest()
        return self.segments[-1]

    def _absorb_shortest(self) -> None:
        """Give the shortest segment's time to the one before it; the newest still grows."""
        old = self.segments
        i = min(range(1, len(old) - 1), key=lambda i: old[i][1] - old[i][0])
        before, after = old[i - 1], old[i + 1]
        begin_s, end_s, scene = before[0], old[i][1], before[2]
        rest = [after]
        if after[2] == scene and after[0] - end_s <= JOIN_S:
            end_s, rest = after[1], []
        old[i - 1 : i + 2] = [(begin_s, end_s, scene), *rest]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; `utc_offset_s` lets a browser elsewhere show this machine's hours."""
        offset = datetime.fromtimestamp(self.begin_s + 43200).astimezone().utcoffset()
        return {
            "date": self.date,
            "begin_s": self.begin_s,
            "end_s": self.end_s,
            "utc_offset_s": offset.total_seconds() if offset else 0.0,
            "segments": list(self.segments),
            "seconds": dict(self.seconds),
        }


class DayKeeper:
    """The current day, fed with decisions."""

    def __init__(self, window_s: float, time_s: float) -> None:
        self.window_s = window_s  # audio that the first decision stands for
        self._last: Decision | None = None
        self.day = Day(time_s)

    def roll(self, time_s: float) -> bool:
        """Begin a new day when the moment lies in a later one; tell whether it did.

        Not in an earlier one: a file that is read faster than it sounds is heard in the future.
        """
        if time_s < self.day.end_s:
            return False
        self.day = Day(time_s)
        return True

    def add(self, decision: Decision) -> tuple[Segment, bool]:
        """Take a decision; give its segment, and whether a day began with it."""
        new_day = not self.day.covers(decision.time_s)
        if new_day:
            self.day = Day(decision.time_s)
        begin_s = self._begin_s(decision)
        self._last = decision
        return self.day.add(begin_s, decision.time_s, decision.scene), new_day

    def _begin_s(self, decision: Decision) -> float:
        """Where its audio began: at the last decision, unless audio is missing between them."""
        last = self._last
        if last is None or decision.position_s < last.position_s:
            return decision.time_s - self.window_s
        heard_s = decision.position_s - last.position_s
        passed_s = decision.time_s - last.time_s
        if 0 <= passed_s <= heard_s + JOIN_S:
            return last.time_s
        return decision.time_s - heard_s
