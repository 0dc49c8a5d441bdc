"""Audio files: any format libsndfile reads, as mono float32 at the rate one asks for.

soundfile and soxr are imported by the first file, not by this module: a command line that only
prints its help should not wait for them.
"""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_asc.audio.resampler import Resampler
from edge_asc.audio.samples import Floats, Samples, check_channel, checked_audio, mono
from edge_asc.audio.truncation import shortfall

if TYPE_CHECKING:
    from soundfile import SoundFile

_LOAD_BLOCK_S = 10.0
Mixing = Callable[[Samples], Samples]  # frames [n, C] as samples [n]
_NAMES = "aif aifc aiff au caf flac mp3 oga ogg opus rf64 snd w64 wav wave"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())  # taken as audio in folders


class AudioError(ValueError):
    """A file that gives no usable audio; the message is one line and begins with its path."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says."""

    duration_s: float
    sample_rate_hz: int
    channels: int
    subtype: str  # libsndfile's name of the coding: "PCM_16", "PCM_24", "FLOAT", "VORBIS", …


def probe(path: Path | str) -> AudioInfo:
    """Read a file's header.

    Raises:
        AudioError: missing, a directory, empty, truncated (as far as the header tells), or in no
            format libsndfile knows.
    """
    with _opened(Path(path)) as file:
        rate_hz = file.samplerate
        return AudioInfo(file.frames / rate_hz, rate_hz, file.channels, file.subtype)


def load_audio(path: Path | str, sample_rate_hz: int) -> Floats:
    """Read a whole file as mono.

    Channels are averaged; another rate than the file's is reached with soxr's HQ resampler.

    Args:
        path: the file.
        sample_rate_hz: rate of the result, at least 1.

    Returns:
        Samples [N], float32, N ≥ 1, full scale 1.

    Raises:
        AudioError: as for `probe`, or the file holds no sample, cannot be decoded to its end, or
            has a sample that is NaN or infinite.
    """
    parts = list(blocks(path, sample_rate_hz, _LOAD_BLOCK_S))
    if not parts:  # a sample or two, resampled to none
        raise AudioError(f"{path}: too short for one sample at {sample_rate_hz} Hz")
    return np.concatenate(parts)


def blocks(
    path: Path | str,
    sample_rate_hz: int,
    block_s: float,
    channel: int | Mixing | None = None,
) -> Iterator[Floats]:
    """Read a file block by block, in memory that does not grow with its length.

    Args:
        path: the file.
        sample_rate_hz: rate of the blocks, at least 1.
        block_s: seconds read at a time. A resampler's delay makes blocks differ in length.
        channel: the one to take, from 1, or what makes one of all; None: they are averaged.

    Yields:
        Samples [n ≥ 1]; joined they are `load_audio`'s.

    Raises:
        AudioError: as for `load_audio`, when the iteration gets there.
    """
    if sample_rate_hz < 1:
        raise ValueError(f"sample_rate_hz is {sample_rate_hz}, must be at least 1")
    if not block_s > 0:
        raise ValueError(f"block_s is {block_s}, must be above 0")
    path = Path(path)
    with _opened(path) as file:
        n = max(1, round(block_s * file.samplerate))
        parts = _mono_blocks(path, file, n, channel)
        resampled = _resampled(parts, Resampler(file.samplerate, sample_rate_hz))
        yield from (block for block in resampled if len(block))


def fit_length(audio: Floats, n: int) -> Floats:
    """Cut audio [N] to its first `n` samples, or append zeros up to `n`."""
    if len(audio) >= n:
        return audio[:n]
    return np.concatenate([audio, np.zeros(n - len(audio), audio.dtype)])


@contextmanager
def _opened(path: Path) -> Iterator["SoundFile"]:
    import soundfile

    _check(path)
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise AudioError(f"{path}: cannot be decoded: {reason}") from error


def _check(path: Path) -> None:
    """Raise AudioError for what soundfile reports badly or not at all."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{path}: is a directory, not an audio file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe could wait for ever
            raise AudioError(f"{path}: is not a regular file")
        if not status.st_size:
            raise AudioError(f"{path}: empty file, 0 bytes")
        if path.suffix.lower() == ".raw":  # soundfile goes by the name and wants a header from us
            raise AudioError(f"{path}: headerless audio cannot be decoded")
        missing = shortfall(path)
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or 'cannot be read'}") from error
    if missing:
        raise AudioError(f"{path}: truncated: {missing}")


def _mono_blocks(
    path: Path, file: "SoundFile", n: int, channel: int | Mixing | None
) -> Iterator[Floats]:
    """Yield at most n frames at a time, as one channel; check what only decoding shows."""
    done = 0
    mix = channel if callable(channel) else _channel_of(path, file, channel)
    while len(frames := file.read(n, dtype="float32", always_2d=True)):
        yield _checked(path, mix(frames), done)
        done += len(frames)
    if not done and not file.frames:
        raise AudioError(f"{path}: holds no audio, 0 frames")
    if done < file.frames:
        counts = f"header promises {file.frames} frames, {done} are there"
        raise AudioError(f"{path}: truncated: {counts}")


def _channel_of(path: Path, file: "SoundFile", channel: int | None) -> Mixing:
    try:
        check_channel(channel, file.channels)
    except ValueError as error:
        raise AudioError(f"{path}: {error}") from error
    return partial(mono, channel=channel)


def _checked(path: Path, samples: Samples, first_index: int) -> Floats:
    try:
        return checked_audio(samples, first_index)
    except ValueError as error:
        raise AudioError(f"{path}: {error}") from error


def _resampled(parts: Iterator[Floats], resampler: Resampler) -> Iterator[Floats]:
    yield from map(resampler, parts)
    yield resampler.flush()
