"""What goes over the socket: JSON as text; frames and audio as bytes behind one short header.

The header: kind, level and peak in dBFS of the audio since the message before, and the number of
the first frame, little-endian; then frames `[k, M]` of one byte each, or 16-bit mono samples.
"""

import struct
from typing import NamedTuple

import numpy as np

from edge_asc.demo.events import SILENCE_DBFS

HEADER = struct.Struct("<Iffd")
FRAMES, AUDIO = 1, 2


class Message(NamedTuple):
    """What a browser gets; audio only if it listens."""

    data: str | bytes
    audio: bool = False


def frames_message(
    first: int, frames: bytes, level_dbfs: float = SILENCE_DBFS, peak_dbfs: float = SILENCE_DBFS
) -> Message:
    """Frames `[k, M]` from number `first` on."""
    return Message(HEADER.pack(FRAMES, level_dbfs, peak_dbfs, first) + frames)


def audio_message(samples: np.ndarray) -> Message:
    """Samples `[n]`, float, full scale 1."""
    integers = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    header = HEADER.pack(AUDIO, SILENCE_DBFS, SILENCE_DBFS, 0)
    return Message(header + integers.tobytes(), audio=True)
