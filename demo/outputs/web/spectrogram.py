"""Features as a page draws them: one byte for each mel and frame, in decibels, with its axes.

Letters: M mels, k frames. 0 dB is the power of a full-scale sine, of which a narrow band gets a
little less. Byte 0 stands for the front end's floor, 255 for 0 dB.
"""

from collections import deque
from itertools import islice
from typing import Any

import numpy as np

from edge_asc.frontend.front_end import FrontEnd

HISTORY_S = 30.0  # what a page sees when it opens
_LOWEST_DB = -120.0  # below is nothing that a microphone delivers
_DB_PER_NEPER = 10 / np.log(10)  # of power


class Decibels:
    """Turns raw features into bytes."""

    def __init__(self, frontend: FrontEnd) -> None:
        # Parseval: what the bins of a sine hold together, half of it at negative frequencies.
        sine = frontend.n_fft * np.square(frontend.window_weights).sum() / 4
        self._full_scale_db = float(10 * np.log10(sine * frontend.mel_weights.max()))
        self._floor = frontend.log_floor
        self._log = frontend.log
        floor_db = 10 * float(np.log10(self._floor))
        self.min_db = max(_LOWEST_DB, floor_db - self._full_scale_db)
        self.max_db = 0.0

    def quantise(self, frames: np.ndarray) -> np.ndarray:
        """Bytes `[k, M]` of raw features `[M, k]`."""
        nepers = frames.T if self._log else np.log(np.maximum(frames.T, self._floor))
        decibels = nepers * _DB_PER_NEPER - self._full_scale_db
        share = (decibels - self.min_db) / (self.max_db - self.min_db)
        return np.clip(np.rint(255 * share), 0, 255).astype(np.uint8)


def band_edges_hz(frontend: FrontEnd) -> list[float]:
    """Where each mel's row begins and the last ends, `M + 1` values: halfway between centres."""
    return [round(float(f), 2) for f in frontend.hz_of_mel(np.arange(frontend.n_mels + 1) - 0.5)]


def description(frontend: FrontEnd) -> dict[str, Any]:
    """What a page must know to draw the bytes and their axes."""
    decibels = Decibels(frontend)
    return {
        "n_mels": frontend.n_mels,
        "frames_per_s": frontend.frames_per_s,
        "edges_hz": band_edges_hz(frontend),
        "min_db": round(decibels.min_db, 2),
        "max_db": decibels.max_db,
        "history_s": HISTORY_S,
    }


class FrameHistory:
    """The last frames, counted from the start."""

    def __init__(self, n_frames: int) -> None:
        self._rows: deque[bytes] = deque(maxlen=n_frames)
        self.n_seen = 0

    def add(self, frames: np.ndarray) -> None:
        """Take frames `[k, M]`."""
        self.n_seen += len(frames)
        self._rows.extend(row.tobytes() for row in frames)

    def since(self, first: int) -> tuple[int, bytes]:
        """Frames from number `first` on, as far as they are kept: (number of the first, bytes)."""
        oldest = self.n_seen - len(self._rows)
        first = max(first, oldest)
        return first, b"".join(islice(self._rows, first - oldest, None))
