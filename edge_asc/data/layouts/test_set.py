"""A set to be tested on alone: a task's evaluation set, a list, a folder of recordings.

It may have labels or none; recordings without one have the label "".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_asc.audio.found import audio_in
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.labels import TAU_ABSTRACT, TAU_GROUPS, TAU_SCENES
from edge_asc.data.layouts.find_audio import Finder
from edge_asc.data.layouts.folders import folders_with_audio
from edge_asc.data.layouts.own import SameFile, license_note, usual_length_s
from edge_asc.data.layouts.splits import TEST_FOLD, is_wrapper
from edge_asc.data.layouts.table import (
    Row,
    by_unique,
    columns_or_none,
    read_columns,
    read_table,
    read_text,
    table_error,
)
from edge_asc.data.layouts.tau import TRAIN_LIST, place_and_device

SETUP = ("evaluation_setup", ".")
NAMES = ("fold1_evaluate.csv", "fold1_test.csv")
FOR_NAMES = NAMES[::-1]  # the list of what is to be named counts first
FILE = "filename"
DEVICES = ("source_label", "device_id", "device")  # columns that name the recording device
PLAIN_LISTS = (".txt", ".lst")


def test_list_of(folder: Path, names: Sequence[str] = NAMES) -> Path | None:
    """The list of a set that has one for tests and none for training; None of other folders.

    Args:
        folder: of the set.
        names: of lists, the first that is there counts.

    Raises:
        ValueError: the list has no file names.
    """
    if (folder / TRAIN_LIST).exists() or (folder / "fold1_train.csv").exists():
        return None
    places = [folder / setup / name for setup in SETUP for name in names]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        return None
    columns = read_columns(found)
    if FILE not in columns:
        if found.parent == folder and {"path", "label"} <= {*columns}:  # a table of one's own
            return None
        told = ", ".join(columns) or "nothing"
        raise table_error(found, 1, f"no column {FILE!r} (found: {told})")
    return None if _knows_others(folder / "meta.csv", found) else found


def differing_lists(tests: Path) -> str | None:
    """A line where a set has two lists of tests that name other clips; None where it has not."""
    other = _other_list(tests)
    if other is None or {*_names(other)} == {*_names(tests)}:
        return None
    return (
        f"{tests} decides which clips are named, {len(_names(tests))};"
        f" {other.name} lists others, {len(_names(other))}"
    )


def _other_list(tests: Path) -> Path | None:
    paths = (tests.with_name(name) for name in NAMES if name != tests.name)
    return next((p for p in paths if FILE in (columns_or_none(p) or ())), None)


def _names(table: Path) -> dict[str, Row]:
    return by_unique(read_table(table, (FILE,)), FILE)


def _knows_others(meta: Path, tests: Path) -> bool:
    """Whether a set has clips beside its tests: its training list is missing."""
    if FILE not in (columns_or_none(meta) or ()):
        return False
    of_tests = {row[FILE] for row in read_table(tests, (FILE,))}
    return any(row[FILE] not in of_tests for row in read_table(meta, (FILE,)))


def is_list(table: Path) -> bool:
    """Whether a file lists recordings and says nothing of their scenes."""
    if table.suffix.lower() in PLAIN_LISTS:
        return True
    columns = columns_or_none(table) or ()
    return bool({FILE, "path"} & {*columns}) and not {"scene_label", "label"} & {*columns}


def has_no_classes(folder: Path) -> bool:
    """Whether a folder holds recordings and no folder for each scene."""
    tops = folders_with_audio(folder)
    while len(tops) == 1 and is_wrapper(tops[0].name):
        tops = folders_with_audio(tops[0])
    return not tops


def open_test_set(root: Path, table: Path) -> SceneDataset:
    """Open a set by its test list, which may have columns for scene, device and recording.

    Raises:
        ValueError: a row with a wrong number of fields or a clip that is listed twice.
    """
    rows, meta, seen = _names(table), root / "meta.csv", _Listed()
    known = _names(meta) if meta.is_file() else {}
    other = _other_list(table)
    further = {} if known or other is None else _names(other)
    clips = []
    for name, row in rows.items():
        of_file = known.get(name, row)
        _check_label(row, of_file)
        clip = _clip(root / name, row, of_file, further.get(name, row))
        seen.add(clip, row)
        clips.append(clip)
    if not clips:
        raise ValueError(f"{table}: lists no clips")
    labelled = [clip for clip in clips if clip.label]
    if labelled and len(labelled) < len(clips):
        odd = next(clip for clip in clips if not clip.label)
        raise ValueError(f"{table}: {odd.path.name} has no scene_label, others have one")
    return _dataset(root.resolve().name, root, tuple(clips))


class _Listed:
    """Refuses a file that a list names twice, in whatever spelling."""

    def __init__(self) -> None:
        self._files, self._rows = SameFile(), dict[str, Row]()

    def add(self, clip: Clip, row: Row) -> None:
        if before := self._files.first(clip):
            line = self._rows[before.listed].line
            raise row.error(f"{clip.path.name} is listed twice (first in line {line})")
        self._rows[clip.listed] = row


def _check_label(row: Row, known: Row) -> None:
    said, other = row.get("scene_label"), known.get("scene_label")
    if said and other and said != other:
        raise row.error(f"{row[FILE]} is {said!r} here and {other!r} in {known.place}")


def open_list(table: Path) -> SceneDataset:
    """Open recordings by a list of their names: a column `filename` or `path`, or a name a line.

    Raises:
        ValueError: no names, or one file in two rows of a table.
    """
    finder = Finder(table)
    is_plain = table.suffix.lower() in PLAIN_LISTS
    clips = _of_lines(table, finder) if is_plain else _of_rows(table, finder)
    if not clips:
        raise ValueError(f"{table}: lists no recordings")
    return _dataset(table.stem, finder.root, tuple(clips))


def _of_lines(table: Path, finder: Finder) -> list[Clip]:
    """Recordings of a name a line, each once."""
    clips, files = list[Clip](), SameFile()
    for number, line in enumerate(read_text(table).splitlines(), 1):
        if written := line.strip():
            row = Row(table, number, {FILE: written})
            clip = Clip(_found(finder, row, FILE), "", TEST_FOLD, listed=row.place)
            clips += [clip] if files.first(clip) is None else []
    return clips


def _of_rows(table: Path, finder: Finder) -> list[Clip]:
    column = FILE if FILE in (columns_or_none(table) or ()) else "path"
    clips, seen = list[Clip](), _Listed()
    for row in by_unique(read_table(table, (column,)), column).values():
        clip = _clip(_found(finder, row, column), row)
        seen.add(clip, row)
        clips.append(clip)
    return clips


def _found(finder: Finder, row: Row, column: str) -> Path:
    try:
        return finder.find(row[column])
    except ValueError as error:
        raise row.error(str(error)) from None


def open_loose(folder: Path) -> SceneDataset:
    """Open all recordings below a folder.

    Raises:
        ValueError: there are none.
    """
    clips = tuple(Clip(path, "", TEST_FOLD) for path in audio_in(folder))
    if not clips:
        raise ValueError(f"{folder}: no recordings")
    return _dataset(folder.resolve().name, folder, clips)


def _clip(path: Path, row: Row, meta: Row | None = None, other: Row | None = None) -> Clip:
    """A listed recording, and what other tables know of it; its scene is the list's or meta's."""
    rows = [r for r in (row, meta, other) if r is not None]
    device = next((found for name in DEVICES for r in rows if (found := r.get(name))), "")
    place, of_name = place_and_device(path)
    return Clip(
        path=path,
        label=next((found for r in rows[:2] if (found := r.get("scene_label"))), ""),
        fold=TEST_FOLD,
        device=device or of_name,
        group=next((found for r in rows if (found := r.get("identifier"))), place),
        listed=row.place,
    )


def _dataset(name: str, root: Path, clips: tuple[Clip, ...]) -> SceneDataset:
    labels = tuple(sorted({clip.label for clip in clips} - {""}))
    is_tau = bool(labels) and set(labels) <= set(TAU_SCENES)
    mapping: Mapping[str, str] = TAU_ABSTRACT if is_tau else {}
    return SceneDataset(
        name=name,
        root=root,
        clips=clips,
        labels=TAU_SCENES if is_tau else labels,
        abstract_labels=tuple(TAU_GROUPS) if is_tau else (),
        clip_s=usual_length_s(clips),
        license_note=license_note(root),
        abstract_map=mapping,
        test_folds=(TEST_FOLD,),
    )
