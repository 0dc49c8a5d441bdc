"""Audio to compare two machines on: twenty clips of five seconds, and a walk through scenes.

    python make_clips.py FOLDER

Computed, no recordings. The walk has another rate than the models, so that a stream is resampled.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile

from edge_asc.data.synthetic import write_synthetic

CLIP_S = 5.0  # the models' window
WALK_HZ = 48000  # of most USB microphones
WALK_SCENES = ("rain", "siren", "knock", "relay")


def main(folder: Path) -> None:
    """Fill the folder: `clips/audio/*.wav` and `walk.wav`."""
    write_synthetic(folder / "clips", clips_per_class=2, clip_s=CLIP_S, sample_rate_hz=44100)
    write_synthetic(folder / "scenes", clips_per_class=1, clip_s=CLIP_S, sample_rate_hz=WALK_HZ)
    parts = [folder / f"scenes/audio/synthetic_{name}-000-0.wav" for name in WALK_SCENES]
    walk = np.concatenate([soundfile.read(path)[0] for path in parts])
    soundfile.write(folder / "walk.wav", walk, WALK_HZ)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
