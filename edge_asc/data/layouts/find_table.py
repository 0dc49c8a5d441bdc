"""Which table describes a folder, if one does; others may lie beside class folders."""

from collections.abc import Mapping
from pathlib import Path

from edge_asc.audio.found import is_audio, is_visible
from edge_asc.data.layouts.columns import lists_recordings, renamed, suggestion
from edge_asc.data.layouts.esc import ESC_COLUMNS
from edge_asc.data.layouts.folders import has_class_folders
from edge_asc.data.layouts.listed import PLAIN_COLUMNS
from edge_asc.data.layouts.table import columns_or_none, is_answers, read_table
from edge_asc.data.layouts.urbansound import URBANSOUND_COLUMNS, urbansound_table

_KNOWN = (PLAIN_COLUMNS, ESC_COLUMNS, URBANSOUND_COLUMNS, ("scene_label",))


def table_of(folder: Path, columns: Mapping[str, str] | None = None) -> Path | None:
    """The table that describes a folder; None where its folders are the classes.

    A table among class folders whose columns are none of a known layout is somebody's notes,
    unless it lists recordings. What a model said of the clips describes none, wherever it lies.

    Raises:
        ValueError: several tables may be meant, or one that lists recordings by other columns.
    """
    if columns is None and (published := urbansound_table(folder)):
        return published
    tables = _tables(folder)
    fits = [table for table in tables if _fits(table, columns)]
    for name in ("meta.csv", "esc50.csv"):
        if first := next((table for table in fits if table.name == name), None):
            return first
    if len(fits) > 1:
        names = ", ".join(str(table.relative_to(folder)) for table in fits)
        raise ValueError(f"{folder}: several tables ({names}); name the one that is meant")
    if fits:
        return fits[0]
    return _other(folder, tables)


def lists_read(data: Path, columns: Mapping[str, str] | None = None) -> list[Path]:
    """The tables and lists that may say what a data set holds: what nothing may overwrite."""
    if not data.is_dir():
        return [data]
    published = urbansound_table(data)
    return [
        data / "meta.csv",
        *sorted((data / "evaluation_setup").glob("*.csv")),
        *(data / f"fold1_{side}.csv" for side in ("train", "evaluate", "test")),
        *([published] if published else []),
        *(table for table in _tables(data) if _fits(table, columns) or _fits(table, None)),
    ]


def describing(folder: Path) -> list[Path]:
    """Tables of a folder that list clips with labels, in the columns of a known layout."""
    return [table for table in _tables(folder) if _fits(table, None)]


def _tables(folder: Path) -> list[Path]:
    places = (folder, folder / "meta", folder / "metadata")
    found = [path for place in places for path in sorted(place.glob("*.[ct]sv"))]
    tables = (path for path in found if is_visible(path.name) and path.is_file())
    return [path for path in tables if not is_answers(path)]


def _fits(table: Path, columns: Mapping[str, str] | None) -> bool:
    names = set(renamed(columns_or_none(table) or (), columns or {}))
    return any(names >= set(known) for known in _KNOWN)


def _other(folder: Path, tables: list[Path]) -> Path | None:
    """The only table of a folder without class folders: what is wrong with it will be told."""
    if has_class_folders(folder):
        for table in tables:
            _check_notes(table)
        return None
    return tables[0] if len(tables) == 1 else None


def _check_notes(table: Path) -> None:
    """Refuse a table among folders that lists recordings, since it may be what is meant."""
    columns = columns_or_none(table) or ()
    if lists_recordings(columns) and _names_recordings(table):
        raise ValueError(
            f"{table} lists recordings, but has no columns path and label; to take it:"
            f" --data {table} {suggestion(columns)}; to take the folders for classes, move it"
        )


def _names_recordings(table: Path) -> bool:
    try:
        rows = read_table(table, ())
    except (ValueError, OSError):
        return False
    return any(is_audio(Path(value)) for row in rows[:20] for value in row.fields.values())
