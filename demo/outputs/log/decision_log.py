"""The log of a live classifier: what it heard, in a file that outlives it.

A line is written when the scene, the source's state or the model changes (or at every decision, if
wanted), for every notice, and at least once a minute. So the time of each scene can be summed
exactly, and a minute without a line means that nothing listened.
"""

import time
from pathlib import Path
from typing import Any

from edge_asc.demo.events import Decision, Health, Notice, State, iso_time, rounded
from edge_asc.demo.outputs.log.file import LogFile
from edge_asc.demo.outputs.log.format import HEARTBEAT_S, Entry, Event, check_every, format_of
from edge_asc.demo.outputs.log.reader import read_entries
from edge_asc.demo.outputs.log.writer import LogWriter
from edge_asc.demo.outputs.output import Output

MAX_BYTES = 10_000_000
KEEP = 9  # old files: 100 MB in all
MIN_BYTES = 10_000
SET_BACK_S = 1.0  # that a clock goes back when it is set, and not only adjusted
TEXT_CHARACTERS = 1000  # of a notice


class DecisionLog(Output):
    """Writes a log.

    Args:
        path: ends in `.jsonl` or `.csv`, which chooses the format.
        every: what is worth a line: a "change" of scene, or each "decision".
        max_bytes: size at which a file is rotated.
        keep: old files kept besides it.

    Raises:
        ValueError: an argument out of its range, or a file that is no log.
        OSError: the file cannot be written, or another process does.
    """

    what = "the log"

    def __init__(
        self, path: Path, *, every: str = "change", max_bytes: int = MAX_BYTES, keep: int = KEEP
    ) -> None:
        self._format = format_of(path)
        _check(path, every, max_bytes, keep)
        form = self._format
        self._writer = LogWriter(LogFile(path, form.header, max_bytes, keep, form.old_headers))
        self._every_decision = every == "decision"
        self._state: State = "starting"
        self._scene: str | None = None
        self._model = ""  # that said so
        self._now_s = time.time()  # Unix time of what came last
        self._written_s = self._now_s  # of the last line
        self._health_s = 0.0  # of the last health
        self._written: tuple[State, str | None, str] = (self._state, self._scene, self._model)
        self._write("start")

    def on_decision(self, decision: Decision) -> None:
        """A line when something is new in it."""
        self._now_s = self._after_last(decision.time_s)
        if self._state == "starting":  # audio comes, though no `Health` has said so yet
            self._state = "listening"
        if self._state == "listening":
            self._scene, self._model = decision.scene, decision.model
        if self._every_decision:
            self._write("decision", **_details(decision))
        elif self._is_new():
            self._write("change", **_details(decision))
        else:
            self._keep_alive()

    def on_health(self, health: Health) -> None:
        """A line when audio has gone or come back, and when nothing else was written for long."""
        set_back = health.time_s < self._health_s - SET_BACK_S
        self._health_s = health.time_s
        # Audio from a file runs ahead of the clock.
        self._now_s = health.time_s if set_back else max(health.time_s, self._now_s)
        if health.state != "starting":
            self._state = health.state
        if self._state != "listening":
            self._scene = None  # what was heard before says nothing about what comes after
        if self._is_new():
            self._write("change")
        else:
            self._keep_alive()

    def on_notice(self, notice: Notice) -> None:
        """A line with its text."""
        self._write("notice", text=notice.text[:TEXT_CHARACTERS])

    def notices(self) -> list[str]:
        """What a person should know of the log itself: a full disk."""
        return self._writer.notices()

    def close(self) -> None:
        """Say that it ends here."""
        self._state, self._scene = "ended", None
        self._write("end")
        self._writer.close()

    def _after_last(self, time_s: float) -> float:
        """A decision is dated when its audio sounded, a little before what was written since.

        Lines stay in order all the same, unless the clock was set back by more than that.
        """
        late = 0 < self._written_s - time_s < HEARTBEAT_S
        return self._written_s if late else time_s

    def _is_new(self) -> bool:
        return (self._state, self._scene, self._model) != self._written

    def _keep_alive(self) -> None:
        if not 0 <= self._now_s - self._written_s < HEARTBEAT_S:
            self._write("alive")

    def _write(self, event: Event, **details: Any) -> None:
        self._written_s, self._written = self._now_s, (self._state, self._scene, self._model)
        time_text = iso_time(self._now_s)
        entry = Entry(time=time_text, event=event, state=self._state, scene=self._scene, **details)
        self._writer.put(self._format.to_line(entry))


def _details(decision: Decision) -> dict[str, Any]:
    """What a decision adds to a line, in as many digits as mean something."""
    return {
        "confidence": rounded(decision.confidence),
        "abstract": decision.abstract,
        "level_dbfs": rounded(decision.level_dbfs, 1),
        "latency_ms": rounded(decision.latency_ms, 1),
        "model": decision.model or None,
        "probabilities": rounded(decision.probabilities),
        "abstract_probabilities": rounded(decision.abstract_probabilities),
    }


def _check(path: Path, every: str, max_bytes: int, keep: int) -> None:
    check_every(every)
    if max_bytes < MIN_BYTES or keep < 1:
        raise ValueError(
            f"log of {max_bytes} bytes and {keep} old files:"
            f" at least {MIN_BYTES} bytes and 1 file are needed"
        )
    if path.is_file() and not _is_log(path):
        raise ValueError(f"{path}: exists and is not a log of decisions; choose another name")


def _is_log(path: Path) -> bool:
    """Whether any line is ours, or none is whole: a file that is not ours is not touched."""
    damaged: list[Path] = []
    return any(True for _ in read_entries(path, damaged.append)) or not damaged
