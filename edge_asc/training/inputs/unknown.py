"""Sounds that are none of the scenes: quiet rooms, computed, and the recordings of `data.unknown`.

A network that learns to spread its answer evenly over all scenes there, or to give it to an output
of their own, is less sure of what it was never taught.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from edge_asc.audio.microphones.quiet import quiet_rooms
from edge_asc.config.schema import DataConfig
from edge_asc.data.cache import FeatureCache
from edge_asc.data.cache_files import joined
from edge_asc.data.dataset import Clip
from edge_asc.data.lengths import in_pieces, lengths_s
from edge_asc.data.open import open_recordings
from edge_asc.training.inputs.batches import Group

log = logging.getLogger(__name__)
LEVELS_DB = tuple(map(float, range(-96, -42, 6)))  # of full scale: from converters to loud fans


def unknown_groups(
    data: DataConfig,
    labels: Sequence[str],
    caches: Sequence[FeatureCache],
    n_plain: int,
    progress: bool = False,
) -> list[Group]:
    """Raw features of quiet rooms and, where there are any, of recordings: a group of each.

    Args:
        data: says where recordings are; nothing is heard without `data.unknown_part`.
        labels: scenes; clips of these are left out.
        caches: compute and keep the versions of recordings that clips have too, as it is first.
        n_plain: how many of these, the first ones, go through no simulated microphone.
        progress: show how far it is.

    Raises:
        ValueError: every recording is of a scene, or a file cannot be read.
        OSError: no such folder.
    """
    if not data.unknown_part:
        return []
    frontend, n_samples = caches[0].frontend, caches[0].n_samples
    sounds = quiet_rooms(n_samples, frontend.sample_rate_hz, LEVELS_DB)
    quiet = [frontend.raw(sound) for sound in sounds]
    groups = [Group(quiet, len(quiet))]
    if data.unknown is not None:
        clips = _unknown_clips(Path(data.unknown), labels, caches[0].clip_s)
        recorded = joined([cache.load(clips, progress) for cache in caches])
        groups.append(Group(recorded, n_plain * len(clips)))
    return groups


def _unknown_clips(path: Path, labels: Sequence[str], clip_s: float) -> list[Clip]:
    found = open_recordings(path)
    clips = [clip for clip in found.clips if clip.label not in labels]
    if not clips:
        raise ValueError(f"data.unknown: {path} holds no clip but those of the scenes")
    log.info("of no scene: %d of %d clips of %s", len(clips), len(found.clips), path)
    return in_pieces(clips, lengths_s(found, clips), clip_s)
