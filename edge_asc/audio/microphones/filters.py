"""Simulated microphones: what a microphone and its electronics do to a sound.

A sound goes through a frequency response and a gain, the microphone adds its own noise, and what is
too loud is clipped. Microphones come in two sets, *seen* (training may use them) and *unseen* (for
tests alone). They share no random numbers and no family: unseen ones differ in kind, see
`edge_asc.audio.microphones.families`.

Everything follows from a microphone's name, by generators whose streams never change.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt

from edge_asc.audio.microphones.families import FAMILIES, Noise, Parts, draw
from edge_asc.audio.microphones.response import Doubles, convolve, fast_length
from edge_asc.audio.samples import Floats

SETS = tuple(FAMILIES)
LARGEST_INDEX = 9999


@dataclass(frozen=True)
class SimulatedMicrophone:
    """One simulated microphone.

    Attributes:
        name: "seen-3", "unseen-0"; all else follows from it.
        parts: family, response, gain, noise and clipping.
    """

    name: str
    parts: Parts

    @classmethod
    def from_seed(cls, which: str, index: int) -> "SimulatedMicrophone":
        """SimulatedMicrophone number `index` of the set "seen" or "unseen".

        Raises:
            ValueError: no such set, or an index outside 0 … 9999.
        """
        if which not in FAMILIES:
            raise ValueError(f"microphones are {' or '.join(SETS)}, not {which!r}")
        if not 0 <= index <= LARGEST_INDEX:
            raise ValueError(f"{which} microphones are numbered 0 to {LARGEST_INDEX}, not {index}")
        families = FAMILIES[which]
        family = families[index % len(families)]  # so that a few microphones hold every family
        return cls(f"{which}-{index}", draw(family, Random(f"edge-asc {which} device {index}")))

    def hear(self, audio: npt.NDArray[np.floating], sample_rate_hz: int, salt: str = "") -> Floats:
        """What the microphone makes of a sound.

        Args:
            audio: samples `[N]`, full scale 1.
            sample_rate_hz: of the audio.
            salt: other words, other noise; by the name of a clip no two clips have the same.

        Returns:
            Samples `[N]`, float32, within ± `clip_level`.
        """
        filtered = convolve(audio, _impulse(self, sample_rate_hz))
        amplified = filtered * decibels(self.parts.gain_db)
        noise = noise_of(self.parts.noise, len(audio), sample_rate_hz, f"{self.name} {salt}")
        return clipped(amplified + noise, self.clip_level, self.parts.soft).astype(np.float32)

    @property
    def clip_level(self) -> float:
        """The largest amplitude that comes out."""
        return decibels(self.parts.clip_db)


def decibels(level_db: float) -> float:
    """Amplitude of a level, 1 at 0 dB."""
    return float(10 ** (level_db / 20))


def clipped(samples: Doubles, limit: float, soft: bool) -> Doubles:
    """Samples within ± limit: cut off there, or bent towards it from the start (tanh)."""
    if soft:
        return limit * np.tanh(samples / limit)
    return np.clip(samples, -limit, limit)


def noise_of(noise: Noise, n: int, sample_rate_hz: int, words: str) -> Doubles:
    """Noise `[n]` of a colour, with hum, whose root mean square is `noise.level_db`.

    Its spectrum rises by `slope_db` per octave, and is flat below 20 Hz.
    """
    size = fast_length(n)
    spectrum = np.fft.rfft(_white(size, words))
    frequencies_hz = np.asarray(np.fft.rfftfreq(size, 1 / sample_rate_hz), np.float64)
    coloured = np.fft.irfft(spectrum * noise.colour(frequencies_hz), size)[:n]
    total = coloured / _rms(coloured) + noise.hum(np.arange(n) / sample_rate_hz)
    return total * (decibels(noise.level_db) / _rms(total))


def _white(n: int, words: str) -> Doubles:
    """Uniform noise in ±1 from raw bits: numpy keeps those the same for ever."""
    raw = np.random.PCG64(zlib.crc32(words.encode())).random_raw(n)
    return raw.astype(np.float64) / 2**63 - 1


def _rms(samples: Doubles) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@cache
def _impulse(microphone: SimulatedMicrophone, sample_rate_hz: int) -> Doubles:
    return microphone.parts.response.impulse(sample_rate_hz)
