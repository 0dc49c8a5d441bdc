"""What goes over the socket: JSON as text; frames and audio as bytes behind one short header.

The header: kind, level and peak in dBFS of the audio since the message before, and the number of
the first frame, little-endian; then frames `[k, M]` of one byte each, or 16-bit mono samples.
"""

import struct
from typing import NamedTuple

import numpy as np

from edge_asc.demo.events import SILENCE_DBFS, dbfs

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


class Level:
    """Level and peak of audio since they were last asked for."""

    def __init__(self) -> None:
        self._energy = self._peak = 0.0
        self._n = 0

    def add(self, samples: np.ndarray) -> None:
        """Hear samples `[n]`."""
        self._energy += float(np.dot(samples, samples))
        self._n += len(samples)
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))

    def take(self) -> tuple[float, float]:
        """Give both in dBFS and begin anew."""
        rms, peak = (self._energy / max(self._n, 1)) ** 0.5, self._peak
        self._energy = self._peak = 0.0
        self._n = 0
        return dbfs(rms), dbfs(peak)
