"""A folder for one try at teaching, within that of the models; one at a time, of all processes."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from edge_asc.files import is_held_elsewhere

LOCK, TRY = ".lock", ".try-"


class Place:
    """The folder, as long as the block. What a process that was killed has left is removed first.

    Raises:
        ValueError: another process is teaching here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self._fd = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if is_held_elsewhere(self._fd):
            os.close(self._fd)
            raise ValueError(f"{self._folder}: another process is teaching here")
        for left in self._folder.glob(f"{TRY}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._place = Path(mkdtemp(prefix=TRY, dir=self._folder))
        return self._place

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        os.close(self._fd)


def frozen(recordings: Path, place: Path) -> Path:
    """The recordings as they are now, in `place`: who labels goes on, and moves files meanwhile.

    They are the same files under other names, which takes no room where the disk knows of that.
    """
    if not recordings.is_dir():
        return recordings
    copy = place / recordings.name
    for parent, _, names in os.walk(recordings):
        folder = copy / Path(parent).relative_to(recordings)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            with suppress(FileNotFoundError):  # it has just been moved
                _link(Path(parent, name), folder / name)
    return copy


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except FileNotFoundError:
        raise
    except OSError:  # a disk without links
        shutil.copyfile(path, to)
