"""A recording heard whole: in pieces of one length, one after the other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edge_asc.audio.decode import blocks, fit_length
from edge_asc.audio.samples import Floats

SPARE = 0.1  # of a piece: as much at the end of a recording may go unheard
_BLOCK_S = 10.0


def piece_starts(length: float, piece: float) -> list[float]:
    """Where the pieces of a sound begin, in the unit of both lengths.

    They follow one another; the last one ends where the sound does and may overlap the one before.
    What is left of less than `SPARE` of a piece is not heard; a sound shorter than a piece is one,
    to be filled up with silence.
    """
    n_whole = int(length / piece + 1e-6)
    starts = [i * piece for i in range(max(1, n_whole))]
    is_left = length - (starts[-1] + piece) > SPARE * piece
    return [*starts, length - piece] if is_left else starts


def excerpts(path: Path, sample_rate_hz: int, starts: Sequence[int], n: int) -> Iterator[Floats]:
    """Parts `[n]` of a file as mono, in memory that does not grow with its length.

    Args:
        path: the file; it is decoded to its end, so that all that is wrong with it is found.
        sample_rate_hz: of the parts.
        starts: the first sample of each, ascending.
        n: samples of each; zeros are appended where the file ends before.

    Raises:
        AudioError: as of `load_audio`.
    """
    held, first, waiting = np.empty(0, np.float32), 0, list(starts)
    for block in blocks(path, sample_rate_hz, _BLOCK_S):
        if not waiting:
            continue
        held = np.concatenate([held, block])
        while waiting and waiting[0] + n <= first + len(held):
            start = waiting.pop(0) - first
            yield held[start : start + n]
        done = min(len(held), waiting[0] - first if waiting else len(held))
        held, first = held[done:], first + done
    for start in waiting:
        yield fit_length(held[max(0, start - first) :], n)
