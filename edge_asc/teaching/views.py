"""How a sound might have been recorded as well: by other microphones, in rooms, louder, later.

A head that heard each clip through one microphone learns that microphone. Everything follows from a
clip's name, so that the same clips teach the same head. Letters: N samples.
"""

import zlib

import numpy as np

from edge_asc.audio.microphones.choice import microphone_for
from edge_asc.audio.microphones.filters import decibels
from edge_asc.audio.microphones.response import Doubles, convolve
from edge_asc.audio.samples import Floats

DEFAULT_VIEWS = 3
MOST_VIEWS = 16
GAIN_DB = (-9.0, 9.0)  # beside the microphone's own
LATEST_S = 0.5  # how much of the beginning may be missing
DECAY_S = (0.15, 0.8)  # until a room's echo is 60 dB down
ECHO_DB = (-18.0, -6.0)  # energy of the echo, against the direct sound
ROOM_EVERY = 2  # views: every second one is in a room


def view(audio: Floats, sample_rate_hz: int, name: str, number: int) -> Floats:
    """A sound as it might have been recorded.

    Args:
        audio: samples `[N]`.
        sample_rate_hz: of them.
        name: of the clip; other names draw other microphones, rooms, levels.
        number: which of the clip's views, 0 and up.

    Returns:
        Samples `[≤ N]`, float32.
    """
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{name} view {number}".encode())))
    late = int(rng.uniform(0, LATEST_S) * sample_rate_hz)
    heard = audio[late:].astype(np.float64) if len(audio) > 2 * late else audio.astype(np.float64)
    if number % ROOM_EVERY:
        heard = convolve(heard, room(rng, sample_rate_hz))
    heard = heard * decibels(rng.uniform(*GAIN_DB))
    return microphone_for(name, number).hear(heard, sample_rate_hz, f"{name} {number}")


def room(rng: np.random.Generator, sample_rate_hz: int) -> Doubles:
    """A room's impulse response: the direct sound, then noise that dies away."""
    decay_s, level_db = rng.uniform(*DECAY_S), rng.uniform(*ECHO_DB)
    times_s = np.arange(1, round(decay_s * sample_rate_hz)) / sample_rate_hz
    echo = rng.standard_normal(len(times_s)) * 10 ** (-3 * times_s / decay_s)
    echo *= decibels(level_db) / np.sqrt(np.square(echo).sum())
    return np.concatenate([[1.0], echo])
