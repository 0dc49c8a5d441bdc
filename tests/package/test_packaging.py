"""quantize/, export/ and demo/ lie beside edge_asc/ and install inside it, in every way."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("quantize", "export", "demo")

pytestmark = pytest.mark.skipif(
    not (ROOT / "edge_asc").is_dir(), reason="needs the checkout that these tests came with"
)


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    """setup.cfg as setuptools reads it."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def folders_with_modules() -> set[Path]:
    """Folders that hold Python files, seen through no link."""
    tops = [ROOT / "edge_asc", *(ROOT / part for part in PARTS)]
    linked = {ROOT / "edge_asc" / part for part in PARTS}
    files = [path for top in tops for path in top.rglob("*.py")]
    return {path.parent for path in files if not linked & {path.parent, *path.parents}}


def import_name(folder: Path) -> str:
    parts = folder.relative_to(ROOT).parts
    return ".".join(parts if parts[0] == "edge_asc" else ("edge_asc", *parts))


def test_every_folder_with_modules_is_a_declared_package(setup: ConfigParser) -> None:
    """Packages are listed by hand: one that is forgotten is missing from the wheel in silence."""
    declared = setup["options"]["packages"].split()
    assert sorted(declared) == sorted(map(import_name, folders_with_modules()))
    assert all((folder / "__init__.py").is_file() for folder in folders_with_modules())


def test_data_files_are_declared(setup: ConfigParser) -> None:
    declared = setup["options.package_data"]
    for folder in folders_with_modules():
        data = [p for p in folder.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc")]
        patterns = declared.get(import_name(folder), "").split()
        assert all(any(p.match(pattern) for pattern in patterns) for p in data), data


@pytest.mark.parametrize("part", PARTS)
def test_the_mapping_names_the_folder(part: str, setup: ConfigParser) -> None:
    assert f"edge_asc.{part} = {part}" in setup["options"]["package_dir"].splitlines()


@pytest.mark.parametrize("part", PARTS)
def test_the_link_points_at_the_folder(part: str) -> None:
    link = ROOT / "edge_asc" / part
    if not link.is_symlink():
        pytest.skip("a copy of the checkout without links; the mapping does without them")
    assert link.readlink() == Path("..") / part
    assert link.resolve() == ROOT / part


@pytest.mark.parametrize("part", PARTS)
def test_a_bare_import_from_the_root_is_refused(part: str) -> None:
    """It would make a second set of classes, which are not those of edge_asc."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {part}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"ImportError: import edge_asc.{part}, not {part}" in done.stderr
