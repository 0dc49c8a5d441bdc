"""Arrows run one way: a package imports only what stands left of it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_asc

PACKAGE = Path(edge_asc.__file__).parent
LINKED = ("quantize", "export", "demo")
# A package may import what stands before it. CONTRIBUTING.md shows the same order as a map.
ORDER = (
    *("files", "install", "suggest", "shown", "plotting"),
    *("audio", "frontend", "runtime", "demo", "config", "data", "budget", "graph"),
    *("models", "training", "evaluation", "quantize", "export", "research", "teaching", "api"),
    *("report", "search", "cli"),
)
# The live demo stands beside the training half and sees the runtime half alone.
_USEFUL = {"files", "install", "suggest", "shown", "plotting"}
DEMO_SEES = _USEFUL | {"audio", "frontend", "runtime", "demo"}
FREE = {"__init__", "__main__"}  # the front door: `edge_asc` itself and `python -m edge_asc`
MAX_ENTRIES = (
    13  # of a folder, `__init__.py` among them; more than that nobody takes in at a glance
)


def sources() -> Iterator[tuple[str, Path]]:
    """Each file of the package with the name of its first folder."""
    for folder in (PACKAGE, *(PACKAGE / part for part in LINKED)):
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(PACKAGE).with_suffix("").parts[0], path


def imported(path: Path) -> set[str]:
    """Packages of edge_asc that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "edge_asc":
            names |= {f"edge_asc.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    parts = [name.split(".") for name in names]
    return {p[1] for p in parts if p[0] == "edge_asc" and len(p) > 1 and p[1] in ORDER}


def test_every_import_points_left() -> None:
    against = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for package, path in sources()
        if package not in FREE
        for other in sorted(imported(path))
        if ORDER.index(other) > ORDER.index(package)
        or (package == "demo" and other not in DEMO_SEES)
        or (other == "demo" and package not in ("demo", "cli"))
    ]
    assert not against


def test_every_package_has_its_place() -> None:
    assert {package for package, _ in sources()} - FREE == {*ORDER}


def test_no_folder_is_a_warehouse() -> None:
    folders: dict[Path, int] = {}
    for _, path in sources():
        folders.setdefault(path.parent, 0)
    for folder in folders:
        modules = [e for e in folder.iterdir() if e.suffix == ".py"]
        packages = [e for e in folder.iterdir() if (e / "__init__.py").is_file()]
        folders[folder] = len(modules) + len(packages)  # data, such as presets, is found by name
    del folders[PACKAGE]  # one entry for each package above
    crowded = {str(f.relative_to(PACKAGE)): n for f, n in folders.items() if n > MAX_ENTRIES}
    assert not crowded


def test_the_map_of_contributing_shows_this_order() -> None:
    page = PACKAGE.parent / "CONTRIBUTING.md"
    if not page.exists():
        pytest.skip("an installed package has no CONTRIBUTING.md")
    rows = re.findall(r"^\| `(?:edge_asc/)?(\w+)(?:/|\.py)` \|", page.read_text("utf-8"), re.M)
    assert tuple(name for name in rows if name in ORDER) == ORDER
