"""Official parts of a training set: lists of names, such as the 5 to 100 % of DCASE 2024."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edge_asc.data.dataset import Clip
from edge_asc.data.layouts.own import composed
from edge_asc.data.layouts.table import Row, by_unique, read_table

PLACES = ("", "evaluation_setup", "split_setup", "dcase2024_split_setup")  # in a data set
COLUMN = "filename"


def find_list(name: str | Path, root: Path) -> Path:
    """The file of a list: its path, or its name in the data set, with or without `.csv`.

    Raises:
        FileNotFoundError: there is none; says where it was looked for.
    """
    names = (str(name), f"{name}.csv")
    found = [Path(name) for name in names]
    found += [root / place / name for place in PLACES for name in names]
    for path in found:
        if path.is_file():
            return path
    places = ", ".join(str(root / place) for place in PLACES)
    raise FileNotFoundError(f"no training list {name}: neither a file nor in {places}")


def read_names(path: Path) -> dict[str, Row]:
    """The rows of a list by the names of their files.

    Raises:
        ValueError: no names, or one of them twice.
    """
    rows = by_unique(read_table(path, (COLUMN,)), COLUMN)
    if not rows:
        raise ValueError(f"{path}: lists no clips")
    return rows


def listed(
    clips: Sequence[Clip], root: Path, path: Path, same_labels: bool = True
) -> tuple[Clip, ...]:
    """Those of the training clips that a list names, in their own order.

    Args:
        clips: training clips.
        root: names in the list are below this folder; absolute ones, and those of files alone, are
            found where they mean one clip.
        path: the list.
        same_labels: whether labels in the list are those of the clips.

    Raises:
        ValueError: it names what is no training clip, one of them twice, or with another label.
    """
    finder, kept = _Finder(clips, root), dict[Path, Row]()
    for row in read_names(path).values():
        clip = finder.find(row)
        if (first := kept.setdefault(clip.path, row)) is not row:
            raise row.error(f"{row[COLUMN]} is listed twice (first in line {first.line})")
        said = composed(row.get("scene_label") or row.get("label"))
        if same_labels and said and said != clip.label:
            where = f" in {clip.listed}" if clip.listed else ""
            raise row.error(f"{row[COLUMN]} is {said!r} here and {clip.label!r}{where}")
    return tuple(clip for clip in clips if clip.path in kept)


class _Finder:
    """Finds training clips by what a list calls them."""

    def __init__(self, clips: Sequence[Clip], root: Path) -> None:
        self._root = root
        self._by_path = {os.path.abspath(clip.path): clip for clip in clips}
        self._by_name: dict[str, list[Clip]] = {}
        for clip in clips:
            self._by_name.setdefault(clip.path.name, []).append(clip)

    def find(self, row: Row) -> Clip:
        """The clip of a row.

        Raises:
            ValueError: there is none, or several may be meant.
        """
        name = PurePosixPath(row[COLUMN].replace("\\", "/"))
        place = os.path.abspath(self._root / name)
        if found := self._by_path.get(place):
            return found
        is_elsewhere = name.is_absolute() or name.name == str(name)
        same = self._by_name.get(name.name, []) if is_elsewhere and not Path(place).exists() else []
        if len(same) > 1:
            raise row.error(f"{name} may be {same[0].path} or {same[1].path}")
        if not same:
            raise row.error(f"{row[COLUMN]} is not a training clip")
        return same[0]
