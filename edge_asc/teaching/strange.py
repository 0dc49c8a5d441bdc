"""What must get no name: everyday sounds of the bank, quiet rooms, and the user's own background.

The bank comes with the encoder: embeddings of a few hundred recordings, in the integers of the
encoder's output. `recipes/teach/bank.py` makes it. Letters: N sounds, D numbers of an embedding.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_asc.audio.microphones.quiet import quiet_rooms as quiet_sounds
from edge_asc.runtime.sessions import dequantize
from edge_asc.teaching.encoder import OWN, Encoder

BACKGROUND = ("_background", "background", "other", "noise")  # folders that are no class
BANK = OWN.with_name("bank.npz")
QUIET_DB = (
    -96.0,
    -90.0,
    -84.0,
    -78.0,
    -72.0,
    -66.0,
    -60.0,
)  # of full scale: rooms in which nothing happens


@dataclass(frozen=True)
class Strange:
    """Embeddings of sounds that are none of the classes.

    Args:
        embeddings: `[N, D]`, float32.
        groups: the recording of each, `[N]`.
    """

    embeddings: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.groups)


def read_bank(encoder: Encoder, path: Path = BANK) -> Strange:
    """The bank of an encoder; empty for any encoder but the one it was made with."""
    if path.is_file():
        with np.load(path) as held:
            if str(held["encoder"]) == encoder.digest:
                grid = encoder.graph.grids[encoder.value]
                numbers = dequantize(held["embeddings"], grid.scale, grid.zero_point)
                return Strange(numbers, held["groups"].astype(np.int64))
    return Strange(np.zeros((0, encoder.size), np.float32), np.zeros(0, np.int64))


def quiet_rooms(encoder: Encoder) -> np.ndarray:
    """Embeddings `[N, D]` of digital silence and of faint noise of several colours."""
    rate_hz = encoder.frontend.sample_rate_hz
    sounds = quiet_sounds(round(encoder.window_s * rate_hz), rate_hz, QUIET_DB)
    return np.concatenate([encoder.embeddings(sound) for sound in sounds])
