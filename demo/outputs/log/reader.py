"""Reads decision logs back, whatever a power cut has done to them.

A line counts when its newline is there. Torn lines, NUL bytes and what is none of ours are passed
over and counted. Memory does not grow with the log.
"""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from edge_asc.demo.outputs.log.format import Entry, format_of

_READ_BYTES = 1 << 16
_LINE_BYTES = 1 << 20  # no line is longer; what is, is damage


def log_of(path: Path) -> Path:
    """The log that an old file, `x.jsonl.3`, was rotated out of; a log itself as it is."""
    return path.with_suffix("") if re.fullmatch(r"\.\d+", path.suffix) else path


def log_files(path: Path) -> list[Path]:
    """A log, or one of its old files, with all of them (`x.jsonl.1`, …), the oldest first.

    Raises:
        OSError: there is none of them.
    """
    log = log_of(path)
    numbers = [p.suffix[1:] for p in log.parent.iterdir() if log_of(p) == log != p]
    old = [log.with_name(f"{log.name}.{n}") for n in sorted(numbers, key=int, reverse=True)]
    if not old or log.exists():
        old.append(log)
    return old


def read_entries(path: Path, on_damage: Callable[[Path], Any] = lambda _: None) -> Iterator[Entry]:
    """Every whole line of a log and its old files, in the order they were written.

    `on_damage` is called with the file for every line that is none of ours.

    Raises:
        ValueError: not the name of a log.
        OSError: it cannot be read.
    """
    form = format_of(log_of(path))
    headers = (form.header, *form.old_headers)
    for file in log_files(path):
        with file.open("rb") as opened:
            for line in whole_lines(opened):
                if line + b"\n" in headers:
                    continue
                try:
                    yield form.from_line(line)
                except (ValueError, csv.Error, RecursionError):
                    on_damage(file)


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines that end, without their ends and without NUL bytes; no empty ones."""
    rest = b""
    while piece := file.read(_READ_BYTES):
        *lines, rest = (rest + piece.replace(b"\0", b"")).split(b"\n")
        yield from filter(None, lines)
        rest = rest[:_LINE_BYTES]
