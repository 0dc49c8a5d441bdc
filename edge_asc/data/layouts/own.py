"""What data sets of one's own have in common: folds, labels, length, and one label for a file."""

import os
import statistics
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_asc.audio.decode import AudioError, probe
from edge_asc.data.dataset import Clip, SceneDataset, assign_folds
from edge_asc.files import utf8

N_PROBED = 16  # files looked at to tell how long a clip of an unknown data set is


def own_dataset(
    name: str,
    root: Path,
    clips: Sequence[Clip],
    abstract_map: Mapping[str, str] | None = None,
    *,
    test_folds: tuple[int, ...] = (),
    left_out: Mapping[str, Sequence[Path]] | None = None,
    notes: Sequence[str] = (),
) -> SceneDataset:
    """A data set of clips; folds are given to all where none has one.

    Args:
        name: of the data set.
        root: its folder.
        clips: one at least.
        abstract_map: scene → abstract class, or empty.
        test_folds: the folds that may be tested; () for every one.
        left_out: recordings that are no clips, by reason.
        notes: lines on what the layout was taken for.
    """
    if all(clip.fold is None for clip in clips):
        clips, test_folds = assign_folds(clips), ()
    mapping = dict(abstract_map or {})
    return SceneDataset(
        name=utf8(name),
        root=root,
        clips=tuple(clips),
        labels=tuple(sorted({clip.label for clip in clips})),
        abstract_labels=tuple(sorted(set(mapping.values()))),
        clip_s=usual_length_s(clips),
        license_note=license_note(root),
        abstract_map=mapping,
        test_folds=test_folds,
        left_out={reason: tuple(paths) for reason, paths in (left_out or {}).items() if paths},
        notes=tuple(notes),
    )


def usual_length_s(clips: Sequence[Clip]) -> float:
    """Median length in seconds, to 0.1 s, of a few clips spread over the list; 0 if none reads."""
    step = max(1, len(clips) // N_PROBED)
    lengths = []
    for clip in clips[::step]:
        with suppress(AudioError):  # `check_dataset` reports it
            lengths.append(probe(clip.path).duration_s)
    return max(0.1, round(statistics.median(lengths), 1)) if lengths else 0.0


def composed(label: str) -> str:
    """A name as everybody writes it: é may come as one character, or as e and an accent.

    Bytes of a folder's name that are no text are spelled out: models hold their labels as text.
    """
    return unicodedata.normalize("NFC", utf8(label))


class SameFile:
    """Tells when two paths name one file: written otherwise, or through links."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._seen: dict[str, Clip] = {}

    def first(self, clip: Clip) -> Clip | None:
        """The clip of the same file that came before; None where this one is the first."""
        before = self._seen.setdefault(self._key(clip.path), clip)
        return None if before is clip else before

    def is_new(self, path: Path) -> bool:
        """Whether no clip of this file came before."""
        return self._key(path) not in self._seen

    def _key(self, path: Path) -> str:
        """The place of a file without links."""
        if path.is_symlink():
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


def without_doubles(clips: Iterable[Clip]) -> tuple[list[Clip], list[Path]]:
    """Clips of different files, and the further names of those that stand there already.

    Raises:
        ValueError: a file stands under two labels.
    """
    seen, kept, doubles = SameFile(), [], []
    for clip in clips:
        before = seen.first(clip)
        if before is None:
            kept.append(clip)
        elif before.label == clip.label:
            doubles.append(clip.path)
        else:
            other = f"{before.path} is the same file under {before.label!r}"
            raise ValueError(f"{clip.path}: {clip.label!r} here; {other}")
    return kept, doubles


def license_note(root: Path) -> str:
    """The first line of a folder's licence, which says what its recordings may be used for."""
    for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
        if (root / name).is_file():
            lines = (root / name).read_text("utf-8", errors="replace").splitlines()
            return next((line.strip("# ").strip() for line in lines if line.strip("# ")), "")
    return "licence not stated"
