"""Clips → embeddings: each heard whole, in overlapping windows, as it is and as it might have been.

Letters: W windows, D numbers of an embedding.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.audio.decode import blocks
from edge_asc.audio.samples import Floats
from edge_asc.data.dataset import Clip
from edge_asc.evaluation.predictors import in_parallel
from edge_asc.teaching.encoder import Encoder
from edge_asc.teaching.views import view

PIECE_S = 30.0  # of a long recording, heard at a time: memory does not grow with its length
OnProgress = Callable[[int, int], Any]


@dataclass(frozen=True)
class Heard:
    """A clip's embeddings.

    Args:
        clip: which.
        digest: SHA-256 of its file.
        plain: of its windows as they are, `[W, D]` float32.
        views: the same of each view, of its first piece.
    """

    clip: Clip
    digest: str
    plain: np.ndarray
    views: tuple[np.ndarray, ...]

    @property
    def every(self) -> np.ndarray:
        """All of them, `[W', D]`."""
        return np.concatenate([self.plain, *self.views])


@dataclass(frozen=True)
class Unusable:
    """A file that teaches nothing, and the reason."""

    path: Path
    reason: str


def listen(
    encoder: Encoder, clips: Sequence[Clip], n_views: int, on_progress: OnProgress
) -> tuple[list[Heard], list[Unusable]]:
    """Embeddings of the clips that can be used, in their order, and the others with reasons."""
    by_path = {clip.path: clip for clip in clips}
    heard: list[Heard] = []
    unusable: list[Unusable] = []

    def of_one(path: Path) -> Heard | Unusable:
        try:
            return _hear(encoder, by_path[path], n_views)
        except (ValueError, OSError) as error:
            return Unusable(path, str(error).removeprefix(f"{path}: "))

    for done, found in enumerate(in_parallel(of_one, list(by_path)), 1):
        heard.append(found) if isinstance(found, Heard) else unusable.append(found)
        on_progress(done, len(by_path))
    return heard, unusable


def _hear(encoder: Encoder, clip: Clip, n_views: int) -> Heard:
    rate_hz, name = encoder.frontend.sample_rate_hz, clip.path.name
    plain: list[np.ndarray] = []
    views: list[np.ndarray] = []
    for piece in loud_pieces(clip.path, rate_hz):
        plain.append(encoder.embeddings(piece))
        if len(plain) == 1:
            seen = (view(piece, rate_hz, name, number) for number in range(n_views))
            views = [encoder.embeddings(sound) for sound in seen]
    if not plain:
        raise ValueError("nothing but digital silence")
    return Heard(clip, file_digest(clip.path), np.concatenate(plain), tuple(views))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, which may be long."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            found.update(part)
    return found.hexdigest()


def loud_pieces(path: Path, sample_rate_hz: int) -> Iterator[Floats]:
    """A file in pieces of `PIECE_S` to twice that, but for those of digital silence alone.

    Raises:
        ValueError: `AudioError` of a file that cannot be used.
    """
    found = pieces(blocks(path, sample_rate_hz, 1.0), sample_rate_hz)
    return (piece for piece in found if piece.any())


def pieces(sound: Iterable[Floats], sample_rate_hz: int) -> Iterator[Floats]:
    """A sound's blocks, joined to pieces of `PIECE_S`; the last one has what is left besides.

    What is left alone may be a fraction of a window, which silence would fill up.
    """
    held: list[Floats] = []
    full: Floats | None = None
    for block in sound:
        held.append(block)
        if sum(map(len, held)) >= PIECE_S * sample_rate_hz:
            if full is not None:
                yield full
            full, held = np.concatenate(held), []
    if full is not None or held:
        yield np.concatenate([*([] if full is None else [full]), *held])


def reasons(unusable: Sequence[Unusable]) -> dict[str, int]:
    """How many files for each reason, the most frequent first."""
    return dict(Counter(file.reason for file in unusable).most_common())
