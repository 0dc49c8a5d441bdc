"""Teachers from anywhere: what they answered, by clip, from a file.

Large networks and ensembles of them need not run here, nor be torch's. Their answers are of whole
clips, so they are softened and mixed as the labels are, while teachers that are runs answer for
each batch as the student hears it (`distillation`).
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_asc.data.dataset import Clip
from edge_asc.data.layouts.table import read_table

NAME = "filename"


@dataclass(frozen=True)
class GivenAnswers:
    """Logits by the name of a clip.

    Attributes:
        path: the file they are from.
        sha256: of its bytes.
        logits: `[S]` of each clip, in the order of the data set's scenes.
    """

    path: Path
    sha256: str
    logits: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, path: Path, labels: Sequence[str]) -> "GivenAnswers":
        """Read them from `.npz` (names, logits, perhaps labels) or from a table.

        Raises:
            ValueError: another form, scenes that are not the data set's, or numbers that are none.
            OSError: it cannot be read.
        """
        read = _from_npz if path.suffix.lower() == ".npz" else _from_table
        names, theirs, logits = read(path, labels)
        if sorted(theirs) != sorted(labels):
            raise ValueError(f"{path}: its scenes, {', '.join(theirs)}, are not the data set's")
        if logits.shape != (len(names), len(labels)) or not np.isfinite(logits).all():
            raise ValueError(f"{path}: logits must be {len(names)} x {len(labels)} finite numbers")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{path}: {twice} is there twice")
        ordered = logits[:, [list(theirs).index(label) for label in labels]]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(path, digest, dict(zip(names, ordered, strict=True)))

    def of(self, clips: Sequence[Clip], root: Path) -> np.ndarray:
        """Logits `[N, S]` of clips, by their path below `root`, or by the file's name alone.

        Raises:
            ValueError: some have none; says how many, and the first.
        """
        found, lacking = [], []
        for clip in clips:
            inside = clip.path.relative_to(root) if clip.path.is_relative_to(root) else clip.path
            named = (inside.as_posix(), clip.path.name)
            logits = next((self.logits[name] for name in named if name in self.logits), None)
            lacking += [inside] if logits is None else []
            found.append(logits)
        if lacking:
            raise ValueError(
                f"{self.path}: no answer for {len(lacking)} of {len(clips)} training clips"
                f" ({lacking[0]})"
            )
        return np.asarray(found, np.float32)

    def describe(self) -> dict[str, str]:
        """What run.json says of them."""
        return {"file": str(self.path), "sha256": self.sha256}


Read = tuple[list[str], list[str], np.ndarray]  # names, scenes, logits


class Lacking(Exception):
    """An array that is needed is not there."""


def _from_npz(path: Path, labels: Sequence[str]) -> Read:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if lacking := [name for name in ("names", "logits") if name not in arrays]:
                found = ", ".join(arrays) or "nothing"
                raise Lacking(f"no array {' and no '.join(lacking)} in it (found: {found})")
            names, logits = arrays["names"], np.asarray(arrays["logits"], np.float64)
            theirs = arrays["labels"] if "labels" in arrays else np.array(labels)
    except Lacking as error:
        raise ValueError(f"{path}: {error}") from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no arrays of text and numbers ({error})") from None
    return [str(name) for name in names], [str(label) for label in theirs], logits


def _from_table(path: Path, labels: Sequence[str]) -> Read:
    names, rows = [], []
    for row in read_table(path, (NAME, *labels)):
        names.append(row[NAME])
        try:
            rows.append([float(row[label]) for label in labels])
        except ValueError:
            raise row.error("not a number for each scene") from None
    return names, list(labels), np.array(rows).reshape(len(rows), len(labels))
