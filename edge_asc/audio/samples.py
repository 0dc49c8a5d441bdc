"""Audio samples as every part takes them: checked, reflected at the ends; and in 16 bits."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.floating]  # float32 as they came, float64 after pre-emphasis

MAX_SAMPLE = 1e10  # beyond any integer PCM scale; its power still fits float32


def checked_audio(audio: npt.ArrayLike, first_index: int = 0) -> Floats:
    """Give mono audio as float32, or say which sample is unusable.

    Args:
        audio: floating-point samples [N], full scale 1.
        first_index: index of the first sample, for the message.

    Returns:
        Samples [N], float32.

    Raises:
        ValueError: not one-dimensional, not floating point, or a sample is NaN, infinite or beyond
            ±1e10.
    """
    array = np.asarray(audio)
    if array.ndim != 1:
        raise ValueError(f"audio must be one channel [N], but its shape is {list(array.shape)}")
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"audio must be floating point with full scale 1, but it is {array.dtype}")
    usable = np.abs(array) <= MAX_SAMPLE  # False for NaN as well
    if not usable.all():
        bad = int(np.argmin(usable))
        found = f"sample {first_index + bad} is {array[bad]}"
        raise ValueError(f"{found}: samples must be finite and within ±{MAX_SAMPLE:g}")
    return array.astype(np.float32, copy=False)


def mono(frames: npt.NDArray[np.floating], channel: int | None = None) -> Samples:
    """One channel of frames `[n, C]`, from 1, as it came; None: all of them averaged, in float64.

    In float64, because two channels near the largest float32 would add up to infinity.
    """
    if channel is not None or frames.shape[1] == 1:
        return frames[:, (channel or 1) - 1]
    return np.asarray(frames.mean(axis=1, dtype=np.float64))


def check_channel(channel: int | None, n_channels: int) -> None:
    """Raise ValueError where there is no such channel, in words that follow the source's name."""
    if channel is not None and not 1 <= channel <= n_channels:
        have = f"{n_channels} channels" if n_channels > 1 else "one channel"
        raise ValueError(f"has {have}, and no channel {channel}")


def to_int16(samples: Floats) -> npt.NDArray[np.int16]:
    """Samples [N], full scale 1, in 16 bits: what came from 16 bits comes out as it was."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def reflected(n: int, before: int, after: int) -> npt.NDArray[np.intp]:
    """Indices of the samples that stand around n ≥ 1 samples when both ends reflect.

    The outermost samples are not repeated (… 2 1 | 0 1 2 … n-1 | n-2 …). Pads longer than the
    audio go back and forth over it; a single sample repeats.

    Returns:
        Indices [before + after], first those in front.
    """
    positions = np.concatenate([np.arange(-before, 0), np.arange(n, n + after)])
    if n == 1:
        return np.zeros_like(positions)
    period = 2 * (n - 1)
    folded = positions % period
    return np.minimum(folded, period - folded)


def reflect(samples: Samples, before: int, after: int) -> Samples:
    """Samples [N] with reflections at both ends: [before + N + after]."""
    pads = samples[reflected(len(samples), before, after)]
    return np.concatenate([pads[:before], samples, pads[before:]])
