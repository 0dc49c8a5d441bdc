"""Files in folders, as people have them: hidden ones, those of tools, links, links in a circle."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_asc.audio.suffixes import AUDIO_SUFFIXES

# Of network storage, macOS, Windows and Python; they hold copies and thumbnails.
_OF_TOOLS = frozenset(
    [
        *("@eadir", "@recycle", "@tmp", "#recycle", "#snapshot", "lost+found"),
        *("$recycle.bin", "system volume information", "thumbs.db", "desktop.ini"),
        *("__macosx", "__pycache__"),
    ]
)


def is_visible(name: str) -> bool:
    """Whether a file or folder is one that people see as theirs."""
    return not name.startswith((".", "~$")) and name.lower() not in _OF_TOOLS


def files_in(folder: Path, hidden: list[Path] | None = None) -> Iterator[Path]:
    """All visible files below a folder, in order; links are followed, no circle is.

    Args:
        folder: where to look; whether it is visible itself does not matter.
        hidden: gets the files and folders that were passed over.
    """
    above = frozenset(map(_identity, folder.resolve().parents))
    yield from _below(folder, hidden if hidden is not None else [], above)


def _below(folder: Path, hidden: list[Path], above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    here = _identity(folder)
    if here in above:  # a link to a folder that holds it
        return
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = folder / entry.name
        if not is_visible(entry.name):
            hidden.append(path)
        elif not _is_folder(entry):
            yield path
        elif os.access(path, os.R_OK | os.X_OK):
            yield from _below(path, hidden, above | {here})
        else:  # not ours to read
            hidden.append(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link that leads to itself
        return entry.is_dir()
    return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_audio(path: Path) -> bool:
    """Whether a file's name says that it is a recording."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def audio_in(folder: Path) -> list[Path]:
    """The recordings below a folder, in order, by their names."""
    return sorted(path for path in files_in(folder) if is_audio(path))
