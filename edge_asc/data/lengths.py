"""How long clips are, and the pieces of one length that long ones are heard in."""

import os
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from edge_asc.audio.decode import AudioError, probe
from edge_asc.audio.pieces import SPARE, piece_starts
from edge_asc.data.dataset import Clip, SceneDataset


def lengths_s(dataset: SceneDataset, clips: Sequence[Clip]) -> list[float]:
    """Seconds of each clip; 0 where a file cannot be read, which is told when it is decoded.

    Of published data whose clips are all of one length no file is opened.
    """
    if dataset.is_uniform:
        return [dataset.clip_s] * len(clips)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(_length_s, clips))


def _length_s(clip: Clip) -> float:
    try:
        return probe(clip.path).duration_s
    except AudioError:
        return 0.0


def in_pieces(clips: Sequence[Clip], lengths: Sequence[float], clip_s: float) -> list[Clip]:
    """Each clip as often as it has pieces of `clip_s` seconds, which stay one recording."""
    return [
        replace(clip, start_s=start_s)
        for clip, length_s in zip(clips, lengths, strict=True)
        for start_s in piece_starts(length_s, clip_s)
    ]


def length_notes(lengths: Sequence[float], clip_s: float) -> Iterator[str]:
    """Lines on clips that are much longer or shorter than what is heard at once."""
    if clip_s <= 0:
        return
    longer = [s for s in lengths if s > (1 + SPARE) * clip_s]
    if longer:
        pieces = sum(len(piece_starts(s, clip_s)) for s in longer)
        yield (
            f"{len(longer)} recording(s) are longer than {clip_s:g} s, up to {max(longer):.1f} s:"
            f" heard whole, in {pieces} pieces of {clip_s:g} s"
        )
    shorter = [s for s in lengths if 0 < s < (1 - SPARE) * clip_s]
    if shorter:
        yield (
            f"{len(shorter)} recording(s) are shorter than {clip_s:g} s, mostly"
            f" {statistics.median(shorter):.1f} s: filled up with silence"
        )
