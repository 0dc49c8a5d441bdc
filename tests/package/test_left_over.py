"""What a killed writer left goes with the next one; what another one writes stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_asc import files
from edge_asc.files import atomic_write, read_json, remove_left

KILLED = """
import os, sys
from edge_asc.files import atomic_write
with atomic_write(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), 9)
"""


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_leftovers_of_a_killed_process_go(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert len(hidden(tmp_path)) == 1 and not path.exists()
    with atomic_write(tmp_path / "other.json") as temporary:
        temporary.write_text("{}")
    assert not hidden(tmp_path)


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.json") as temporary:
        remove_left(tmp_path)
        assert temporary.exists()
        temporary.write_text("{}")
    assert os.listdir(tmp_path) == ["a.json"]


def test_of_other_machines_only_what_is_old_goes(tmp_path: Path) -> None:
    """A shared folder: a process number of theirs means nothing here."""
    young, old = (tmp_path / f".a.json.0a0b0c-1-{name}.json" for name in ("abcdefgh", "bcdefghi"))
    for path in (young, old):
        path.write_text("half")
    os.utime(old, (0, 0))
    remove_left(tmp_path)
    assert hidden(tmp_path) == [young.name]


def test_a_users_own_hidden_files_stay(tmp_path: Path) -> None:
    names = [".notes", ".a.json.swp", ".config.toml", f".x.{files._here()}-y-abcdefgh.png"]
    for name in names:
        (tmp_path / name).touch()
    remove_left(tmp_path)
    assert sorted(hidden(tmp_path)) == sorted(names)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_json_that_is_none_names_its_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "quantize.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"quantize\.json: "):
        read_json(path)
