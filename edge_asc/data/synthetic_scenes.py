"""How each synthetic scene sounds: its movement in time, whatever its timbre.

Letters: N samples. Rates are drawn from a range per scene; the ranges of scenes that differ in
rate alone do not touch, all others overlap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
Random = np.random.Generator
_LOWEST_HZ = 62.5  # first of nine octave points that shape a spectrum
_N_OCTAVES = 9


@dataclass(frozen=True)
class Timbre:
    """What the clips of one synthetic recording share; drawn alike for every scene."""

    foreground_db: tuple[float, ...]  # level at octaves from 62.5 Hz on
    background_db: tuple[float, ...]
    background_level_db: float  # relative to the foreground
    pitch_hz: float
    span_octaves: float  # of a sweep
    pace: float  # in [0, 1]: where in its range a scene's rate lies

    @classmethod
    def draw(cls, rng: Random) -> "Timbre":
        """Draw one."""
        return cls(
            foreground_db=tuple(rng.normal(0.0, 8.0, _N_OCTAVES)),
            background_db=tuple(rng.normal(0.0, 5.0, _N_OCTAVES)),
            background_level_db=rng.uniform(-22.0, -10.0),
            pitch_hz=300.0 * 2 ** rng.uniform(0.0, 1.5),
            span_octaves=rng.uniform(0.9, 1.5),
            pace=rng.uniform(),
        )

    def rate_hz(self, low_hz: float, high_hz: float) -> float:
        """The recording's rate within a scene's range, on a logarithmic scale."""
        return low_hz * (high_hz / low_hz) ** self.pace


@dataclass(frozen=True)
class Scene:
    """A synthetic scene."""

    abstract: str  # its coarser class
    # (rng, timbre, N, sample_rate_hz) → foreground [N], about 1 where it is loudest
    sound: Callable[[Random, Timbre, int, int], Signal]


def coloured_noise(rng: Random, octaves_db: Sequence[float], n: int, rate_hz: int) -> Signal:
    """Noise [N] of standard deviation 1 with the given levels at octaves from 62.5 Hz on."""
    octave = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / rate_hz), 1.0) / _LOWEST_HZ)
    gain_db = np.interp(octave, np.arange(len(octaves_db)), octaves_db)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * 10 ** (gain_db / 20), n)
    return noise / float(noise.std())


def _modulated(envelope: Callable[[Random, Timbre, Signal], Signal]) -> Callable[..., Signal]:
    """Sound of a scene that is noise under an envelope of time."""

    def sound(rng: Random, timbre: Timbre, n: int, rate_hz: int) -> Signal:
        time_s = np.arange(n) / rate_hz
        noise = coloured_noise(rng, timbre.foreground_db, n, rate_hz)
        return noise * envelope(rng, timbre, time_s)

    return sound


def _throbbing(low_hz: float, high_hz: float) -> Callable[[Random, Timbre, Signal], Signal]:
    def envelope(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
        turns: Signal = timbre.rate_hz(low_hz, high_hz) * time_s + rng.uniform()
        return 0.5 + 0.5 * np.cos(2 * np.pi * turns)

    return envelope


def _switching(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    """On or off, each for 0.08 to 0.4 s."""
    lengths_s = rng.uniform(0.08, 0.4, 2 + int(time_s[-1] / 0.08))
    edges_s = np.cumsum(lengths_s) - rng.uniform(0.0, 0.4)
    return (np.searchsorted(edges_s, time_s) % 2).astype(np.float64)


def _events(rng: Random, times_s: Signal, shape: Signal, time_s: Signal) -> Signal:
    """Copies of `shape` [N] that begin at the given times, each with its own loudness."""
    n = len(time_s)
    impulses = np.zeros(n)
    places = np.round(times_s / (time_s[1] - time_s[0])).astype(int) % n  # around the end
    np.maximum.at(impulses, places, rng.uniform(0.5, 1.0, len(places)))
    return np.fft.irfft(np.fft.rfft(impulses) * np.fft.rfft(shape), n)


def _now_and_then(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    """Times of events that keep a distance, 2 to 3.5 a second."""
    rate_hz = timbre.rate_hz(2.0, 3.5)
    count = max(1, round(rate_hz * time_s[-1]))
    return (np.arange(count) + rng.uniform(0.0, 0.5, count)) / rate_hz + rng.uniform()


def _decay(timbre: Timbre, time_s: Signal) -> Signal:
    return np.exp(-time_s / (0.06 + 0.06 * timbre.pace))


def _knocking(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    return _events(rng, _now_and_then(rng, timbre, time_s), _decay(timbre, time_s), time_s)


def _swelling(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    backwards = _decay(timbre, time_s)[::-1]
    return _events(rng, _now_and_then(rng, timbre, time_s), backwards, time_s)


def _ticking(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    rate_hz = timbre.rate_hz(5.0, 7.5)
    times_s = np.arange(max(1, int(rate_hz * time_s[-1]))) / rate_hz + rng.uniform()
    return _events(rng, times_s, np.exp(-time_s / 0.012), time_s)


def _pattering(rng: Random, timbre: Timbre, time_s: Signal) -> Signal:
    count = max(1, rng.poisson(timbre.rate_hz(18.0, 30.0) * time_s[-1]))
    return _events(rng, rng.uniform(0.0, time_s[-1], count), np.exp(-time_s / 0.012), time_s)


def _sweeping(octave: Callable[[Signal], Signal]) -> Callable[..., Signal]:
    """Sound of a scene whose tone goes round the curve `octave`(turn in [0, 1)) → [-0.5, 0.5]."""

    def sound(rng: Random, timbre: Timbre, n: int, rate_hz: int) -> Signal:
        turn = (timbre.rate_hz(2.0, 3.2) * np.arange(n) / rate_hz + rng.uniform()) % 1.0
        pitch_hz = timbre.pitch_hz * 2 ** (timbre.span_octaves * octave(turn))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
        tone = np.sin(phase) + rng.uniform(0.2, 0.8) * np.sin(2 * phase)
        breath = coloured_noise(rng, timbre.foreground_db, n, rate_hz)
        return (tone + 0.15 * breath) * np.sin(np.pi * turn) ** 0.5

    return sound


MACHINES, CALLS, IMPACTS = "synthetic_machines", "synthetic_calls", "synthetic_impacts"
SCENES: dict[str, Scene] = {
    "synthetic_pump": Scene(MACHINES, _modulated(_throbbing(2.0, 3.5))),
    "synthetic_fan": Scene(MACHINES, _modulated(_throbbing(8.0, 13.0))),
    "synthetic_relay": Scene(MACHINES, _modulated(_switching)),
    "synthetic_riser": Scene(CALLS, _sweeping(lambda turn: turn - 0.5)),
    "synthetic_faller": Scene(CALLS, _sweeping(lambda turn: 0.5 - turn)),
    "synthetic_siren": Scene(CALLS, _sweeping(lambda turn: 0.5 * np.cos(4 * np.pi * turn))),
    "synthetic_knock": Scene(IMPACTS, _modulated(_knocking)),
    "synthetic_swell": Scene(IMPACTS, _modulated(_swelling)),
    "synthetic_clock": Scene(IMPACTS, _modulated(_ticking)),
    "synthetic_rain": Scene(IMPACTS, _modulated(_pattering)),
}
