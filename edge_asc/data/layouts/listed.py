"""A table of one's own: a recording and its label in each row, and more where it is known."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.layouts.columns import SPLIT_COLUMNS
from edge_asc.data.layouts.find_audio import Finder
from edge_asc.data.layouts.own import SameFile, composed, own_dataset
from edge_asc.data.layouts.splits import TEST_FOLD, folds_of, is_split
from edge_asc.data.layouts.table import Row, read_table

PLAIN_COLUMNS = ("path", "label")
_WHOLE = re.compile(r"(?:fold[ _-]?)?(\d{1,9})(?:\.0*)?", re.IGNORECASE)  # pandas writes 1.0


def open_plain_csv(table: Path, columns: Mapping[str, str] | None = None) -> SceneDataset | None:
    """Open a table of one's own: path, label and, if wanted, fold, device, abstract, group.

    Paths are relative to the table; a file that is not there is looked for by its name. `group`
    names the recording a clip was cut from; without it files of one stem are one recording.
    Without `fold` the recordings are spread over 5 folds; where some rows leave it empty, those
    clips are in no fold. Folds may be called train, val and test.

    Args:
        table: its file.
        columns: our names of columns → the table's, where these are others.

    Returns:
        The data set; None where the table has no rows.

    Raises:
        ValueError: a column is missing, a file is listed twice, a row has several labels, an
            illegal fold, or an abstract class where others of its label have another one.
    """
    rows = read_table(table, PLAIN_COLUMNS, columns)
    if not rows:
        return None
    _check_one_label(rows)
    abstract_map = _abstract_map(rows)
    folds, is_split = _folds(rows)
    finder, seen, first_rows = Finder(table), SameFile(), dict[str, Row]()
    clips = []
    for row in rows:
        clip = _clip(row, finder, folds.get(row.get("fold")), abstract_map)
        if before := seen.first(clip):
            line = first_rows[before.listed].line
            raise row.error(f"{row['path']} is listed twice (first in line {line})")
        first_rows[clip.listed] = row
        clips.append(clip)
    name = finder.root.name if table.stem == "meta" else table.stem
    return own_dataset(
        *(name, finder.root, clips, abstract_map),
        test_folds=(TEST_FOLD,) if is_split else (),
        notes=_notes(rows, table),
    )


def _clip(row: Row, finder: Finder, fold: int | None, abstract_map: Mapping[str, str]) -> Clip:
    try:
        path = finder.find(row["path"])
    except ValueError as error:
        raise row.error(str(error)) from None
    label = composed(row["label"])
    return Clip(
        path=path,
        label=label,
        fold=fold,
        device=row.get("device"),
        group=row.get("group") or PurePosixPath(row["path"].replace("\\", "/")).stem,
        abstract=abstract_map.get(label),
        listed=row.place,
    )


def _folds(rows: list[Row]) -> tuple[dict[str, int | None], bool]:
    """What each entry of the column means, and whether it is a split with one side to test."""
    first = {row.get("fold"): row for row in reversed(rows)}
    empty = {text for text in first if text.lower() in ("", "nan", "none")}
    named = sorted(set(first) - empty)
    numbers: dict[str, int | None] = {
        text: int(found[1]) for text in named if (found := _WHOLE.fullmatch(text))
    }
    if len(numbers) == len(named):
        return numbers, False
    if sides := folds_of(named):
        return sides, is_split(sides)
    odd = next(text for text in first if text in set(named) - set(numbers))
    raise first[odd].error(f"fold must be a whole number or empty, not {odd!r}")


def _notes(rows: list[Row], table: Path) -> list[str]:
    """What a table may mean and is not taken for."""
    has = rows[0].fields
    for column in SPLIT_COLUMNS if "fold" not in has else ():
        if column in has and folds_of(sorted({row[column] for row in rows} - {""})):
            told = f"{table.name}: column {column} is not used, folds are drawn"
            return [f"{told}; --columns fold={column} takes it"]
    return []


def _check_one_label(rows: list[Row]) -> None:
    """Refuse lists of labels: pieces between commas that are found in other rows as well."""
    pieces: dict[str, set[str]] = {}
    for row in rows:
        for piece in row["label"].split(","):
            pieces.setdefault(piece.strip(), set()).add(row["label"])
    for row in rows:
        parts = row["label"].split(",")
        if len(parts) > 1 and any(len(pieces[part.strip()]) > 1 for part in parts):
            raise row.error(
                f"several labels, {row['label']!r}: a recording can have one; write a table with"
                " the columns path and label"
            )


def _abstract_map(rows: Iterable[Row]) -> dict[str, str]:
    """Scene → abstract class; all scenes have one, or none has."""
    mapping: dict[str, str] = {}
    without: dict[str, Row] = {}
    for row in rows:
        abstract, label = composed(row.get("abstract")), composed(row["label"])
        if not abstract:
            without.setdefault(label, row)
        elif mapping.setdefault(label, abstract) != abstract:
            known = mapping[label]
            raise row.error(f"label {label!r} is {abstract!r} here and {known!r} before")
    for label, row in without.items():
        if mapping and label not in mapping:
            raise row.error(f"label {label!r} has no abstract class, others have one")
    return mapping
