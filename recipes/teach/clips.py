"""A table that `edge-asc teach` takes: twelve clips each of four classes, few_shot.py's first draw.

    clips.py ESC50 TABLE.csv [--forty]    --forty: four clips each of all forty, for the bytes

Needs recipes/ on PYTHONPATH.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from few_shot import TEST_FOLD, draw, own_classes

from edge_asc.data.dataset import Clip

CLIPS, CLIPS_OF_FORTY = 12, 4


def of_forty(clips: Sequence[Clip]) -> list[Clip]:
    """So many clips of every class, each of another recording."""
    found: dict[str, dict[str, Clip]] = defaultdict(dict)
    for clip in clips:
        if clip.fold != TEST_FOLD:
            found[clip.label].setdefault(clip.recording, clip)
    return [clip for one in found.values() for clip in list(one.values())[:CLIPS_OF_FORTY]]


def main(esc50: Path, table: Path, *options: str) -> None:
    """Write path, label and recording of each clip."""
    known = own_classes(esc50)
    clips = of_forty(known) if options == ("--forty",) else draw(known, CLIPS, number=0)[0]
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group"])
        writer.writerows([clip.path.resolve(), clip.label, clip.recording] for clip in clips)


if __name__ == "__main__":
    esc50, table, *options = sys.argv[1:]
    main(Path(esc50), Path(table), *options)
