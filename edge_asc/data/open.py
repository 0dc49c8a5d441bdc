"""Open a data set by its path, whatever its layout.

| layout | recognised by | recording | device |
|---|---|---|---|
| TAU 2020 / 2022 Mobile | `evaluation_setup/fold1_train.csv` | city and location | source_label |
| ESC-10, ESC-50 | `meta.csv` or `meta/esc50.csv` with target, category | src_file | none |
| UrbanSound8K | `metadata/UrbanSound8K.csv`, or its columns | fsID | none |
| table | a CSV, or a folder's `meta.csv` or only one, with path, label | group or stem | device |
| evaluation set | `fold1_evaluate.csv`, no training list | identifier | source_label |
| folder per class | folders of audio, alone or in folds or splits | sub-folder, or file | none |

Audio is not needed to open a data set: `check_dataset` lists what is missing.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge_asc.data.dataset import SceneDataset
from edge_asc.data.layouts.columns import parse_columns, renamed, suggestion
from edge_asc.data.layouts.esc import ESC_COLUMNS, open_esc
from edge_asc.data.layouts.find_table import describing, table_of
from edge_asc.data.layouts.folders import open_folders
from edge_asc.data.layouts.listed import PLAIN_COLUMNS, open_plain_csv
from edge_asc.data.layouts.table import read_columns, table_error
from edge_asc.data.layouts.tau import TRAIN_LIST, open_tau
from edge_asc.data.layouts.test_set import (
    FOR_NAMES,
    differing_lists,
    has_no_classes,
    is_list,
    open_list,
    open_loose,
    open_test_set,
    test_list_of,
)
from edge_asc.data.layouts.urbansound import URBANSOUND_COLUMNS, open_urbansound

log = logging.getLogger(__name__)


def open_dataset(
    path: Path | str,
    train_list: Path | str | None = None,
    columns: Mapping[str, str] | str | None = None,
) -> SceneDataset:
    """Open a data set of any known layout (the module's table).

    Args:
        path: folder of the data set, or its CSV file.
        train_list: for TAU alone, a list of file names (such as a DCASE 2024 split): training
            clips that it does not name belong to no fold.
        columns: for a table of one's own, our names of columns → the table's, or
            "path=filename,label=class,fold=fold,group=fsID".

    Raises:
        ValueError: a layout that is not known, or one line naming file, line and problem.
        OSError: the path or a list of the data set cannot be read.

    Example:
        >>> ds = ea.open_dataset("scenes")
        >>> len(ds.clips), len(ds.labels), ds.folds
        (200, 10, (1, 2, 3, 4, 5))
        >>> train, test = ds.split(fold=1)
    """
    path = Path(path)
    wanted = parse_columns(columns) if isinstance(columns, str) else columns
    return replace(_open(path, train_list, wanted), source=path, columns=dict(wanted or {}))


def _open(
    path: Path, train_list: Path | str | None, columns: Mapping[str, str] | None
) -> SceneDataset:
    if not path.exists():
        raise FileNotFoundError(f"no data set at {path}: no such file or folder")
    if columns is None and (path / TRAIN_LIST).exists():
        log.info("data set %s: the lists of TAU", path)
        return open_tau(path, None if train_list is None else Path(train_list))
    if columns is None and path.is_dir() and (tests := test_list_of(path)):
        return _labelled(open_test_set(path, tests), tests)
    if train_list is not None:
        raise ValueError(f"{path}: a training list goes with TAU data alone ({TRAIN_LIST})")
    table = path if path.is_file() else table_of(path, columns)
    log.info("data set %s: %s", path, table or "a folder for each class")
    if table is None and columns is not None:
        raise ValueError(f"{path}: no table has the columns {', '.join(columns.values())}")
    found = open_folders(path) if table is None else _open_table(table, columns)
    if found is None:
        raise ValueError(
            f"{table or path}: no clips found; expected TAU ({TRAIN_LIST}), ESC (meta.csv), a CSV"
            f" with columns {', '.join(PLAIN_COLUMNS)}, or one folder of audio files per class"
        )
    return found


def open_recordings(
    path: Path | str, columns: Mapping[str, str] | str | None = None
) -> SceneDataset:
    """Open what is to be named: a data set of any layout, or recordings without labels.

    Those are an evaluation set whose list has no labels, a list of names, or a folder of files.
    Their clips have the label "", and the data set has no labels.

    Raises:
        ValueError: a layout that is not known, or one line naming file, line and problem.
        OSError: the path or a list cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no recordings at {path}: no such file or folder")
    found = None if columns is not None else _unlabelled(path)
    return open_dataset(path, columns=columns) if found is None else found


def _unlabelled(path: Path) -> SceneDataset | None:
    if path.is_file():
        return open_list(path) if is_list(path) else None
    if tests := test_list_of(path, FOR_NAMES):
        found, differ = open_test_set(path, tests), differing_lists(tests)
        return replace(found, notes=(differ,)) if differ else found
    if (path / TRAIN_LIST).exists() or describing(path) or not has_no_classes(path):
        return None
    return open_loose(path)


def _labelled(found: SceneDataset, table: Path) -> SceneDataset:
    if not found.labels:
        raise ValueError(f"{table}: no scene_label; `edge-asc predict` names recordings without")
    return found


def _open_table(table: Path, wanted: Mapping[str, str] | None) -> SceneDataset | None:
    if wanted is not None:
        return open_plain_csv(table, wanted)
    columns = read_columns(table)
    if "scene_label" in columns and (table.parent / TRAIN_LIST).exists():
        return open_tau(table.parent, None)
    if set(ESC_COLUMNS) <= set(columns):
        return open_esc(table)
    if set(URBANSOUND_COLUMNS) <= set(columns):
        return open_urbansound(table)
    if "scene_label" in columns and not set(PLAIN_COLUMNS) <= set(columns):
        raise ValueError(f"{table.parent / TRAIN_LIST}: no such file, it holds TAU's training list")
    for name in PLAIN_COLUMNS:
        if name not in renamed(columns, {}):
            found = ", ".join(columns) or "nothing"
            hint = f"; say which are meant: {suggestion(columns)}" if columns else ""
            raise table_error(table, 1, f"no column {name!r} (found: {found}){hint}")
    return open_plain_csv(table)
