"""What turns audio into the features of a network: described once, computed here in numpy.

Letters: N samples, M mels, F frames. Audio is floating point, full scale is 1.

`FrontEnd` is the only description of features in the project. Its numpy half (this file) serves
files, caches and the live classifier; `edge_asc.training.inputs.torch_frontend` computes the same
on batches.

Edges, the same in every implementation:

- Frames are centred: frame f looks at n_fft samples around sample f · hop_length. Before the first
  and behind the last sample the audio is reflected, as often as it takes: a clip of any length from
  one sample (two with pre-emphasis) has features. An empty clip raises ValueError.
- Pre-emphasis gives x[t] - a·x[t-1] from the second sample on: one sample less.
- A sample that is NaN, infinite or beyond ±1e10 raises ValueError with its index, so every feature
  is finite.
- Digital silence has mel power 0, its logarithm is that of the floor, and a mel bin that stands
  still over a clip normalises to 0.
"""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_asc.audio.samples import Floats, Samples, checked_audio, reflect
from edge_asc.frontend.check import check_fields, check_keys
from edge_asc.frontend.mel import BandedBank, analysis_window, filter_bank, hz_to_mel, mel_to_hz
from edge_asc.frontend.stream import FeatureStream

__all__ = ["LEAST_POWER", "STD_FLOOR", "FeatureStream", "FrontEnd"]

STD_FLOOR = 0.001  # normalisation never divides by less
LEAST_POWER = 1e-30  # nor does `levelled`
_NORMALIZATION_FIELDS = ("relative", "normalization", "mean", "std")
_KEY_VERSION = 1  # raise when raw() changes its numbers: cached features of the past are then void
_FRAMES_PER_CHUNK = 32  # spectra of one chunk stay in a small processor's cache


