"""UrbanSound8K as published: a table in metadata/, clips in audio/fold1 … fold10."""

from pathlib import Path

from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.layouts.own import usual_length_s
from edge_asc.data.layouts.table import Row, read_table

URBANSOUND_COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")
PLACES = ("metadata/UrbanSound8K.csv", "UrbanSound8K.csv", "../metadata/UrbanSound8K.csv")
LICENSE_NOTE = "UrbanSound8K (J. Salamon et al.), CC BY-NC 3.0: no commercial use"


def urbansound_table(folder: Path) -> Path | None:
    """The table of the data set that a folder is, or whose audio/ it is."""
    for place in PLACES:
        if (folder / place).is_file() and (place[0] != "." or folder.name == "audio"):
            return (folder / place).resolve() if place[0] == "." else folder / place
    return None


def open_urbansound(table: Path) -> SceneDataset:
    """Open UrbanSound8K by its table; slices of one Freesound recording are one recording.

    Raises:
        ValueError: a row with an illegal fold, or no rows.
    """
    rows = read_table(table, URBANSOUND_COLUMNS)
    if not rows:
        raise ValueError(f"{table}: lists no clips")
    root = table.parent.parent if table.parent.name == "metadata" else table.parent
    clips = tuple(_clip(row, root) for row in rows)
    return SceneDataset(
        name="UrbanSound8K",
        root=root,
        clips=clips,
        labels=tuple(sorted({clip.label for clip in clips})),
        abstract_labels=(),
        clip_s=usual_length_s(clips),
        license_note=LICENSE_NOTE,
    )


def _clip(row: Row, root: Path) -> Clip:
    if not (row["fold"].isascii() and row["fold"].isdigit()):
        raise row.error(f"fold must be a whole number, not {row['fold']!r}")
    return Clip(
        path=root / "audio" / f"fold{row['fold']}" / row["slice_file_name"],
        label=row["class"],
        fold=int(row["fold"]),
        group=row["fsID"],
        listed=row.place,
    )
