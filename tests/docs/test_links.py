"""What the pages point at is there: links, anchors, files, scripts, make targets, Python names."""

import importlib
import re
from pathlib import Path

import pytest

from documents import PAGES, ROOT, anchors, code_spans, links, tokens

FOLDERS = "recipes|bench|tests|docs|edge_asc|quantize|export|demo"
# `runs/` was the name of `recipes/`; elsewhere it is a folder of the reader's.
A_PATH = re.compile(rf"(?<![\w/.-])(?:(?:{FOLDERS})/[\w./*-]*[\w*/]|runs/[\w-]+\.(?:sh|py))")
A_TARGET = re.compile(r"(?<![\w-])make ([a-z][\w-]*)")
A_NAME = re.compile(r"\bedge_asc(?:\.\w+)+")
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|\*\*")
NO_FILES = {
    "recipes/artifacts/paper/",  # made by a command whose data is not at hand (`recipes/paper.sh`)
    *("edge_asc/kitchen/availability", "edge_asc/kitchen/state"),  # topics of MQTT
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code(page: Path) -> list[str]:
    """All code of a page: spans of the text, fenced and indented blocks."""
    inside = [t.content for t in tokens(page) if t.type in ("fence", "code_block")]
    return [*code_spans(page), *inside]


def broken(page: Path, target: str) -> bool:
    """Whether a link within the project leads nowhere."""
    name, _, anchor = target.partition("#")
    path = (page.parent / name) if name else page
    return not path.exists() or (bool(anchor) and anchor not in anchors(path))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    inside = [target for target in links(page) if not re.match(r"[a-z]+:", target)]
    assert not [target for target in inside if broken(page, target)]


def test_a_link_that_leads_nowhere_is_found() -> None:
    page = ROOT / "README.md"
    assert broken(page, "docs/none.md") and broken(page, "docs/live.md#no-such-heading")
    assert not broken(page, "docs/live.md#how-it-decides")


def test_results_has_a_table_of_contents() -> None:
    page = ROOT / "RESULTS.md"
    (title,) = re.findall("^# (.*)$", page.read_text("utf-8"), re.M)
    listed = {target.removeprefix("#") for target in links(page) if target.startswith("#")}
    assert anchors(page) - {title.lower()} <= listed


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    """Scripts of recipes/ and bench/, modules, tests: wherever a page says `folder/file`."""
    named = {path for text in code(page) for path in A_PATH.findall(text)} - NO_FILES
    real = {path for path in named if not PLACEHOLDER.search(path)}
    assert not sorted(path for path in real if not list(ROOT.glob(path.rstrip("/"))))


@each_page
def test_make_knows_its_targets(page: Path) -> None:
    known = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {target for text in code(page) for target in A_TARGET.findall(text)} <= known


@each_page
def test_python_names_can_be_imported(page: Path) -> None:
    names = {name for text in code(page) for name in A_NAME.findall(text)}
    assert not sorted(name for name in names if not importable(name))


def importable(name: str) -> bool:
    """Whether it is a module, or something in one."""
    module, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), last)
    return True
