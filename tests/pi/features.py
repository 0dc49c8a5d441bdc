"""What the front end computes here.

    python features.py MODEL FOLDER OUT.npz

Raw features of each clip in the folder, by the model's front end, under the clip's name.
"""

import sys
from pathlib import Path

import numpy as np

from edge_asc.audio.decode import load_audio
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import read_metadata


def main(model: Path, folder: Path, out: Path) -> None:
    """Write them."""
    frontend = FrontEnd.from_dict(read_metadata(model).frontend)
    rate_hz = frontend.sample_rate_hz
    found = {path.stem: frontend.raw(load_audio(path, rate_hz)) for path in folder.glob("*.wav")}
    np.savez(out, numpy=np.array(np.__version__), **found)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
