"""A line of a decision log: what it holds, and how it is written as JSON or CSV.

Each line says what holds from its time on until the next line: the state of the source and the
scene that is heard. So the time between two lines belongs to the scene of the first, whatever made
the second be written.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_asc.demo.events import State, json_text
from edge_asc.shown import shown

HEARTBEAT_S = 60.0  # a line is written at least this often, so that quiet is told from dead
GAP_S = 1.5 * HEARTBEAT_S  # longer without a line: nothing listened

# A machine without a clock begins on 1 January 1970, and what it hears is dated a little before.
EARLIEST_S = -86_400.0
YEAR_2200_S = 7_258_118_400  # Unix time

_BREAKS = re.compile(r"[\r\n\0]+")

EVERY = ("change", "decision")  # what may be worth a line
Event = Literal["start", "decision", "change", "alive", "notice", "end"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    time: str  # since when it holds; local time with its offset (ISO 8601)
    event: Event  # why it was written. "alive": nothing new, but a minute has passed
    state: State  # how the source is
    scene: str | None = None  # what is heard; None before the first decision
    # Of the decision, as are all below; None where no decision made the line.
    confidence: float | None = None
    abstract: str | None = None  # likeliest abstract class
    level_dbfs: float | None = None  # level of the audio
    latency_ms: float | None = None  # from the sound to the decision
    text: str | None = None  # of a notice
    model: str | None = None  # `Classifier.id` of the model that made the decision
    probabilities: dict[str, float] | None = None  # by scene; JSON only
    abstract_probabilities: dict[str, float] | None = None  # by abstract class; JSON only

    def __post_init__(self) -> None:
        when = datetime.fromisoformat(self.time)
        if when.tzinfo is None or not EARLIEST_S <= when.timestamp() < YEAR_2200_S:
            raise ValueError(f"time {self.time} is none of ours")

    @property
    def time_s(self) -> float:
        """Unix time."""
        return datetime.fromisoformat(self.time).timestamp()


COLUMNS = tuple(n for n in Entry.__struct_fields__ if not n.endswith("probabilities"))
# Of tables of the past: a new column goes to the end, and `_from_csv` reads the shorter rows, too.
OLD_COLUMNS = (COLUMNS[: COLUMNS.index("model")],)


def _row(values: Iterable[Any]) -> bytes:
    """CSV; what is None is an empty field."""
    text = io.StringIO()
    # A row is one line, so that a torn one can be told: no field holds a newline.
    cells = [shown(_BREAKS.sub(" ", v)) if isinstance(v, str) else v for v in values]
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _from_csv(line: bytes) -> Entry:
    (cells,) = csv.reader([line.decode()], strict=True)
    columns = next((c for c in OLD_COLUMNS if len(c) == len(cells)), COLUMNS)
    known = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    return msgspec.convert(known, Entry, strict=False)


class Format(msgspec.Struct, frozen=True):
    """How entries are written and read."""

    header: bytes  # what a file begins with
    old_headers: tuple[bytes, ...]  # what files of the past began with
    to_line: Callable[[Entry], bytes]  # an entry as a whole line
    # An entry from a line without its newline; ValueError when it is none.
    from_line: Callable[[bytes], Entry]


FORMATS = {
    ".jsonl": Format(
        b"",
        (),
        lambda entry: json_text(entry).encode() + b"\n",
        msgspec.json.Decoder(Entry).decode,
    ),
    ".csv": Format(
        _row(COLUMNS),
        tuple(map(_row, OLD_COLUMNS)),
        lambda entry: _row(getattr(entry, name) for name in COLUMNS),
        _from_csv,
    ),
}


def format_of(path: Path) -> Format:
    """The format that a log's name asks for.

    Raises:
        ValueError: another suffix.
    """
    try:
        return FORMATS[path.suffix]
    except KeyError:
        raise ValueError(f"{path}: a log's name ends in {' or '.join(FORMATS)}") from None


def check_every(every: str) -> None:
    """Raise ValueError unless a log can have a line for every one of these."""
    if every not in EVERY:
        raise ValueError(f"log every {every!r}: it is one of {', '.join(EVERY)}")
