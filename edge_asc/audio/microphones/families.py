"""Families of simulated microphones: which parts they have, and between which limits.

Seen microphones are of one family, `plain`: gentle edges of the band, broad resonances, noise
between white and pink, hard clipping. No unseen microphone is like that. Their families are

- `cased`: a reflection inside a case, which makes a comb over frequency,
- `voice`: made for speech; steep edges that leave about 200 Hz to 5 or 7 kHz, soft clipping,
- `sloped`: a slope over the whole band, and narrow deep notches; hum of the mains in the noise.

Letters: numbers in pairs are limits between which a value is drawn evenly; frequencies evenly in
octaves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np

from edge_asc.audio.microphones.response import LOWEST_HZ, SLOPE_AROUND_HZ, Bell, Doubles, Response

Span = tuple[float, float]
T = TypeVar("T")
HUM_HARMONICS = 4


@dataclass(frozen=True)
class Noise:
    """A microphone's own noise.

    Attributes:
        level_db: root mean square, 0 dB is full scale.
        slope_db: change of power per octave: 0 is white, -3 pink.
        hum_hz: frequency of the mains; 0: no hum.
    """

    level_db: float
    slope_db: float
    hum_hz: float = 0.0

    def colour(self, frequencies_hz: Doubles) -> Doubles:
        """Amplitude at frequencies `[K]`, 1 at 1 kHz."""
        octaves = np.log2(np.maximum(frequencies_hz, LOWEST_HZ) / SLOPE_AROUND_HZ)
        return 10 ** (self.slope_db * octaves / 20)

    def hum(self, times_s: Doubles) -> Doubles:
        """Harmonics of the mains at times `[N]`, each weaker by its number."""
        if not self.hum_hz:
            return np.zeros_like(times_s)
        numbers = range(1, HUM_HARMONICS + 1)
        waves = [np.sin(2 * np.pi * k * self.hum_hz * times_s) / k for k in numbers]
        return np.sum(waves, axis=0)


@dataclass(frozen=True)
class Parts:
    """What a microphone is made of: response, then gain, then noise, then clipping.

    Attributes:
        family: a key of the sets in `FAMILIES`.
        response: gain over frequency.
        gain_db: at all frequencies.
        noise: added after the gain.
        clip_db: largest amplitude that comes out; 0 dB is full scale.
        soft: bent towards that amplitude, not cut off at it.
    """

    family: str
    response: Response
    gain_db: float
    noise: Noise
    clip_db: float
    soft: bool


@dataclass(frozen=True)
class Family:
    """Limits of the parts of its microphones."""

    name: str
    high_pass_hz: Span
    high_pass_orders: tuple[int, ...]
    low_pass_hz: Span
    low_pass_orders: tuple[int, ...]
    bells: tuple[int, ...]  # how many
    bell_hz: Span
    bell_db: Span
    bell_octaves: Span
    slope_db: Span = (0.0, 0.0)
    echo_ms: Span = (0.0, 0.0)
    echo_share: Span = (0.0, 0.0)
    gain_db: Span = (-6.0, 6.0)
    noise_db: Span = (-75.0, -55.0)
    noise_slope_db: Span = (-3.0, 0.0)
    hum_hz: tuple[float, ...] = (0.0,)
    clip_db: Span = (-6.0, 0.0)
    soft: bool = False


PLAIN = Family(
    "plain",
    high_pass_hz=(30, 250),
    high_pass_orders=(1, 2),
    low_pass_hz=(6000, 18000),
    low_pass_orders=(1, 2, 3),
    bells=(2, 3, 4),
    bell_hz=(200, 12000),
    bell_db=(-9, 9),
    bell_octaves=(0.3, 1.0),
)
CASED = Family(
    "cased",
    high_pass_hz=(60, 200),
    high_pass_orders=(3,),
    low_pass_hz=(8000, 16000),
    low_pass_orders=(4,),
    bells=(0,),
    bell_hz=(1000, 1000),
    bell_db=(0, 0),
    bell_octaves=(1, 1),
    echo_ms=(0.15, 1.5),
    echo_share=(0.4, 0.7),
    noise_slope_db=(0.0, 2.0),
)
VOICE = Family(
    "voice",
    high_pass_hz=(150, 300),
    high_pass_orders=(4, 5),
    low_pass_hz=(5000, 7500),
    low_pass_orders=(8, 10),
    bells=(1,),
    bell_hz=(2000, 4000),
    bell_db=(3, 8),
    bell_octaves=(0.4, 0.8),
    clip_db=(-9.0, -3.0),
    soft=True,
)
SLOPED = Family(
    "sloped",
    high_pass_hz=(20, 60),
    high_pass_orders=(2,),
    low_pass_hz=(9000, 18000),
    low_pass_orders=(4,),
    bells=(2, 3),
    bell_hz=(500, 8000),
    bell_db=(-20, -10),
    bell_octaves=(0.1, 0.2),
    slope_db=(-3.0, 3.0),
    noise_slope_db=(-5.0, -3.0),
    hum_hz=(50.0, 60.0),
)
FAMILIES: Mapping[str, tuple[Family, ...]] = {"seen": (PLAIN,), "unseen": (CASED, VOICE, SLOPED)}


def draw(family: Family, random: Random) -> Parts:
    """A microphone of the family; new parts are drawn last, so that old ones stay the same."""

    # Of Python's generator only random() is promised to stay the same for ever.
    def uniform(limits: Span) -> float:
        return limits[0] + (limits[1] - limits[0]) * random.random()

    def octave(limits: Span) -> float:
        return math.exp(uniform((math.log(limits[0]), math.log(limits[1]))))

    def one_of(options: Sequence[T]) -> T:
        return options[int(random.random() * len(options))]

    response = Response(
        high_pass_hz=octave(family.high_pass_hz),
        high_pass_order=one_of(family.high_pass_orders),
        low_pass_hz=octave(family.low_pass_hz),
        low_pass_order=one_of(family.low_pass_orders),
        bells=tuple(
            Bell(octave(family.bell_hz), uniform(family.bell_db), uniform(family.bell_octaves))
            for _ in range(one_of(family.bells))
        ),
        slope_db=uniform(family.slope_db),
        echo_ms=uniform(family.echo_ms),
        echo_share=uniform(family.echo_share),
    )
    return Parts(
        family=family.name,
        response=response,
        gain_db=uniform(family.gain_db),
        noise=Noise(
            uniform(family.noise_db), uniform(family.noise_slope_db), one_of(family.hum_hz)
        ),
        clip_db=uniform(family.clip_db),
        soft=family.soft,
    )
