"""In which order a public checkpoint numbers the scenes.

The public code numbers them as they first appear in the meta list it is given, so the order is that
list's, and no checkpoint says which one it was.
"""

from pathlib import Path

from edge_asc.data.labels import TAU_SCENES
from edge_asc.data.layouts.table import read_columns, read_table

LABEL_COLUMN = "scene_label"  # of TAU's lists


def read_order(text: str) -> tuple[str, ...]:
    """The ten scenes in the order that `text` says.

    Args:
        text: their names with commas between, or a file: TAU's meta.csv or another list with the
            column scene_label, in which the first appearance counts; else names, one a line.

    Raises:
        ValueError: a name is unknown, missing or there twice; the line says which and where.
        OSError: the file cannot be read.
    """
    file = Path(text)
    names = _names_in(file) if file.is_file() else [name.strip() for name in text.split(",")]
    try:
        _check(names)
    except ValueError as error:
        raise ValueError(f"labels {text}: {error}") from None
    return tuple(names)


def _names_in(file: Path) -> list[str]:
    if LABEL_COLUMN in read_columns(file):
        return list(dict.fromkeys(row[LABEL_COLUMN] for row in read_table(file, (LABEL_COLUMN,))))
    lines = file.read_text("utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _check(names: list[str]) -> None:
    known = ", ".join(TAU_SCENES)
    for name in names:
        if name not in TAU_SCENES:
            raise ValueError(f"{name!r} is no file and no scene; the scenes are {known}")
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice")
    missing = [scene for scene in TAU_SCENES if scene not in names]
    if missing:
        raise ValueError(f"{len(names)} of {len(TAU_SCENES)} scenes; missing {', '.join(missing)}")
