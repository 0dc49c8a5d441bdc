"""A folder of recordings for each class; above them there may be folders for folds or splits."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_asc.audio.found import audio_in, files_in, is_audio, is_visible
from edge_asc.audio.suffixes import UNREADABLE_SUFFIXES
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.layouts.columns import suggestion
from edge_asc.data.layouts.own import composed, own_dataset, without_doubles
from edge_asc.data.layouts.splits import TEST_FOLD, folds_of, is_side, is_split, is_wrapper
from edge_asc.data.layouts.table import columns_or_none, is_answers

NO_CLASS = "in no class folder"
UNREADABLE = "of a format that nothing here reads"
FEW, DEPTH = 20, 2  # folders in one, and how far below a split is looked for
DOUBLE = "another name of a file that is there"


@dataclass
class _Found:
    """What is gathered on the way."""

    clips: list[Clip] = field(default_factory=list)
    left_out: dict[str, list[Path]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, paths: list[Path]) -> None:
        if paths:
            self.left_out.setdefault(reason, []).extend(paths)


def open_folders(root: Path) -> SceneDataset | None:
    """Open a folder that holds one folder of audio files for each class; None where it holds none.

    A folder inside a class folder is one recording; a file directly in it is one of its own.
    Folders `fold1`, … or `train`, `val`, `test` above the class folders are folds. A single folder
    above them all is looked into where it has a name like `audio`, or holds sides of a split
    (BioDCASE: `Development_Set/Train`, `Development_Set/Validation`).

    Raises:
        ValueError: folds without class folders, or some folds among classes; or a file stands under
            two labels.
    """
    found = _Found()
    inner = _looked_into(root, found)
    tops = folders_with_audio(inner)
    folds = folds_of([top.name for top in tops])
    if folds is None:
        _check_mixed(inner, tops)
        _note_same_folders(inner, tops, found)
        for top in tops:
            _add_class(top, None, "", found)
    else:
        _add_sides(inner, tops, folds, found)
    found.leave_out(NO_CLASS, _loose(inner))
    _leave_out_unreadable(root, found)
    clips, doubles = without_doubles(found.clips)
    found.leave_out(DOUBLE, doubles)
    if not clips:
        return None
    return own_dataset(
        root.resolve().name,
        root,
        clips,
        test_folds=(TEST_FOLD,) if folds is not None and is_split(folds) else (),
        left_out=found.left_out,
        notes=found.notes,
    )


def recordings_by_class(root: Path) -> dict[str, int]:
    """How many recordings each folder in a folder holds, whatever its name."""
    counts = {}
    for top in folders_with_audio(root):
        names = {_recording(path, top) for path in audio_in(top)}
        counts[composed(top.name)] = len(names)
    return counts


def has_class_folders(root: Path) -> bool:
    """Whether folders in a folder hold recordings."""
    return root.is_dir() and bool(folders_with_audio(root))


def passed_over(root: Path) -> dict[str, int]:
    """What below a folder is no sound: hidden files, and others by their ending."""
    hidden: list[Path] = []
    others = [path for path in files_in(root, hidden) if not is_audio(path)]
    counts = Counter(path.suffix.lower() or "no ending" for path in others)
    for suffix in UNREADABLE_SUFFIXES:
        counts.pop(suffix, None)  # they are left out
    return {**({"hidden": len(hidden)} if hidden else {}), **dict(sorted(counts.items()))}


def _looked_into(root: Path, found: _Found) -> Path:
    """The folder that holds the class folders: this one, or a single one that is no class."""
    tops = folders_with_audio(root)
    while len(tops) == 1 and (is_wrapper(tops[0].name) or _sides_in(tops[0])):
        inner = folders_with_audio(tops[0])
        if not inner:
            _refuse_unsorted(root, tops)
        found.notes.append(f"the folders in {tops[0].name}/ are taken for classes or folds")
        found.leave_out(NO_CLASS, _loose(root))
        root, tops = tops[0], inner
    return root


def _sides_in(folder: Path) -> list[Path]:
    """Sides of a split that a folder holds, with class folders in them."""
    inner = folders_with_audio(folder)
    return [side for side in inner if is_side(side.name) and folders_with_audio(side)]


def _split_below(folder: Path, depth: int) -> Path | None:
    """A folder with two sides of a split, this one or not far below; None where there is none."""
    if len(_sides_in(folder)) > 1:
        return folder
    inner = folders_with_audio(folder) if depth else []
    few = inner if len(inner) <= FEW else []  # a class may hold a folder for each recording
    return next((split for top in few if (split := _split_below(top, depth - 1))), None)


def _add_sides(root: Path, tops: list[Path], folds: dict[str, int | None], found: _Found) -> None:
    """Class folders inside folders of folds or splits."""
    inner = {top: folders_with_audio(top) for top in tops}
    if not any(inner.values()):
        _refuse_unsorted(root, tops)
    for top in tops:
        if len(held := _sides_in(top)) > 1:
            sides = ", ".join(side.name for side in held)
            raise ValueError(f"{top} holds a split of its own ({sides}): give --data {top}")
        found.leave_out(NO_CLASS, _loose(top))
        for folder in inner[top]:
            _add_class(folder, folds[top.name], f"{top.name}/", found)
    names = ", ".join(top.name for top in tops)
    if set(folds.values()) == {None}:
        found.notes.append(f"{names}: taken for one side of a split, its folders for classes")
    else:
        numbers = ", ".join(f"{name} is fold {fold}" for name, fold in folds.items())
        found.notes.append(f"taken for folds, their folders for classes: {numbers}")


def _add_class(folder: Path, fold: int | None, prefix: str, found: _Found) -> None:
    label = composed(folder.name)
    for path in audio_in(folder):
        group = f"{prefix}{label}/{_recording(path, folder)}"
        found.clips.append(Clip(path, label, fold, group=group))


def _recording(path: Path, class_folder: Path) -> str:
    parts = path.relative_to(class_folder).parts
    return parts[0] if len(parts) > 1 else path.stem


def folders_with_audio(folder: Path) -> list[Path]:
    """Folders in a folder that hold recordings, in order."""
    visible = (path for path in sorted(folder.iterdir()) if is_visible(path.name))
    return [path for path in visible if path.is_dir() and _has_audio(path)]


def _has_audio(folder: Path) -> bool:
    return any(is_audio(path) for path in files_in(folder))


def _loose(folder: Path) -> list[Path]:
    """Recordings directly in a folder."""
    files = (path for path in sorted(folder.iterdir()) if is_visible(path.name))
    return [path for path in files if is_audio(path) and not path.is_dir()]


def _leave_out_unreadable(root: Path, found: _Found) -> None:
    names = [path for path in files_in(root) if path.suffix.lower() in UNREADABLE_SUFFIXES]
    found.leave_out(UNREADABLE, names)


def _check_mixed(root: Path, tops: list[Path]) -> None:
    """Refuse folders of a split among others that are no side of one."""
    sides = [top for top in tops if is_side(top.name)]
    shared = [{folder.name for folder in folders_with_audio(side)} for side in sides]
    if len(sides) > 1 and (common := sorted(set.intersection(*shared))):
        others = ", ".join(top.name for top in tops if top not in sides)
        raise ValueError(
            f"{root}: {', '.join(side.name for side in sides)} look like a split (each holds"
            f" {', '.join(common[:3])}), {others} like a class; move it, or give a table"
        )


def _note_same_folders(root: Path, tops: list[Path], found: _Found) -> None:
    """Say where the scenes may be one level further down."""
    inner = [{folder.name for folder in folders_with_audio(top)} for top in tops]
    names = ", ".join(top.name for top in tops[:3])
    if split := next((s for top in tops if (s := _split_below(top, DEPTH))), None):
        sides = ", ".join(side.name for side in _sides_in(split))
        found.notes.append(f"{names}: taken for scenes; {split} holds a split ({sides}): give it")
    elif len(tops) == 1 and len(inner[0]) > 1:
        where = f"give {tops[0]} if the folders in it are the scenes"
        found.notes.append(f"{names} is taken for the only scene; {where}")
    elif len(tops) > 1 and len(inner[0]) > 1 and all(folders == inner[0] for folders in inner):
        same = ", ".join(sorted(inner[0])[:3])
        found.notes.append(
            f"{names} are taken for scenes, and all hold the folders {same}; if those are the"
            " scenes, a table must say so"
        )


def _refuse_unsorted(root: Path, tops: list[Path]) -> None:
    """Say that nothing tells the scenes apart, and what to write.

    Raises:
        ValueError: always.
    """
    names = ", ".join(top.name for top in tops[:4])
    problem = f"{root}: {names} hold recordings, but no folder for each scene"
    near = next(_tables_near(root), None)
    if near is None:
        raise ValueError(f"{problem}; give a CSV table with the columns path and label")
    table, columns = near
    raise ValueError(f"{problem}; if {table} lists them: --data {table} {suggestion(columns)}")


def _tables_near(root: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for folder in (root, root / "meta", root / "metadata", root.parent, root.parent / "metadata"):
        for table in sorted(folder.glob("*.[ct]sv")):
            if (columns := columns_or_none(table)) and not is_answers(table):
                yield table, columns
