"""Quiet rooms, computed: digital silence, and the faint noise in which nothing happens."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from edge_asc.audio.microphones.families import Noise
from edge_asc.audio.microphones.filters import noise_of
from edge_asc.audio.samples import Floats

SLOPES_DB = (0.0, -3.0, -6.0)  # white, pink, brown
HUM_HZ = (0.0, 50.0, 60.0)  # none, and what mains sound like


def quiet_rooms(n_samples: int, rate_hz: int, levels_db: Sequence[float]) -> Iterator[Floats]:
    """Sounds `[n_samples]`, float32: silence, then noise of every level, colour and hum.

    Args:
        n_samples: of each.
        rate_hz: of the samples.
        levels_db: of full scale.
    """
    yield np.zeros(n_samples, np.float32)
    for level_db, slope_db, hum_hz in itertools.product(levels_db, SLOPES_DB, HUM_HZ):
        words = f"quiet {level_db} {slope_db} {hum_hz}"
        noise = noise_of(Noise(level_db, slope_db, hum_hz), n_samples, rate_hz, words)
        yield noise.astype(np.float32)
