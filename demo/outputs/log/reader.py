"""Reads decision logs back, whatever a power cut has done to them.

A line counts when its newline is there. Torn lines, NUL bytes and what is none of ours are passed
over and counted. Memory does not grow with the log.
"""

import bz2
import csv
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from edge_asc.demo.outputs.log.format import Entry, format_of

# How rotation names what is old, ours and logrotate's: x.jsonl.3, x.jsonl-20260102; packed or not.
_OLD = re.compile(r"(?P<log>.+\.(?:jsonl|csv))(?:\.(?P<number>\d+)|-(?P<date>\d{8}(?:-?\d+)?))")
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
UNREAD = frozenset({".zst", ".lz4", ".Z"})  # packed by what Python does not come with
_READ_BYTES = 1 << 16
_LINE_BYTES = 1 << 20  # no line is longer; what is, is damage


def log_of(path: Path) -> Path:
    """The log that an old file, `x.jsonl.3`, was rotated out of; a log itself as it is."""
    old = _OLD.fullmatch(_unpacked(path).name)
    return path.with_name(old["log"]) if old else path


def _unpacked(path: Path) -> Path:
    """The name of a file before it was packed."""
    return path.with_suffix("") if path.suffix in {*_OPENERS, *UNREAD} else path


def _age(path: Path) -> tuple[int, int | str]:
    """What sorts old files, the oldest first."""
    old = _OLD.fullmatch(_unpacked(path).name)
    assert old is not None  # `log_of` has found it by this pattern; mypy cannot know
    return (0, old["date"]) if old["date"] else (1, -int(old["number"]))


def _old_files(log: Path) -> list[Path]:
    """What was rotated out of a log, the oldest first; unpacked where both are there."""
    there = {p for p in log.parent.iterdir() if log_of(p) == log != p}
    once = {_unpacked(p): p for p in sorted(there, reverse=True)}
    return sorted(once.values(), key=_age)


def log_files(path: Path) -> list[Path]:
    """A log, or one of its old files, with all of them (`x.jsonl.1`, …), the oldest first.

    Raises:
        OSError: there is none of them.
    """
    log = log_of(path)
    old = _old_files(log)
    if not old or log.exists():
        old.append(log)
    return [file for file in old if file.suffix not in UNREAD]


def unread_files(path: Path) -> list[Path]:
    """Old files of a log that are packed in a way that is not read here."""
    return [file for file in _old_files(log_of(path)) if file.suffix in UNREAD]


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
        for line in _lines_of(file, on_damage):
            if line + b"\n" in headers:
                continue
            try:
                yield form.from_line(line)
            except (ValueError, csv.Error, RecursionError):
                on_damage(file)


def _lines_of(file: Path, on_damage: Callable[[Path], Any]) -> Iterator[bytes]:
    """The lines of a file, packed or not; where one that is packed breaks off counts as damage."""
    opener = _OPENERS.get(file.suffix)
    if opener is None:
        with file.open("rb") as opened:
            yield from whole_lines(opened)
        return
    with opener(file, "rb") as unpacked:
        lines = whole_lines(unpacked)
        try:
            yield from lines
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile):
            on_damage(file)
        except OSError as error:
            if error.errno is not None:  # bz2 has no exception of its own
                raise
            on_damage(file)


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines that end, without their ends and without NUL bytes; no empty ones."""
    rest = b""
    while piece := file.read(_READ_BYTES):
        *lines, rest = (rest + piece.replace(b"\0", b"")).split(b"\n")
        yield from filter(None, lines)
        rest = rest[:_LINE_BYTES]
