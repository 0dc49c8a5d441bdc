"""Tables as people have them: comma, semicolon or tab, LF or CRLF, with or without a BOM.

Whatever is wrong is said in one line that names the file and, where it has one, the line.
"""

import csv
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_asc.data.layouts.columns import renamed


@dataclass(frozen=True)
class Row:
    """One line of a table: its place in the file and its fields by column name."""

    path: Path
    line: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column]

    def get(self, column: str) -> str:
        """The field, or "" where the table has no such column."""
        return self.fields.get(column, "")

    @property
    def place(self) -> str:
        """Where the row stands: "meta.csv line 7"."""
        return f"{self.path.name} line {self.line}"

    def error(self, problem: str) -> ValueError:
        """The one line that names file, line and problem."""
        return table_error(self.path, self.line, problem)


def table_error(path: Path, line: int, problem: str) -> ValueError:
    """One line on a line of a table, whatever line breaks its quoted fields hold."""
    return ValueError(f"{path} line {line}: {' '.join(problem.split())}")


def read_columns(path: Path) -> tuple[str, ...]:
    """The column names in a table's first line; () when the file is empty."""
    return next((names for _, names in _records(path)), ())


def columns_or_none(path: Path) -> tuple[str, ...] | None:
    """The column names of what may be a table; None where it is none that can be read."""
    try:
        return read_columns(path)
    except (ValueError, OSError):
        return None


def read_table(
    path: Path, required: tuple[str, ...], wanted: Mapping[str, str] | None = None
) -> list[Row]:
    """Read all rows of a table whose first line names its columns.

    Args:
        path: comma-, semicolon- or tab-separated text in UTF-8, or UTF-16 with a byte order mark.
        required: columns that must be there; others are kept too.
        wanted: our names of columns → the table's, where these are others.

    Raises:
        ValueError: a column is missing or doubled, a row has the wrong number of fields or leaves
            a required one empty, or the file is not UTF-8 text.
        OSError: the file cannot be read.
    """
    records = _records(path)
    _, named = next(records, (1, ()))
    for theirs in (wanted or {}).values():
        if theirs not in named:
            found = ", ".join(named) or "nothing"
            raise table_error(path, 1, f"no column {theirs!r} (found: {found})")
    columns = renamed(named, wanted or {})
    _check_columns(path, columns, required)
    rows = []
    for line, values in records:
        if len(values) != len(columns):
            names = ", ".join(columns)
            problem = f"{len(values)} fields where the header has {len(columns)} ({names})"
            raise table_error(path, line, problem)
        row = Row(path, line, dict(zip(columns, values, strict=True)))
        for column in required:
            if not row[column]:
                raise row.error(f"{column} is empty")
        rows.append(row)
    return rows


def is_answers(table: Path) -> bool:
    """Whether a table holds what a model said of clips, as `predict`, `evaluate`, `classify` write.

    A column of each scene with only 0 and 1 in it is what somebody says, and no answer.
    """
    columns = columns_or_none(table) or ()
    chances = [name for name in columns if name.startswith("p_")]
    if chances and (*columns[:3],) in (("path", "label", "predicted"), ("path", "scene", "unsure")):
        return True
    if columns[:2] != ("filename", "scene_label") or len(columns) < 3:
        return False
    try:
        rows = read_table(table, ())
    except (ValueError, OSError):
        return False
    scenes = columns[2:]
    said = [value for row in rows for name in scenes if (value := row.get(name))]
    named = all(not row["scene_label"] or row["scene_label"] in scenes for row in rows)
    return named and all(map(_is_chance, said)) and not {*said} <= {"0", "1"}


def _is_chance(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def by_unique(rows: Iterable[Row], column: str) -> dict[str, Row]:
    """Rows by what a column says; ValueError where two say the same."""
    found: dict[str, Row] = {}
    for row in rows:
        if (first := found.setdefault(row[column], row)) is not row:
            raise row.error(f"{row[column]} is listed twice (first in line {first.line})")
    return found


def _check_columns(path: Path, columns: tuple[str, ...], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in columns:
            found = ", ".join(columns) or "nothing"
            raise table_error(path, 1, f"no column {name!r} (found: {found})")
    for name in columns:
        if columns.count(name) > 1:
            raise table_error(path, 1, f"column {name!r} occurs twice")


def _records(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line number and stripped fields of every line that is not blank."""
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for values in reader:
            if any(value.strip() for value in values):
                yield reader.line_num, tuple(value.strip() for value in values)
    except csv.Error as error:
        raise table_error(path, reader.line_num, str(error)) from None


def read_text(path: Path) -> str:
    """A file of text in UTF-8, or UTF-16 with a byte order mark, which is dropped.

    Raises:
        ValueError: it is no such text; names the file.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    is_utf16 = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        # Both drop the byte order mark that spreadsheets write.
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not {'UTF-16' if is_utf16 else 'UTF-8'} text (byte {error.start})"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path}: not text (character {text.index(chr(0))} is NUL)")
    return text


def _delimiter(text: str) -> str:
    header = re.split("[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    return max(",;\t", key=header.count)
