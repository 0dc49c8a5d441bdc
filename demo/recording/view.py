"""What is seen while a recording is made: a level that moves, or lines where no terminal is."""

import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segment, Segments

from edge_asc.demo.hearing.levels import Loudness, Meter
from edge_asc.demo.outputs.terminal import style as look
from edge_asc.demo.outputs.terminal.meter import meter_row
from edge_asc.demo.outputs.terminal.style import ASCII, Glyphs, Line, duration
from edge_asc.shown import shown

REDRAW_S = 0.1
LINE_S = 10.0  # of audio between two lines
Say = Callable[[str], None]
_BLANK = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)).segment


class View:
    """Lines, for where nobody may be looking: each goes to `say`."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._since, self._heard_s, self._recording = Loudness(), 0.0, False

    def on_countdown(self, seconds: int) -> None:
        """It begins in so many seconds."""
        self.say(f"recording in {seconds}")

    def on_start(self, path: Path) -> None:
        """It has begun."""
        self._recording = True
        self.say(f"recording {path}; Ctrl-C ends it")

    def on_audio(self, samples: np.ndarray, rate_hz: int) -> None:
        """Audio `[n]` has come."""
        if not self._recording:
            return
        self._since.add(samples)
        if self._since.n_samples >= LINE_S * rate_hz:
            since, self._since = self._since, Loudness()
            self._heard_s += since.n_samples / rate_hz
            self.say(
                f"{self._heard_s:.0f} s  {since.level_dbfs:.0f} dBFS, peak {since.peak_dbfs:.0f}"
            )

    def close(self) -> None:
        """It is over."""


class TerminalView(View):
    """One line that moves, below what is said.

    A terminal that stands still (Ctrl-S, a network that hangs) is not written to: what records must
    not wait for it.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(self._tell)
        self._console = console
        self._glyphs = ASCII if console.options.ascii_only else Glyphs()
        self._meter: Meter | None = None
        self._left_s = 0  # of the countdown
        self._next_s = 0.0  # when it is drawn again
        self._waiting: list[str] = []

    def on_countdown(self, seconds: int) -> None:
        """Its number stands before the level."""
        self._left_s = seconds

    def on_start(self, path: Path) -> None:
        """The length of the recording stands there instead."""
        super().on_start(path)
        self._left_s, self._heard_s = 0, 0.0

    def on_audio(self, samples: np.ndarray, rate_hz: int) -> None:
        """Move the level, ten times a second."""
        if self._meter is None:
            self._meter = Meter(rate_hz)
        self._meter.add(samples)
        self._heard_s += len(samples) / rate_hz
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + REDRAW_S
            self._draw()

    def close(self) -> None:
        """Take the line away, so that what follows stands in its place."""
        self._meter = None
        self._draw()

    def _tell(self, text: str) -> None:
        self._waiting.append(text)
        self._draw()

    def _draw(self) -> None:
        if not self._takes_text():
            return
        said, self._waiting = self._waiting, []
        lines = [Segment(shown(f"edge-asc: {text}") + "\n") for text in said]
        self._console.print(Segments([_BLANK, *lines, *self._line()]), end="", crop=False)

    def _line(self) -> Line:
        if self._meter is None:
            return []
        begins = f"begins in {self._left_s}  "
        when = begins if self._left_s else f"{duration(self._heard_s):>{len(begins) - 2}}  "
        style = look.WARN if self._left_s else look.BOLD
        room = self._console.width - len(when) - 1  # a full line would move on to the next
        row = [Segment(when, style), *meter_row(self._meter, room, self._glyphs)]
        return Segment.adjust_line_length(row, self._console.width - 1, pad=False)

    def _takes_text(self) -> bool:
        with suppress(OSError, ValueError):  # a file that is none of the system's takes all
            return bool(select.select([], [self._console.file], [], 0)[1])
        return True
