"""Frequency responses of simulated microphones, as curves in dB and as impulse responses.

A response is a product of parts that real microphones have: edges of the band, resonances and
notches, a slope, and the comb that one reflection inside a case makes. It says its gain at any
frequency, so that one microphone sounds alike at every sample rate. The impulse response has
minimum phase: no echo before a sound, and the least delay that the gains allow. Cosines and
logarithms of numpy alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

LOWEST_DB = -80.0  # less is not asked for: a logarithm of nothing has no phase
IMPULSE_S = 0.1  # rings out a first-order edge at 30 Hz
LOWEST_HZ = 20.0  # slopes and noise colours are flat below
SLOPE_AROUND_HZ = 1000.0
_OVERSAMPLING = 8  # of the frequency grid: what the cepstrum folds back is then below -80 dB


@dataclass(frozen=True)
class Bell:
    """A resonance (above 0 dB) or a notch (below), a Gaussian over octaves."""

    centre_hz: float
    gain_db: float
    width_octaves: float  # standard deviation

    def gains_db(self, frequencies_hz: Doubles) -> Doubles:
        """Gain at frequencies above 0."""
        octaves = np.log2(frequencies_hz / self.centre_hz) / self.width_octaves
        return self.gain_db * np.exp(-0.5 * octaves**2)


@dataclass(frozen=True)
class Response:
    """Gain over frequency, as a product of parts.

    Attributes:
        high_pass_hz: lower edge, -3 dB, of Butterworth's shape.
        high_pass_order: its slope is 6 dB per octave and order.
        low_pass_hz: upper edge, -3 dB.
        low_pass_order: as above.
        bells: resonances and notches.
        slope_db: gain per octave, 0 at 1 kHz.
        echo_ms: delay of one reflection.
        echo_share: its amplitude, in [0, 1).
    """

    high_pass_hz: float
    high_pass_order: int
    low_pass_hz: float
    low_pass_order: int
    bells: tuple[Bell, ...] = ()
    slope_db: float = 0.0
    echo_ms: float = 0.0
    echo_share: float = 0.0

    def gains_db(self, frequencies_hz: npt.ArrayLike) -> Doubles:
        """Gain `[K]` in dB at frequencies `[K]`; never below -80."""
        f = np.maximum(np.asarray(frequencies_hz, np.float64), 1e-3)
        total = _edge_db(self.high_pass_hz / f, self.high_pass_order)
        total = total + _edge_db(f / self.low_pass_hz, self.low_pass_order)
        total += self.slope_db * np.log2(np.maximum(f, LOWEST_HZ) / SLOPE_AROUND_HZ)
        total += sum((bell.gains_db(f) for bell in self.bells), np.zeros_like(f))
        echo = 1 + self.echo_share * np.exp(-2j * np.pi * f * self.echo_ms / 1000)
        return np.maximum(total + 20 * np.log10(np.abs(echo)), LOWEST_DB)

    def impulse(self, sample_rate_hz: int) -> Doubles:
        """Minimum-phase impulse response `[0.1 s]` with these gains."""
        n = round(IMPULSE_S * sample_rate_hz)
        size = fast_length(_OVERSAMPLING * n)
        gains_db = self.gains_db(np.fft.rfftfreq(size, 1 / sample_rate_hz))
        return minimum_phase(gains_db, size)[:n]


def minimum_phase(gains_db: Doubles, size: int) -> Doubles:
    """The causal response `[size]` of least delay with gains `[size / 2 + 1]`, size even.

    Its cepstrum is that of the logarithmic gains with all negative times turned to positive ones
    (Oppenheim and Schafer, Discrete-Time Signal Processing, on the Hilbert transform relations).
    """
    cepstrum = np.fft.irfft(gains_db * np.log(10) / 20, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), size)


def convolve(audio: npt.NDArray[np.floating], impulse: Doubles) -> Doubles:
    """Audio `[N]` through a causal filter, the first N samples of what comes out."""
    size = fast_length(len(audio) + len(impulse))
    return np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(impulse, size), size)[: len(audio)]


def fast_length(least: int) -> int:
    """The smallest power of two of at least this."""
    return 1 << (least - 1).bit_length()


def _edge_db(ratio: Doubles, order: int) -> Doubles:
    return -10 * np.log10(1 + ratio ** (2 * order))
