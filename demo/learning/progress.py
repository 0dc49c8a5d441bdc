"""How far a command is, in lines for a program that waits.

`edge-asc` writes them to standard error where the environment says `EDGE_ASC_PROGRESS=lines`.
"""

import re
from collections.abc import Mapping

VARIABLE, LINES = "EDGE_ASC_PROGRESS", "lines"
_LINE = re.compile(r"progress (\d+)/(\d+)\n?")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether somebody waits for these lines."""
    return environment.get(VARIABLE) == LINES


def line_of(done: int, total: int) -> str:
    """`progress 12/48`."""
    return f"progress {done}/{total}"


def parsed(line: str) -> tuple[int, int] | None:
    """Done and total of such a line; None of any other."""
    found = _LINE.fullmatch(line)
    return (int(found[1]), int(found[2])) if found else None
