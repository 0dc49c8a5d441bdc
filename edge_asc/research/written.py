"""Tables for people, papers and spreadsheets: printed, LaTeX, CSV."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_asc.files import ACTS, atomic_write, utf8

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "[": "{[}",  # at a row's beginning, with * they would be an option of the row break above
    "]": "{]}",
    "*": "{*}",
    "<": "$<$",
    ">": "$>$",
}
_NUMBER = re.compile(r"[\d,.\s%±+</-]*(?:to[\d,.\s%+-]*)?")
_CONTROL = re.compile(f"[\x00-\x1f{ACTS}]")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")  # else a hyphen


@dataclass(frozen=True)
class Grid:
    """A table for people.

    Attributes:
        title: what it shows.
        header: names of the columns.
        rows: cells as text.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers, which stand at the right."""
        return all(_NUMBER.fullmatch(row[column]) for row in self.rows)


def print_grid(grid: Grid, console: Console) -> None:
    """Print a table."""
    table = Table(title=escape(grid.title), title_justify="left", box=None)
    for i, name in enumerate(grid.header):
        side: Literal["left", "right"] = "right" if grid.is_number(i) else "left"
        table.add_column(escape(name), justify=side, overflow="fold")
    for row in grid.rows:
        table.add_row(*map(escape, row))
    console.print(table)


def write_latex(path: Path, grids: Iterable[Grid]) -> None:
    """Write a `tabular` for each table, with the rules of the package booktabs."""
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(map(latex, grids)), encoding="utf-8")


def latex(grid: Grid) -> str:
    """A table as a `tabular`; its title is a comment above."""
    sides = "".join("r" if grid.is_number(i) else "l" for i in range(len(grid.header)))
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in (grid.header, *grid.rows)]
    body = [lines[0], r"\midrule", *lines[1:]]
    begin, end = rf"\begin{{tabular}}{{{sides}}}", r"\end{tabular}"
    return "\n".join(
        [f"% {_CONTROL.sub('', grid.title)}", begin, r"\toprule", *body, r"\bottomrule", end, ""]
    )


def escaped(text: str) -> str:
    """Text whose characters mean themselves to LaTeX."""
    inert = _CONTROL.sub("", " ".join(utf8(text).split()))
    plain = "".join(_SPECIAL.get(character, character) for character in inert)
    return _MINUS.sub("$-$", plain)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table of values; None leaves a cell empty."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(["" if v is None else _text(v) for v in row] for row in rows)


def _text(value: object) -> object:
    return utf8(value) if isinstance(value, str) else value
