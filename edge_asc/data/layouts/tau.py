"""TAU Urban Acoustic Scenes 2020 Mobile (10 s clips) and 2022 Mobile (1 s), as published.

File names say it all: `airport-barcelona-203-6129-a.wav` is scene, city, location, segment and
device; 2022 cuts each segment in ten: `airport-barcelona-203-6129-0-a.wav`. City and location are
the recording, so the ten pieces, and what several devices heard at once, stay together.

Official fold 1 trains on one list and tests on another; clips in neither belong to no fold.
"""

from pathlib import Path, PurePosixPath

from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.labels import TAU_ABSTRACT, TAU_GROUPS, TAU_SCENES
from edge_asc.data.layouts.splits import TEST_FOLD, TRAIN_FOLD
from edge_asc.data.layouts.table import Row, by_unique, read_table
from edge_asc.data.train_list import read_names

TRAIN_LIST = "evaluation_setup/fold1_train.csv"
TEST_LISTS = ("evaluation_setup/fold1_evaluate.csv", "evaluation_setup/fold1_test.csv")
LICENSE_NOTE = "TAU Urban Acoustic Scenes (Tampere University): non-commercial use only"
NAME_PARTS = {5: ("TAU 2020 Mobile", 10.0), 6: ("TAU 2022 Mobile", 1.0)}


def open_tau(root: Path, train_list: Path | None) -> SceneDataset:
    """Open a TAU Mobile development set by its folder.

    It holds `evaluation_setup/` and, normally, `meta.csv`; without that table the clips are those
    of the lists, and their names give device and recording. Training clips that `train_list` does
    not name get no fold.

    Raises:
        ValueError: a line with a wrong number of fields, an unknown scene, a name that does not
            follow the pattern, a listed name that `meta.csv` lacks or that is on both sides.
        OSError: a list is missing.
    """
    train = read_names(root / TRAIN_LIST)
    test = read_names(_test_list(root))
    rows = _meta(root) or {**test, **train}
    _check_lists(rows, train, test)
    if train_list is not None:
        train = _part(train, train_list)
    first = next(iter(rows.values()))
    name, clip_s = NAME_PARTS[len(_parts(first))]
    return SceneDataset(
        name=name,
        root=root,
        clips=tuple(_clip(row, root, _fold(file, train, test)) for file, row in rows.items()),
        labels=TAU_SCENES,
        abstract_labels=tuple(TAU_GROUPS),
        clip_s=clip_s,
        license_note=LICENSE_NOTE,
        abstract_map=TAU_ABSTRACT,
        test_folds=(TEST_FOLD,),
        is_uniform=True,
    )


def _test_list(root: Path) -> Path:
    for name in TEST_LISTS:
        if (root / name).is_file():
            return root / name
    raise FileNotFoundError(f"{root / TEST_LISTS[0]}: no such file, it holds the test list")


def _meta(root: Path) -> dict[str, Row]:
    if not (root / "meta.csv").is_file():
        return {}
    return by_unique(read_table(root / "meta.csv", ("filename", "scene_label")), "filename")


def _check_lists(rows: dict[str, Row], train: dict[str, Row], test: dict[str, Row]) -> None:
    for file, listed in (*train.items(), *test.items()):
        if file not in rows:
            raise listed.error(f"{file} is not in meta.csv")
        scene = listed.get("scene_label")
        if scene and scene != rows[file].get("scene_label"):
            raise listed.error(f"{file} is {scene!r} here, not so in {rows[file].place}")
    for file, listed in test.items():
        if file in train:
            raise listed.error(f"{file} is a training clip too ({train[file].place})")


def _part(train: dict[str, Row], train_list: Path) -> dict[str, Row]:
    part = read_names(train_list)
    for file, row in part.items():
        if file not in train:
            raise row.error(f"{file} is not a training clip of fold 1")
    return part


def _fold(file: str, train: dict[str, Row], test: dict[str, Row]) -> int | None:
    if file in test:
        return TEST_FOLD
    return TRAIN_FOLD if file in train else None


def _parts(row: Row) -> list[str]:
    parts = PurePosixPath(row["filename"]).stem.split("-")
    if len(parts) not in NAME_PARTS:
        raise row.error(
            f"{row['filename']!r} does not read scene-city-location-segment[-piece]-device"
        )
    return parts


def place_and_device(path: Path) -> tuple[str, str]:
    """Recording and device, as far as a file of any data set is named like TAU's; else "" twice."""
    parts = path.stem.split("-")
    if len(parts) not in NAME_PARTS or parts[0] not in TAU_ABSTRACT:
        return "", ""
    return f"{parts[1]}-{parts[2]}", parts[-1]


def _clip(row: Row, root: Path, fold: int | None) -> Clip:
    scene, city, location, *_, device = _parts(row)
    scene = row.get("scene_label") or scene
    if scene not in TAU_ABSTRACT:
        raise row.error(f"unknown scene {scene!r}; known are {', '.join(TAU_SCENES)}")
    return Clip(
        path=root / row["filename"],
        label=scene,
        fold=fold,
        device=row.get("source_label") or device,
        group=row.get("identifier") or f"{city}-{location}",
        abstract=TAU_ABSTRACT[scene],
        listed=row.place,
    )
