"""Open a data set by its path, whatever its layout.

| layout | recognised by | recording | device |
|---|---|---|---|
| TAU 2020 / 2022 Mobile | `evaluation_setup/fold1_train.csv` | city and location | source_label |
| ESC-10, ESC-50 | `meta.csv` or `meta/esc50.csv` with target, category | src_file | none |
| table | a CSV, or a folder's `meta.csv` or only CSV, with path, label | group or stem | device |
| folder per class | folders that hold audio | sub-folder, or the file | none |

Audio is not needed to open a data set: `check_dataset` lists what is missing.
"""

import logging
import statistics
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge_asc.audio.decode import AUDIO_SUFFIXES, AudioError, probe
from edge_asc.data.dataset import Clip, SceneDataset, assign_folds
from edge_asc.data.esc import ESC_COLUMNS, open_esc
from edge_asc.data.table import Row, by_unique, read_columns, read_table
from edge_asc.data.tau import TRAIN_LIST, open_tau

log = logging.getLogger(__name__)
PLAIN_COLUMNS = ("path", "label")
N_PROBED = 16  # files looked at to tell how long a clip of an unknown data set is


def open_dataset(path: Path | str, train_list: Path | str | None = None) -> SceneDataset:
    """Open a data set of any known layout (the module's table).

    Args:
        path: folder of the data set, or its CSV file.
        train_list: for TAU alone, a list of file names (such as a DCASE 2024 split): training
            clips that it does not name belong to no fold.

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
    return replace(_open(path, train_list), source=path)


def _open(path: Path, train_list: Path | str | None) -> SceneDataset:
    if not path.exists():
        raise FileNotFoundError(f"no data set at {path}: no such file or folder")
    if (path / TRAIN_LIST).exists():
        log.info("data set %s: the lists of TAU", path)
        return open_tau(path, None if train_list is None else Path(train_list))
    if train_list is not None:
        raise ValueError(f"{path}: a training list goes with TAU data alone ({TRAIN_LIST})")
    table = path if path.is_file() else table_of(path)
    log.info("data set %s: %s", path, table or "a folder for each class")
    return open_folders(path) if table is None else _open_table(table)


def table_of(folder: Path) -> Path | None:
    """The table that describes a folder, if it has one; its folders are then no classes."""
    for name in ("meta.csv", "meta/esc50.csv"):
        if (folder / name).is_file():
            return folder / name
    tables = sorted(folder.glob("*.csv"))
    return tables[0] if len(tables) == 1 else None


def _open_table(table: Path) -> SceneDataset:
    columns = read_columns(table)
    if "scene_label" in columns and (table.parent / TRAIN_LIST).exists():
        return open_tau(table.parent, None)
    if set(ESC_COLUMNS) <= set(columns):
        return open_esc(table)
    if "scene_label" in columns:
        raise ValueError(f"{table.parent / TRAIN_LIST}: no such file, it holds TAU's training list")
    return open_plain_csv(table)


def open_plain_csv(table: Path) -> SceneDataset:
    """Open a table of one's own: path, label and, if wanted, fold, device, abstract, group.

    Paths are relative to the table. `group` names the recording a clip was cut from; without it
    files of one stem are one recording. Without `fold` the recordings are spread over 5 folds;
    where some rows leave it empty, those clips are in no fold.
    """
    rows = read_table(table, PLAIN_COLUMNS)
    by_unique(rows, "path")
    abstract_map = _abstract_map(rows)
    clips = tuple(
        Clip(
            path=table.parent / row["path"],
            label=row["label"],
            fold=_fold(row),
            device=row.get("device"),
            group=row.get("group") or Path(row["path"]).stem,
            abstract=abstract_map.get(row["label"]),
            listed=row.place,
        )
        for row in rows
    )
    name = table.parent.name if table.stem == "meta" else table.stem
    return _own_dataset(name, table.parent, table, clips, abstract_map)


def open_folders(root: Path) -> SceneDataset:
    """Open a folder that holds one folder of audio files for each class.

    A folder inside a class folder is one recording; a file directly in it is one of its own.
    """
    clips = tuple(
        Clip(path, folder.name, None, group=f"{folder.name}/{_recording(path, folder)}")
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in _audio_files(folder)
    )
    return _own_dataset(root.resolve().name, root, root, clips, {})


def _audio_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )


def _recording(path: Path, class_folder: Path) -> str:
    parts = path.relative_to(class_folder).parts
    return parts[0] if len(parts) > 1 else path.stem


def _own_dataset(
    name: str, root: Path, source: Path, clips: tuple[Clip, ...], abstract_map: dict[str, str]
) -> SceneDataset:
    if not clips:
        raise ValueError(
            f"{source}: no clips found; expected TAU ({TRAIN_LIST}), ESC (meta.csv), a CSV with"
            f" columns {', '.join(PLAIN_COLUMNS)}, or one folder of audio files per class"
        )
    if all(clip.fold is None for clip in clips):
        clips = assign_folds(clips)
    labels = tuple(sorted({clip.label for clip in clips}))
    abstract_labels = tuple(sorted(set(abstract_map.values())))
    return SceneDataset(
        *(name, root, clips, labels, abstract_labels, usual_length_s(clips)),
        license_note=_license_note(root),
        abstract_map=abstract_map,
    )


def usual_length_s(clips: Sequence[Clip]) -> float:
    """Median length in seconds, to 0.1 s, of a few clips spread over the list; 0 if none reads."""
    step = max(1, len(clips) // N_PROBED)
    lengths = []
    for clip in clips[::step]:
        with suppress(AudioError):  # `check_dataset` reports it
            lengths.append(probe(clip.path).duration_s)
    return max(0.1, round(statistics.median(lengths), 1)) if lengths else 0.0


def _license_note(root: Path) -> str:
    for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
        if (root / name).is_file():
            lines = (root / name).read_text("utf-8", errors="replace").splitlines()
            return next((line.strip("# ").strip() for line in lines if line.strip("# ")), "")
    return "licence not stated"


def _abstract_map(rows: Iterable[Row]) -> dict[str, str]:
    """Scene → abstract class; all scenes have one, or none has."""
    mapping: dict[str, str] = {}
    without: dict[str, Row] = {}
    for row in rows:
        abstract = row.get("abstract")
        if not abstract:
            without.setdefault(row["label"], row)
        elif mapping.setdefault(row["label"], abstract) != abstract:
            known = mapping[row["label"]]
            raise row.error(f"label {row['label']!r} is {abstract!r} here and {known!r} before")
    for label, row in without.items():
        if mapping and label not in mapping:
            raise row.error(f"label {label!r} has no abstract class, others have one")
    return mapping


def _fold(row: Row) -> int | None:
    text = row.get("fold")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise row.error(f"fold must be a whole number or empty, not {text!r}")
    return int(text)
