"""Mel scales, triangular filter banks and analysis windows, in numpy.

Letters: M mels, K = n_fft // 2 + 1 frequency bins, F frames.

The bank is computed in float32, operation by operation as torchaudio does. Narrow filters (256 of
them over 1025 bins) magnify the rounding of their corner frequencies a hundredfold: a bank in
float64 is better and differs from torchaudio's by 1e-3 in its narrowest filters.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_asc.audio.samples import Floats

# Each one's share of the raised cosine: w[t] = a - (1 - a)·cos(2πt / win_length), periodic.
WINDOWS = {"hamming": 0.54, "hann": 0.5}
MEL_SCALES = ("htk", "slaney")
Real = TypeVar("Real", np.float32, np.float64)

_SLANEY_HZ_PER_MEL = 200.0 / 3.0  # linear below 1 kHz, that is below 15 mels
_SLANEY_LINEAR_MELS = 15.0
_SLANEY_LOG_STEP = math.log(6.4) / 27.0
_ROWS_PER_BAND = 32


def analysis_window(name: str, win_length: int, n_fft: int) -> npt.NDArray[np.float64]:
    """Give a periodic window of `win_length` samples, centred in `n_fft` samples of zero.

    Args:
        name: a key of `WINDOWS`.
        win_length: samples that are not zero, 1 to `n_fft`.
        n_fft: samples of the transform.

    Returns:
        Window [n_fft], float64.
    """
    share = WINDOWS[name]
    phase = 2.0 * math.pi * np.arange(win_length) / win_length
    left = (n_fft - win_length) // 2
    window = np.zeros(n_fft)
    # One sample has nothing to taper: convention makes its window 1.
    window[left : left + win_length] = (
        share - (1.0 - share) * np.cos(phase) if win_length > 1 else 1
    )
    return window


def hz_to_mel(frequency_hz: float, scale: str) -> float:
    """Convert a frequency in Hz to mels of the `htk` or `slaney` scale."""
    if scale == "htk":
        return 2595.0 * math.log10(1.0 + frequency_hz / 700.0)
    if frequency_hz < 1000.0:
        return frequency_hz / _SLANEY_HZ_PER_MEL
    return _SLANEY_LINEAR_MELS + math.log(frequency_hz / 1000.0) / _SLANEY_LOG_STEP


def mel_to_hz(mels: npt.NDArray[Real], scale: str) -> npt.NDArray[Real]:
    """Convert mels to Hz, rounded to their type after each operation (module docstring)."""
    one = mels.dtype.type
    if scale == "htk":
        power = np.power(10.0, (mels / one(2595.0)).astype(np.float64)).astype(one)
        return one(700.0) * (power - one(1.0))
    above = one(_SLANEY_LOG_STEP) * (mels - one(_SLANEY_LINEAR_MELS))
    bent = one(1000.0) * np.exp(above.astype(np.float64)).astype(one)
    return np.where(mels >= _SLANEY_LINEAR_MELS, bent, one(_SLANEY_HZ_PER_MEL) * mels)


def _spaced(start: float, stop: float, n: int) -> Floats:
    """Space `n` points evenly, each rounded once to float32 from a float32 step, as torch does."""
    first, last = np.float32(start), np.float32(stop)
    step = float((last - first) / np.float32(n - 1))
    i = np.arange(n)
    # Both halves count from their own end, so that the last point is exact.
    points = np.where(i < n // 2, float(first) + step * i, float(last) - step * (n - 1 - i))
    return points.astype(np.float32)


def filter_bank(
    *,
    sample_rate_hz: int,
    n_fft: int,
    n_mels: int,
    f_min_hz: float,
    f_max_hz: float,
    mel_scale: str = "htk",
    mel_norm: str | None = None,
) -> Floats:
    """Compute triangular filters, evenly spaced in mels, over the bins of a power spectrum.

    A filter that is narrower than the spacing of the bins can lie between two of them; it is then
    all zero (256 HTK mels at 44.1 kHz and n_fft 2048 have one such filter), its mel power is 0 and
    its logarithm the floor. Nothing is raised: the same filter is empty in training and in use.

    Args:
        sample_rate_hz: samples per second.
        n_fft: samples of the transform; bins lie at multiples of sample_rate_hz / n_fft.
        n_mels: number of filters M.
        f_min_hz: where the first filter begins.
        f_max_hz: where the last filter ends.
        mel_scale: `htk` or `slaney`.
        mel_norm: None for a height of 1, `slaney` for an area of 1 Hz.

    Returns:
        Weights [M, K].
    """
    # The Nyquist frequency of an odd rate is rounded down to whole hertz, as torchaudio does.
    bins_hz = _spaced(0.0, sample_rate_hz // 2, n_fft // 2 + 1)
    lowest, highest = hz_to_mel(f_min_hz, mel_scale), hz_to_mel(f_max_hz, mel_scale)
    corners_hz = mel_to_hz(_spaced(lowest, highest, n_mels + 2), mel_scale)
    width_hz = np.diff(corners_hz)[:, np.newaxis]
    slope = corners_hz[:, np.newaxis] - bins_hz
    weights = np.maximum(0, np.minimum(-slope[:-2] / width_hz[:-1], slope[2:] / width_hz[1:]))
    if mel_norm == "slaney":
        weights *= np.float32(2.0) / (corners_hz[2:] - corners_hz[:-2])[:, np.newaxis]
    return weights


@dataclass(frozen=True)
class BandedBank:
    """A filter bank cut into bands of neighbouring filters, without the zeros around each band.

    A dense bank is nearly all zeros; 32 filters at a time take an eighth of the work and still go
    through one matrix product each.
    """

    n_mels: int
    bands: tuple[tuple[slice, slice, Floats], ...]  # filters, bins, weights [bins, filters]

    @classmethod
    def of(cls, weights: Floats) -> "BandedBank":
        """Cut the dense bank [M, K] into bands."""
        bands = []
        for first in range(0, len(weights), _ROWS_PER_BAND):
            rows = slice(first, min(first + _ROWS_PER_BAND, len(weights)))
            used = np.flatnonzero(weights[rows].any(axis=0))
            if len(used):
                bins = slice(int(used[0]), int(used[-1]) + 1)
                bands.append((rows, bins, np.ascontiguousarray(weights[rows, bins].T)))
        return cls(len(weights), tuple(bands))

    def __call__(self, power: Floats) -> Floats:
        """Filter power spectra [F, K] into mel power [F, M]."""
        mel = np.zeros((len(power), self.n_mels), np.float32)
        for rows, bins, weights in self.bands:
            np.matmul(power[:, bins], weights, out=mel[:, rows])
        return mel
