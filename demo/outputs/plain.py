"""Decisions as lines: for a terminal without pictures, and as JSON for other programs.

Decisions go to stdout; what is only worth knowing goes to stderr, so that a pipe stays clean.
"""

import sys
from typing import TextIO

from edge_asc.demo.events import Decision, Health, Notice, clock_time, json_text
from edge_asc.demo.outputs.facts import facts
from edge_asc.demo.outputs.output import Output
from edge_asc.runtime.classifier import Classifier
from edge_asc.shown import shown

HEALTH_EVERY_S = 60.0


class PlainOutput(Output):
    """One line per decision, to `out`; one on the health each minute and notices, to `notes`.

    Args:
        scene_width: characters of the longest label.
        quiet: decisions are not printed, only notices and health.
    """

    what = "printing"

    def __init__(
        self,
        scene_width: int = 0,
        quiet: bool = False,
        out: TextIO | None = None,
        notes: TextIO | None = None,
    ) -> None:
        self._width, self._quiet = scene_width, quiet
        self._out, self._notes = out or sys.stdout, notes or sys.stderr
        self._next_health_s = 0.0
        self._health: Health | None = None

    def on_decision(self, decision: Decision) -> None:
        """A line, flushed at once."""
        if not self._quiet:
            print(shown(decision_line(decision, self._width)), file=self._out, flush=True)

    def on_health(self, health: Health) -> None:
        """A line each minute, the first when audio has come."""
        self._health = health
        if health.decisions and health.uptime_s >= self._next_health_s:
            self._next_health_s = health.uptime_s + HEALTH_EVERY_S  # no clock that may be set
            self._tell_health(health)

    def on_model(self, classifier: Classifier) -> None:
        """Make room for its labels."""
        self._width = width_of(classifier)

    def on_notice(self, notice: Notice) -> None:
        """At once."""
        self._note(notice.text)

    def close(self) -> None:
        """What there was in all."""
        if self._health is not None:
            self._note(f"{self._health.decisions} decisions; {health_line(self._health)}")
        self._out.flush()

    def _tell_health(self, health: Health) -> None:
        self._note(health_line(health))

    def _note(self, text: str) -> None:
        print(f"edge-asc: {shown(text)}", file=self._notes, flush=True)


class JsonOutput(PlainOutput):
    """JSON lines: every decision, every notice, and the health each minute and at the end."""

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__(out=out)
        self._told: Health | None = None

    def on_decision(self, decision: Decision) -> None:
        """A line, flushed at once."""
        self._line(decision)

    def on_notice(self, notice: Notice) -> None:
        """A line, flushed at once."""
        self._line(notice)

    def close(self) -> None:
        """The health at the end."""
        if self._health is not None and self._health is not self._told:
            self._line(self._health)

    def _tell_health(self, health: Health) -> None:
        self._told = health
        self._line(health)

    def _line(self, event: Decision | Health | Notice) -> None:
        print(json_text(event), file=self._out, flush=True)


def width_of(classifier: Classifier) -> int:
    """Characters of its longest label."""
    return max(map(len, classifier.labels))


def decision_line(decision: Decision, width: int = 0) -> str:
    """`12:30:05  park  87 %  outdoor  -34 dBFS  36 ms`."""
    parts = [clock_time(decision.time_s), f"{decision.scene:{width}}"]
    parts.append(f"{100 * decision.confidence:3.0f} %")
    if decision.abstract is not None:
        parts.append(decision.abstract)
    parts.append(f"{decision.level_dbfs:4.0f} dBFS")
    if decision.latency_ms is not None:
        parts.append(f"{decision.latency_ms:.0f} ms")
    return "  ".join(parts)


def health_line(health: Health) -> str:
    """How it is, in one line."""
    heard = [f"{health.source} {health.state}", f"{health.audio_s:.1f} s of audio"]
    return ", ".join([*heard, *(fact.text for fact in facts(health))])
