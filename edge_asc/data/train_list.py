"""Official parts of a training set: lists of names, such as the 5 to 100 % of DCASE 2024."""

from collections.abc import Sequence
from pathlib import Path

from edge_asc.data.dataset import Clip
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


def listed(clips: Sequence[Clip], root: Path, path: Path) -> tuple[Clip, ...]:
    """Those of the training clips that a list names, in their own order.

    Args:
        clips: training clips.
        root: names in the list are below this folder.
        path: the list.

    Raises:
        ValueError: it names what is no training clip.
    """
    rows = read_names(path)
    kept = {root / name: row for name, row in rows.items()}
    known = {clip.path for clip in clips}
    for file, row in kept.items():
        if file not in known:
            raise row.error(f"{row[COLUMN]} is not a training clip")
    return tuple(clip for clip in clips if clip.path in kept)
