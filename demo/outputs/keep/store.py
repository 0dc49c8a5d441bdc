"""The folder of kept clips: a ring of those nobody has named, and those that were given a label.

    DIR/clips/ID.flac                           not named yet: the oldest make room for new ones
    DIR/labelled/LABEL/RECORDING/ID.flac        named, as `edge-asc teach DIR/labelled` reads it
    DIR/deleted/ID.flac                         gone within ten minutes, unless it is put back
    DIR/index.jsonl, DIR/.lock                  what was decided about each; who may write
    DIR/models                                  taught here, see `edge_asc.demo.learning`

Where a clip lies is what it is: to label it is to rename it, which a power cut cannot tear. Who
changes the folder holds its lock: a live classifier and a review work side by side.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from edge_asc.audio.decode import AudioError, load_audio, probe
from edge_asc.demo.outputs.keep import index
from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.lock import locked
from edge_asc.demo.outputs.keep.names import (
    SUFFIX,
    checked_label,
    id_of,
    is_id,
    recordings,
    time_of,
)
from edge_asc.files import atomic_write

CLIPS, LABELLED, DELETED = "clips", "labelled", "deleted"
UNDO_S = 600.0  # for which a deleted clip can be put back
_BLOCK_BYTES = 4096  # a file takes whole blocks of a disk
_DEAD = 100  # lines of the index that no clip belongs to any more, before it is written anew
DAY_S = 86400.0


class Full(Exception):
    """Clips with labels fill the folder; they are not deleted to make room."""


@dataclass(frozen=True)
class Limits:
    """How much is kept, and how long."""

    n_bytes: int  # of all files in the folder
    age_s: float  # of clips without a label


@dataclass(frozen=True)
class Clip:
    """A kept clip as it lies there."""

    kept: Kept
    path: Path
    label: str | None = None
    deleted: bool = False

    @property
    def id(self) -> str:
        """Its name."""
        return self.kept.id


class Store:
    """The clips in a folder.

    Raises:
        ValueError: the folder is none of kept clips.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock, self._index = folder / ".lock", folder / "index.jsonl"
        self._n_dead = 0  # lines of the index, as far as this object made them so
        if not self._lock.is_file():
            raise ValueError(f"{folder}: no folder of clips that edge-asc live --keep has made")

    @classmethod
    def make(cls, folder: Path) -> "Store":
        """The clips in a folder, which is made if it does not exist.

        Raises:
            ValueError: it holds something else.
            OSError: it cannot be made.
        """
        # A home's sounds are not for the other users of the machine.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / ".lock").exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: holds other files; give a folder of its own")
        (folder / ".lock").touch()
        return cls(folder)

    @property
    def labelled(self) -> Path:
        """The folder that `edge-asc teach` takes."""
        return self.folder / LABELLED

    # ------------------------------------------------------------------------- what there is

    def clips(self) -> list[Clip]:
        """All but the deleted ones, the newest first.

        Raises:
            OSError: the folder cannot be read.
        """
        with self._locked():
            known = index.read(self._index)
            found = [_clip(self.folder, path, known) for path in self._paths()]
        kept = (clip for clip in found if not clip.deleted)
        return sorted(kept, key=lambda clip: (clip.kept.time_s, clip.id), reverse=True)

    def clip(self, clip_id: str) -> Clip:
        """One of them, or a deleted one, by the file alone: the index is not asked.

        Raises:
            ValueError: there is none of that name.
        """
        if is_id(clip_id):
            name = clip_id + SUFFIX
            flat = (self.folder / place / name for place in (CLIPS, DELETED))
            for path in (*flat, *self.labelled.glob(f"*/*/{name}")):
                if path.is_file():
                    return _clip(self.folder, path, {})
        raise ValueError(f"no clip {clip_id!r} in {self.folder}")

    def used_bytes(self) -> int:
        """Of all files, in whole blocks."""
        return sum(_on_disk(size) for _, size in _sizes(self.folder))

    # ------------------------------------------------------------------------- what is done

    def label(self, clip_id: str, label: str | None) -> Clip:
        """Say what a clip is, or with None that this is open; the clip as it was before.

        Raises:
            ValueError: no such clip, or not a label.
            OSError: the folder cannot be written.
        """
        label = None if label is None else checked_label(label)
        with self._locked():
            return self._move(clip_id, lambda was: replace(was, label=label, deleted=False))

    def delete(self, clip_id: str) -> Clip:
        """Delete a clip; for a few minutes it can be put back. The clip as it was before.

        Raises:
            ValueError: no such clip.
            OSError: the folder cannot be written.
        """
        with self._locked():
            return self._move(clip_id, lambda was: replace(was, label=None, deleted=True))

    def put_back(self, was: Clip) -> None:
        """Undo: have a clip as it was before.

        Raises:
            ValueError: it is gone.
            OSError: the folder cannot be written.
        """
        with self._locked():
            self._move(was.id, lambda _: was)

    def forget(self, clip_id: str) -> None:
        """Delete a clip for good, if it has been deleted."""
        with self._locked():
            (self.folder / DELETED / (clip_id + SUFFIX)).unlink(missing_ok=True)

    def _move(self, clip_id: str, wanted: Callable[[Clip], Clip]) -> Clip:
        was = self.clip(clip_id)
        to = wanted(was)
        if (to.label, to.deleted) == (was.label, was.deleted):
            return was
        if to.label is None:
            self._rename(was.path, self.folder / (DELETED if to.deleted else CLIPS))
        else:
            self._rename(was.path, self.labelled / to.label / clip_id)
        if to.deleted:
            os.utime(self.folder / DELETED / was.path.name)  # the undo's time begins
        for label in {to.label, was.label} - {None}:
            self._group(str(label))
        return was

    def _group(self, label: str) -> None:
        """Put each clip of a label into the folder of its recording; leave no folder empty."""
        folder = self.labelled / label
        paths = {path.stem: path for path in folder.glob(f"*/*{SUFFIX}") if is_id(path.stem)}
        for clip_id, recording in recordings(paths).items():
            if paths[clip_id].parent.name != recording:
                self._rename(paths[clip_id], folder / recording)
        with suppress(OSError):  # what is not empty stays
            for recording_folder in folder.iterdir():
                with suppress(OSError):
                    recording_folder.rmdir()
            folder.rmdir()

    def _rename(self, path: Path, folder: Path) -> None:
        for new in reversed([folder, *folder.parents]):
            if self.folder in new.parents and not new.is_dir():
                new.mkdir()
                self._own(new)
        path.replace(folder / path.name)

    def _own(self, path: Path) -> None:
        """What root does here must not lock out the service, whose folder it is."""
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    # ------------------------------------------------------------------------- the ring

    def add(self, kept: Kept, content: bytes, limits: Limits) -> Clip:
        """Keep a clip; the oldest ones without a label make room for it.

        Args:
            kept: what was decided about it, without a name.
            content: the bytes of its file.
            limits: of the folder.

        Raises:
            Full: there is no room that could be made.
            OSError: it could not be written; nothing of it was.
        """
        with self._locked():
            kept = msgspec.structs.replace(kept, id=self._free_id(kept.time_s))
            line_bytes = _on_disk(len(index.to_line(kept))) + _BLOCK_BYTES
            self._tidy_index(limits)
            self._make_room(_on_disk(len(content)) + line_bytes, limits)
            path = self.folder / CLIPS / (kept.id + SUFFIX)
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                index.append(self._index, kept)
            except OSError:
                path.unlink(missing_ok=True)
                raise
        return Clip(kept, path)

    def expire(self, limits: Limits) -> None:
        """Delete what is too old, or was deleted long enough ago, or is above the limit.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._locked():
            self._expire(limits)
            self._make_room(0, limits)

    def reconcile(self, limits: Limits | None = None) -> None:
        """Make good what a crash has left: half files, clips without a line, lines without a clip.

        Args:
            limits: of the folder; None: whoever keeps clips there sees to them.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._locked():
            for path, _ in _sizes(self.folder):
                if _is_half(self.folder, path):
                    path.unlink(missing_ok=True)
            for label in self.labelled.iterdir() if self.labelled.is_dir() else ():
                self._group(label.name)
            known = index.read(self._index)
            there = {path.stem: path for path in self._paths()}
            for path in [path for clip_id, path in there.items() if clip_id not in known]:
                if path.parent.name == CLIPS and not _is_whole(path):
                    path.unlink()  # a clip with a line was whole, on the disk, before its line
                    del there[path.stem]
            self._n_dead = len(known.keys() - there.keys())
            if limits is None:
                return
            self._expire(limits)
            self._make_room(0, limits)
            self._tidy_index(limits)
            for clip_id, path in there.items():
                if clip_id not in known and path.exists() and self._has_room(limits):
                    index.append(self._index, _unknown(path))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, which nobody makes anew: where it is gone, the folder is another one."""
        with locked(self._lock):
            yield

    def _paths(self) -> Iterator[Path]:
        """The files of all clips, wherever they lie."""
        for path, _ in _sizes(self.folder):
            parts = path.relative_to(self.folder).parts
            depth = {CLIPS: 2, DELETED: 2, LABELLED: 4}.get(parts[0])
            if len(parts) == depth and path.suffix == SUFFIX and is_id(path.stem):
                yield path

    def _free_id(self, time_s: float) -> str:
        taken = {path.stem for path in self._paths()}
        number = 1
        while (clip_id := id_of(time_s, number)) in taken:
            number += 1
        return clip_id

    def _expire(self, limits: Limits) -> None:
        now_s = time.time()
        for path in self._ring():
            deleted = path.parent.name == DELETED
            from_s = path.stat().st_mtime if deleted else time_of(path.stem)
            if now_s - from_s > (UNDO_S if deleted else limits.age_s):
                self._drop(path)

    def _ring(self) -> list[Path]:
        """What may go, in the order in which it goes."""
        found = [(self.folder / place).glob(f"*{SUFFIX}") for place in (DELETED, CLIPS)]
        by_time = (sorted(paths, key=lambda path: path.stem) for paths in found)
        return [path for paths in by_time for path in paths if is_id(path.stem)]

    def _drop(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._n_dead += 1

    def _make_room(self, n_bytes: int, limits: Limits) -> None:
        over = self.used_bytes() + n_bytes - limits.n_bytes
        if over <= 0:
            return
        ring = [(path, _on_disk(path.stat().st_size)) for path in self._ring()]
        if n_bytes and sum(size for _, size in ring) < over:
            raise Full
        for path, size in ring:
            if over <= 0:
                break
            self._drop(path)
            over -= size

    def _has_room(self, limits: Limits) -> bool:
        return self.used_bytes() + 2 * _BLOCK_BYTES <= limits.n_bytes

    def _tidy_index(self, limits: Limits) -> None:
        """Write the index anew without the clips that are gone; both lie there for a moment."""
        if self._n_dead < _DEAD or not self._index.exists():
            return
        with suppress(Full):
            self._make_room(_on_disk(self._index.stat().st_size), limits)
            there, lines = {path.stem for path in self._paths()}, index.read(self._index)
            index.rewrite(self._index, [kept for name, kept in lines.items() if name in there])
            self._n_dead = 0


def _clip(folder: Path, path: Path, known: dict[str, Kept]) -> Clip:
    parts = path.relative_to(folder).parts
    label = parts[1] if parts[0] == LABELLED else None
    kept = known.get(path.stem) or _unknown(path)
    return Clip(kept, path, label, parts[0] == DELETED)


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder, with its size; one that vanishes meanwhile is passed over.

    Teaching works in a hidden folder, on files that are counted where they lie.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            with suppress(FileNotFoundError):
                path = Path(parent, name)
                yield path, path.lstat().st_size


def _on_disk(n_bytes: int) -> int:
    return -(-n_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def _is_half(folder: Path, path: Path) -> bool:
    """Whether it is a file of ours that was being written: `files.atomic_write` names them so."""
    own = path.parent in (folder, folder / CLIPS)
    return own and path.name.startswith(".") and path.name != ".lock"


def _is_whole(path: Path) -> bool:
    try:
        load_audio(path, probe(path).sample_rate_hz)
    except AudioError:
        return False
    return True


def _unknown(path: Path) -> Kept:
    """What a clip without a line says of itself."""
    try:
        seconds = probe(path).duration_s
    except AudioError:  # a person decides what becomes of it
        seconds = 0.0
    return Kept(id=path.stem, time_s=time_of(path.stem), seconds=seconds)
