"""Sounds that are none of the scenes: quiet rooms, computed, and the recordings of `data.unknown`.

A network that learns to spread its answer evenly over all scenes there is less sure of what it was
never taught.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_asc.audio.microphones.quiet import quiet_rooms
from edge_asc.config.schema import DataConfig
from edge_asc.data.cache import FeatureCache
from edge_asc.data.dataset import Clip
from edge_asc.data.lengths import in_pieces, lengths_s
from edge_asc.data.open import open_recordings

log = logging.getLogger(__name__)
LEVELS_DB = tuple(map(float, range(-96, -42, 6)))  # of full scale: from converters to loud fans


def unknown_groups(
    data: DataConfig, labels: Sequence[str], features: FeatureCache, progress: bool = False
) -> list[Sequence[np.ndarray]]:
    """Raw features `[M, F]` of quiet rooms and, where there are any, of recordings: a list of each.

    Args:
        data: says where recordings are; nothing is heard without `data.unknown_part`.
        labels: scenes; clips of these are left out.
        features: computes and keeps them.
        progress: show how far it is.

    Raises:
        ValueError: every recording is of a scene, or a file cannot be read.
        OSError: no such folder.
    """
    if not data.unknown_part:
        return []
    sounds = quiet_rooms(features.n_samples, features.frontend.sample_rate_hz, LEVELS_DB)
    quiet = [features.frontend.raw(sound) for sound in sounds]
    if data.unknown is None:
        return [quiet]
    clips = _unknown_clips(Path(data.unknown), labels, features.clip_s)
    return [quiet, features.load(clips, progress)]


def _unknown_clips(path: Path, labels: Sequence[str], clip_s: float) -> list[Clip]:
    found = open_recordings(path)
    clips = [clip for clip in found.clips if clip.label not in labels]
    if not clips:
        raise ValueError(f"data.unknown: {path} holds no clip but those of the scenes")
    log.info("of no scene: %d of %d clips of %s", len(clips), len(found.clips), path)
    return in_pieces(clips, lengths_s(found, clips), clip_s)
