"""Generated recordings as a user would have them: a folder per scene, in it one per recording."""

import csv
import shutil
from pathlib import Path

from edge_asc.data.synthetic import write_synthetic

ENCODER = "esc10-32k"  # the smallest that can be taught upon
SCENES = 3
RECORDINGS, PIECES = 3, 2  # of a scene, and clips of a recording


def write_sounds(made: Path, folder: Path) -> None:
    """Fill `folder`; `made` is for what lies in between."""
    with write_synthetic(made, clips_per_class=4 * RECORDINGS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for scene in sorted({row["label"] for row in rows})[:SCENES]:
        for row in rows:
            if row["label"] == scene and int(row["path"][-5]) < PIECES:
                target = folder / scene / row["group"] / Path(row["path"]).name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(made / row["path"], target)
