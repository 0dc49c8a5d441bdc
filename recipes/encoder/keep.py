"""Keeps a run's checkpoint for going on: averaged weights, without the optimiser's moments.

    keep.py OUT FOLDER

OUT is a folder of train.py. FOLDER gets `student.ckpt`, a quarter of its size, and `answers.pt`.
"""

import shutil
import sys
from pathlib import Path

from student import Checkpoint


def keep(out: Path, folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    Checkpoint.load(out / "student.ckpt").without_moments().save(folder / "student.ckpt")
    shutil.copyfile(out / "answers.pt", folder / "answers.pt")


if __name__ == "__main__":
    keep(*map(Path, sys.argv[1:]))
