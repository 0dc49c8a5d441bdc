"""A day of sound through `edge-asc live`, faster than it sounds, while clips and a log fill a disk.

The listening loop is the real one, as a process of its own; only its time is that of the sound,
which comes from a pipe as fast as it is heard. The disk is a small one in memory.
"""

import os
import sys
from pathlib import Path
from typing import Any

from found import Found

sys.path.append(str(Path(__file__).resolve().parents[1]))
from soak import MAX_GROWTH_BYTES, passed, soak

DISK_BYTES_PER_H = 1_000_000  # a log of every decision alone takes a fifth more
MOST_NOTICES = 10  # what is wrong is said once
MODEL = "esc10-32k"


def day_of_sound(tries: int, seed: int) -> Found:
    """So many hours of sound; the sound is always the same, from other samples on."""
    from edge_asc.runtime.zoo.models import model_path

    os.environ["OMP_NUM_THREADS"] = "1"
    found = Found("a day of sound", tries, seed)
    model, room_bytes = model_path(MODEL), tries * DISK_BYTES_PER_H
    result = soak(model, tries, log=True, keep=True, disk_bytes=room_bytes)
    found.figures |= {key: x for key, x in result.items() if key != "notices"}
    full = [text for text in result["notices"] if "no space left" in text.lower()]
    found.figures |= {"told": result["notices"][:10], "notices": len(result["notices"])}
    wrong = "" if passed(result) else f"{found.figures}"
    if not full:
        wrong = "nobody says that the disk is full"
    if len(result["notices"]) > MOST_NOTICES:
        wrong = f"{len(result['notices'])} notices: {result['notices'][:5]}"
    found.count("ended with the sound", 0, wrong)
    return found


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    f = found["figures"]
    return (
        f"{f['audio_s'] / 3600:g} h in {f['wall_s'] / 60:.0f} min;"
        f" grew by {f['rss_growth_bytes'] / 1e6:.1f} MB of at most {MAX_GROWTH_BYTES / 1e6:g};"
        f" {f['decisions']:,} decisions of {f['due']:,}; {f['notices']} lines on a disk of"
        f" {f['hours'] * DISK_BYTES_PER_H / 1e6:g} MB, and on all else"
    )
