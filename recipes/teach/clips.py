"""A table that `edge-asc teach` takes: twelve clips each of four classes, few_shot.py's first draw.

    clips.py ESC50 TABLE.csv

Needs recipes/ on PYTHONPATH.
"""

import csv
import sys
from pathlib import Path

from few_shot import draw, own_classes

CLIPS = 12


def main(esc50: Path, table: Path) -> None:
    """Write path, label and recording of each clip."""
    clips, _ = draw(own_classes(esc50), CLIPS, number=0)
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        writer.writerows([clip.path.resolve(), clip.label, clip.recording] for clip in clips)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
