"""Where a file is to be written: links, pipes, folders, and what errors name."""

import os
import threading
from pathlib import Path

import pytest

from edge_asc.files import atomic_write

TEXT = "name,value\n" * 1000


def write(path: Path, text: str = TEXT) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text)


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    target, link = tmp_path / "kept" / "a.csv", tmp_path / "b.csv"
    target.write_text("before")
    link.symlink_to("kept/a.csv")
    write(link)
    assert link.is_symlink() and target.read_text() == TEXT
    target.unlink()
    write(link)
    assert link.is_symlink() and target.read_text() == TEXT


def test_a_pipe_stays_and_is_written_to(tmp_path: Path) -> None:
    pipe, heard = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(10)
    assert heard == [TEXT] and pipe.is_fifo() and [*tmp_path.iterdir()] == [pipe]


@pytest.mark.parametrize("name", ["folder", "file/below.csv", "loop"])
def test_errors_name_what_was_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError) as caught:
        write(tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert not [*(tmp_path / "folder").iterdir()]


def test_an_error_of_the_temporary_file_names_the_other(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, atomic_write(tmp_path / "o.csv") as temporary:
        temporary.unlink()
        temporary.read_text()
    assert caught.value.filename == str(tmp_path / "o.csv")
