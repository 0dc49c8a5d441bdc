"""A set to be tested on alone: a task's evaluation set, a list, a folder of recordings.

It may have labels or none; recordings without one have the label "".
"""

from collections.abc import Mapping
from pathlib import Path

from edge_asc.audio.found import audio_in
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.labels import TAU_ABSTRACT, TAU_GROUPS, TAU_SCENES
from edge_asc.data.layouts.find_audio import Finder
from edge_asc.data.layouts.folders import folders_with_audio
from edge_asc.data.layouts.own import usual_length_s
from edge_asc.data.layouts.splits import TEST_FOLD, is_wrapper
from edge_asc.data.layouts.table import Row, by_unique, columns_or_none, read_table
from edge_asc.data.layouts.tau import TRAIN_LIST, place_and_device

SETUP = ("evaluation_setup", ".")
NAMES = ("fold1_evaluate.csv", "fold1_test.csv")
FILE = "filename"
DEVICES = ("source_label", "device_id", "device")  # columns that name the recording device
PLAIN_LISTS = (".txt", ".lst")


def test_list_of(folder: Path) -> Path | None:
    """The list of a set that has one for tests and none for training; None of other folders."""
    if (folder / TRAIN_LIST).exists() or (folder / "fold1_train.csv").exists():
        return None
    places = (folder / setup / name for setup in SETUP for name in NAMES)
    found = next((p for p in places if p.is_file() and FILE in (columns_or_none(p) or ())), None)
    return None if found is None or _knows_others(folder / "meta.csv", found) else found


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
    rows = by_unique(read_table(table, (FILE,)), FILE)
    meta = root / "meta.csv"
    known = by_unique(read_table(meta, (FILE,)), FILE) if meta.is_file() else {}
    clips = tuple(_clip(root / name, row, known.get(name, row)) for name, row in rows.items())
    if not clips:
        raise ValueError(f"{table}: lists no clips")
    labelled = [clip for clip in clips if clip.label]
    if labelled and len(labelled) < len(clips):
        odd = next(clip for clip in clips if not clip.label)
        raise ValueError(f"{table}: {odd.path.name} has no scene_label, others have one")
    return _dataset(root.resolve().name, root, clips)


def open_list(table: Path) -> SceneDataset:
    """Open recordings by a list of their names: a column `filename` or `path`, or a name a line.

    Raises:
        ValueError: no names, or one of them twice.
    """
    finder = Finder(table)
    if table.suffix.lower() in PLAIN_LISTS:
        lines = [line.strip() for line in table.read_text("utf-8").splitlines()]
        clips = [Clip(finder.find(line), "", TEST_FOLD) for line in dict.fromkeys(lines) if line]
    else:
        column = FILE if FILE in (columns_or_none(table) or ()) else "path"
        rows = by_unique(read_table(table, (column,)), column)
        clips = [_clip(finder.find(name), row, row) for name, row in rows.items()]
    if not clips:
        raise ValueError(f"{table}: lists no recordings")
    return _dataset(table.stem, finder.root, tuple(clips))


def open_loose(folder: Path) -> SceneDataset:
    """Open all recordings below a folder.

    Raises:
        ValueError: there are none.
    """
    clips = tuple(Clip(path, "", TEST_FOLD) for path in audio_in(folder))
    if not clips:
        raise ValueError(f"{folder}: no recordings")
    return _dataset(folder.resolve().name, folder, clips)


def _clip(path: Path, row: Row, known: Row) -> Clip:
    """A listed recording, and what another table knows of it."""
    device = next((found for name in DEVICES for r in (row, known) if (found := r.get(name))), "")
    place, of_name = place_and_device(path)
    return Clip(
        path=path,
        label=row.get("scene_label") or known.get("scene_label"),
        fold=TEST_FOLD,
        device=device or of_name,
        group=row.get("identifier") or known.get("identifier") or place,
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
        license_note="licence not stated",
        abstract_map=mapping,
        test_folds=(TEST_FOLD,),
    )
