"""The pages' tables of verbs name those that there are."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from documents import ROOT
from edge_asc.cli.app import SECTIONS

VERBS = {words: verb for section in SECTIONS.values() for words, verb in section.items()}


def first_cells(page: Path, heading: str) -> list[str]:
    """First cells of the table below a heading."""
    table = page.read_text("utf-8").split(f"\n{heading}\n")[1].strip().split("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows[2:]]


def test_the_readme_has_a_row_for_every_verb() -> None:
    """`search show` goes with `search`; `data` alone does nothing, so its verbs have rows."""
    rows = [cell.strip("`") for cell in first_cells(ROOT / "README.md", "## Verbs")]
    named = [found[0] for row in rows if (found := re.match(r"[a-z-]+(?: [a-z]+)*", row))]
    assert len(named) == len(rows)
    assert sorted(named) == sorted(w for w in VERBS if w.split()[0] not in {*VERBS} - {w})


def said(verb: Callable[..., Any]) -> str:
    """A verb's help, on one line."""
    return " ".join(str(inspect.getdoc(verb)).lower().split())


def test_the_verbs_that_end_with_3_are_those_that_keep_a_size_rule() -> None:
    (row,) = re.findall(r"^\| 3 \|.*$", (ROOT / "docs/command.md").read_text("utf-8"), re.M)
    ending = {words for words, verb in VERBS.items() if "exit code 3" in said(verb)}
    assert {*re.findall(r"`([a-z ]+)`", row)} == ending