@dataclass(frozen=True)
class FrontEnd:
    """Mel spectrogram, optional logarithm, normalisation.

    Raises:
        ValueError: a value is out of its legal range; the message gives both.

    Example:
        >>> frontend = ea.FrontEnd(16000, n_fft=1024, win_length=640, hop_length=320, n_mels=64)
        >>> frontend.features(np.zeros(32000, np.float32)).shape  # [M, F] of 2 s
        (64, 101)
    """

    sample_rate_hz: int
    n_fft: int  # samples, even
    win_length: int  # samples, the window is centred in n_fft
    hop_length: int  # samples from one frame to the next
    n_mels: int
    f_min_hz: float = 0.0
    f_max_hz: float | None = None  # None: half the sample rate
    window: str = "hamming"
    mel_scale: str = "htk"
    mel_norm: str | None = None
    pre_emphasis: float = 0.0
    log: bool = True  # natural logarithm of max(mel power, log_floor)
    log_floor: float = 1e-5
    relative: bool = False  # mel power divided by its mean over the clip, mel by mel
    normalization: str = "clip"  # "none", "clip" (each clip's own) or "dataset" (mean, std below)
    mean: tuple[float, ...] = ()  # per mel
    std: tuple[float, ...] = ()  # per mel

    def __post_init__(self) -> None:
        check_fields(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.to_dict()  # without the cached tables, which other processes compute faster

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(self.from_dict(state).__dict__)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FrontEnd":
        """Build a front end from `to_dict`'s result, or JSON of it.

        Raises:
            ValueError: a key is unknown or missing, or a value illegal.
        """
        check_keys(cls, values)
        sequences = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **sequences})

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON has it, `relative` only where it is true.

        So files that have no use for it are read by versions that do not know it.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if not self.relative:
            del values["relative"]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def with_statistics(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> "FrontEnd":
        """The same front end, normalising with mean and standard deviation [M] of `levelled`.

        Kept to four significant digits: they travel in every model file, where digits are bytes.
        """
        means, deviations = (tuple(float(f"{x:.4g}") for x in np.asarray(v)) for v in (mean, std))
        return replace(self, normalization="dataset", mean=means, std=deviations)

    def key(self) -> str:
        """Twelve hexadecimal digits that stand for everything `raw` depends on."""
        values = {k: v for k, v in self.to_dict().items() if k not in _NORMALIZATION_FIELDS}
        values["f_max_hz"] = self.top_hz
        if not self.log:
            del values["log_floor"]
        numbers = {k: float(v) if isinstance(v, int) else v for k, v in values.items()}
        text = json.dumps([_KEY_VERSION, numbers], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def top_hz(self) -> float:
        """Where the last mel filter ends, in Hz."""
        return float(self.sample_rate_hz // 2 if self.f_max_hz is None else self.f_max_hz)

    @property
    def frames_per_s(self) -> float:
        """Frames per second of audio."""
        return self.sample_rate_hz / self.hop_length

    def hz_of_mel(self, mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Centre of a mel filter in Hz; fractions lie between, positions beyond the ends go on."""
        lowest, highest = (hz_to_mel(hz, self.mel_scale) for hz in (self.f_min_hz, self.top_hz))
        step = (highest - lowest) / (self.n_mels + 1)
        return mel_to_hz(lowest + step * (np.asarray(mel, np.float64) + 1), self.mel_scale)

    @property
    def min_samples(self) -> int:
        """The shortest audio that has features, in samples."""
        return 2 if self.pre_emphasis else 1

    @cached_property
    def mel_weights(self) -> Floats:
        """The mel filter bank [M, n_fft // 2 + 1]."""
        return filter_bank(
            sample_rate_hz=self.sample_rate_hz,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            f_min_hz=self.f_min_hz,
            f_max_hz=self.top_hz,
            mel_scale=self.mel_scale,
            mel_norm=self.mel_norm,
        )

    @cached_property
    def window_weights(self) -> npt.NDArray[np.float64]:
        """The analysis window [n_fft], float64."""
        return analysis_window(self.window, self.win_length, self.n_fft)

    @cached_property
    def _bank(self) -> BandedBank:
        return BandedBank.of(self.mel_weights)

    def n_frames(self, n_samples: int) -> int:
        """Frames of a clip of `n_samples`: 1 + samples // hop_length, 0 for an empty clip."""
        if n_samples < self.min_samples:
            return 0
        return 1 + (n_samples - (1 if self.pre_emphasis else 0)) // self.hop_length

    def frames_in(self, seconds: float) -> int:
        """Frames of a clip of so many seconds."""
        return self.n_frames(round(seconds * self.sample_rate_hz))

    def raw(self, audio: npt.ArrayLike) -> Floats:
        """Mel power or its logarithm, not normalised.

        Args:
            audio: floating-point mono samples [N] at `sample_rate_hz`.

        Returns:
            Features [M, n_frames(N)], float32, finite.

        Raises:
            ValueError: the clip is empty, not mono, not floating point, or not finite.
        """
        samples = checked_audio(audio)
        if len(samples) < self.min_samples:
            raise ValueError(
                f"audio has {len(samples)} samples, at least {self.min_samples} needed"
            )
        pad = self.n_fft // 2
        return self.spectra(reflect(self.emphasise(samples), pad, pad))

    def emphasise(self, samples: Samples) -> Samples:
        """Apply pre-emphasis to samples [N]: [N - 1], or [N] as they are without it."""
        if not self.pre_emphasis:
            return samples
        return samples[1:] - self.pre_emphasis * samples[:-1].astype(np.float64)

    def spectra(self, padded: Samples) -> Floats:
        """Raw features [M, k] of all k whole frames in padded, pre-emphasised audio.

        Up to the power spectrum all is float64: in float32 a strong tone's rounding error drowns
        the weak bins of its frame, and their logarithm.
        """
        n = max(0, 1 + (len(padded) - self.n_fft) // self.hop_length)
        features = np.empty((self.n_mels, n), np.float32)
        for first in range(0, n, _FRAMES_PER_CHUNK):
            last = min(first + _FRAMES_PER_CHUNK, n)
            span = padded[first * self.hop_length : (last - 1) * self.hop_length + self.n_fft]
            frames = np.lib.stride_tricks.sliding_window_view(span, self.n_fft)[:: self.hop_length]
            spectrum = np.fft.rfft(frames * self.window_weights)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            features[:, first:last] = self._bank(power.astype(np.float32)).T
        if self.log:
            np.log(np.maximum(features, np.float32(self.log_floor)), out=features)
        return features

    def levelled(self, raw: npt.ArrayLike) -> npt.NDArray[Any]:
        """Raw features divided by each mel's mean power over the clip, where `relative` asks.

        A microphone's response multiplies every frame of a mel by the same number, which goes with
        the mean; so does the level. Normalising frequencies one by one is what Kim et al., "Domain
        generalization on efficient acoustic scene classification using residual normalization",
        2021, found against unseen devices. They take the mean of the logarithms, which depends on
        how much of a clip is silent; that of the power does so less.

        Args:
            raw: features [M, F].

        Returns:
            Features [M, F] of the same kind, float64; as they are, float32, unless `relative`.
        """
        features = np.asarray(raw, np.float32)
        if not self.relative:
            return features
        power = features.astype(np.float64)
        power = np.exp(power) if self.log else power
        power = power / np.maximum(power.mean(axis=1, keepdims=True), LEAST_POWER)
        return np.log(power) if self.log else power

    def normalize(self, raw: npt.ArrayLike) -> Floats:
        """Normalise raw features, mel by mel, after `levelled`.

        "clip" subtracts each mel's mean over the frames and divides by its standard deviation over
        them, with n - 1 in the denominator (what `torch.std` computes unless told otherwise, so
        most plausibly what the paper's network was trained on); a single frame deviates by 0.
        "dataset" takes both from the stored statistics. Either divides by at least `STD_FLOOR`.

        Args:
            raw: features [M, F] with F ≥ 1.

        Returns:
            Features [M, F], float32.

        Raises:
            ValueError: the shape is another one, or statistics are called for and not there.
        """
        features = np.asarray(raw, np.float32)
        if features.ndim != 2 or features.shape[0] != self.n_mels or not features.shape[1]:
            shape = list(features.shape)
            raise ValueError(f"features must have the shape [{self.n_mels}, F ≥ 1], not {shape}")
        levelled = self.levelled(features)
        if self.normalization == "none":
            return levelled.astype(np.float32, copy=False)
        mean, std = self._statistics(levelled)
        return ((levelled - mean) / np.maximum(std, STD_FLOOR)).astype(np.float32)

    def _statistics(self, features: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Mean and standard deviation [M, 1] in float64: a floor of 0.001 magnifies rounding."""
        if self.normalization == "dataset":
            self.require_statistics()
            return np.array(self.mean)[:, np.newaxis], np.array(self.std)[:, np.newaxis]
        mean = features.mean(axis=1, keepdims=True, dtype=np.float64)
        square = np.square(features - mean).sum(axis=1, keepdims=True)
        return mean, np.sqrt(square / max(features.shape[1] - 1, 1))

    def require_statistics(self) -> None:
        """Raise ValueError when "dataset" normalisation has no statistics yet."""
        if self.normalization == "dataset" and not self.mean:
            raise ValueError(
                "front end normalises with data-set statistics, but mean and std are empty"
            )

    def features(self, audio: npt.ArrayLike) -> Floats:
        """What a network sees of the samples [N]: normalised features [M, F], float32."""
        return self.normalize(self.raw(audio))
