"""The terminal view of `edge-asc live`: scenes as bars, level, the last minutes, health.

A thread of its own draws, at most four times a second and only what has changed: a terminal that
stands still (Ctrl-S, a network that hangs) stops the drawing and nothing else.
"""

import os
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import TextIO

import numpy as np
from rich.console import Console, ConsoleDimensions
from rich.control import Control
from rich.segment import Segment, Segments

from edge_asc.demo.events import Decision, Health, Notice
from edge_asc.demo.hearing.levels import Meter
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.outputs.terminal.strip import Strip
from edge_asc.demo.outputs.terminal.style import ASCII, Glyphs, Line
from edge_asc.demo.outputs.terminal.view import MENDED, Picture, draw
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata

REDRAW_S = 0.25
WHOLE_S = 10.0
CLOSE_S = 0.12  # twice is waited for a terminal that does not take the last picture


class TerminalOutput(Output):
    """Shows what is heard until it is closed; then the last picture stays in the scrollback.

    Args:
        console: where to draw; by default standard output.

    Raises:
        ValueError: standard output is no terminal that a picture could be drawn on.
    """

    what = "the terminal view"

    def __init__(
        self, description: str, metadata: Metadata, hop_s: float, console: Console | None = None
    ) -> None:
        self._own_file = None if console else _own_stdout()
        self._console = console or Console(file=self._own_file)
        self._glyphs = ASCII if self._console.options.ascii_only else Glyphs()
        self._picture = Picture(description, metadata, Strip(hop_s), Meter(rate_of(metadata)))
        self._lock = threading.Lock()  # held for as long as a picture is made, not while drawn
        self._changed, self._closing = threading.Event(), threading.Event()
        self._changed.set()
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)
        self._thread.start()

    def on_decision(self, decision: Decision) -> None:
        """Move the bars."""
        with self._lock:
            picture = self._picture
            if decision.changed or picture.decision is None:
                picture.shown_since_s = decision.position_s
            picture.decision = decision
            picture.strip.add(decision.time_s, decision.scene)
        self._changed.set()

    def on_health(self, health: Health) -> None:
        """Show it; what was heard before the audio went away is no longer so."""
        with self._lock:
            picture = self._picture
            picture.health = health
            if health.state in MENDED:
                picture.decision = None
                picture.meter.reset()
                picture.waiting_since_s = picture.meter.heard_s
        self._changed.set()

    def on_model(self, classifier: Classifier) -> None:
        """Make room for its bars; what was heard before stays in the strip."""
        with self._lock:
            picture = self._picture
            if rate_of(classifier.metadata) != rate_of(picture.metadata):
                picture.meter = Meter(rate_of(classifier.metadata))
            picture.description, picture.metadata = classifier.description, classifier.metadata
            picture.decision, picture.waiting_since_s = None, picture.meter.heard_s
        self._changed.set()

    def on_notice(self, notice: Notice) -> None:
        """Show it with the latest ones."""
        with self._lock:
            self._picture.notices.append(notice)
        self._changed.set()

    def on_audio(self, samples: np.ndarray) -> None:
        """Meter it."""
        with self._lock:
            self._picture.meter.add(samples)
        self._changed.set()

    def close(self) -> None:
        """Give the terminal back as it was."""
        self._closing.set()
        self._changed.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():  # Ctrl-S was pressed, perhaps: let its output go on
            with suppress(termios.error, ValueError):  # ValueError: just closed after all
                for action in (termios.TCOOFF, termios.TCOON):  # the second alone does nothing
                    termios.tcflow(self._console.file.fileno(), action)
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        with suppress(OSError):  # the terminal has gone, and no one looks at it
            with self._console.screen(hide_cursor=True):
                self._redraw_until_closed()
            lines = self._lines(self._console.size)
            last = [segment for line in lines for segment in (*line, Segment.line())]
            self._console.print(Segments(last), end="", crop=False)
            if self._own_file:
                self._own_file.close()

    def _redraw_until_closed(self) -> None:
        screen = _Screen(self._console)
        while not self._closing.is_set():
            self._changed.wait()
            self._changed.clear()
            size = self._console.size
            screen.show(self._lines(size), size)
            self._closing.wait(REDRAW_S)

    def _lines(self, size: ConsoleDimensions) -> list[Line]:
        with self._lock:
            return draw(self._picture, *size, self._glyphs)


def rate_of(metadata: Metadata) -> int:
    """Of the audio that a model hears, in Hz."""
    return int(metadata.frontend["sample_rate_hz"])


class _Screen:
    """What stands on the terminal: only rows that have changed are written.

    All are from time to time, over whatever another program has printed between them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._size = ConsoleDimensions(0, 0)
        self._rows: list[Line | None] = []
        self._whole_s = 0.0  # when all is to be written again

    def show(self, lines: list[Line], size: ConsoleDimensions) -> None:
        """Write the lines from the top; the rest is empty."""
        now_s = time.monotonic()
        if size != self._size or now_s >= self._whole_s:
            self._rows, self._size = [None] * size.height, size
            self._whole_s = now_s + WHOLE_S
        rows = [*lines, *([] for _ in range(size.height - len(lines)))]
        changed = [i for i, row in enumerate(rows) if row != self._rows[i]]
        self._rows[:] = rows
        if changed:
            segments: Line = []
            for i in changed:
                line = Segment.adjust_line_length(rows[i], size.width)
                segments += [Control.move_to(0, i).segment, *line]
            self._console.print(Segments(segments), end="", crop=False)


def _own_stdout() -> TextIO:
    """Standard output as a file of its own.

    A thread that hangs in stdout itself would keep Python from ending, which flushes it at exit.
    """
    if not sys.stdout.isatty() or os.environ.get("TERM") in (None, "dumb", "unknown"):
        raise ValueError("standard output is no terminal to draw on: use --plain or --json")
    own = os.dup(sys.stdout.fileno())
    return os.fdopen(own, "w", encoding=sys.stdout.encoding, errors="replace")
