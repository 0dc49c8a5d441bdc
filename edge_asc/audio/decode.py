"""Audio files: any format libsndfile reads, as mono float32 at the rate one asks for.

Those of phones and browsers (m4a, 3gp, webm, …) go through ffmpeg where it is installed.

A file may hold several sounds one after the other (a chained Ogg file, joined MP3 files): they are
heard as one. What is decoded is as long as what is there, or the file is refused.

soundfile and soxr are imported by the first file, not by this module: a command line that only
prints its help should not wait for them.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

import numpy as np

from edge_asc.audio.channels import Balance
from edge_asc.audio.ffmpeg import converted
from edge_asc.audio.formats.container import shortfall
from edge_asc.audio.formats.lame import check_music
from edge_asc.audio.formats.part import Damaged, Part, PartFile
from edge_asc.audio.formats.parts import parts_of
from edge_asc.audio.formats.samples_md5 import SamplesMd5
from edge_asc.audio.full_scale import FullScale
from edge_asc.audio.resampler import Resampler
from edge_asc.audio.samples import Floats, Samples, check_channel, checked_audio, mono
from edge_asc.audio.suffixes import FFMPEG_SUFFIXES

if TYPE_CHECKING:
    from soundfile import SoundFile

MIN_RATE_HZ = 1000  # of a file; below, nothing of a scene is left, and headers are damaged
_LOAD_BLOCK_S = 10.0
_MOST_SAMPLES = 1 << 20  # decoded at once, of all channels, whatever a header says
_JUDGED_S = 600.0  # of a file's beginning: whether its channels cancel each other
Mixing = Callable[[Samples], Samples]  # frames [n, C] as samples [n]


class AudioError(ValueError):
    """A file that gives no usable audio; the message is one line and begins with its path."""


T = TypeVar("T")
Use = Callable[["SoundFile", Part], Iterator[T]]


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says; of several sounds in a file, the first one's."""

    duration_s: float  # of all of them
    sample_rate_hz: int
    channels: int
    subtype: str  # libsndfile's name of the coding: "PCM_16", "PCM_24", "FLOAT", "VORBIS", …


def probe(path: Path | str) -> AudioInfo:
    """Read a file's header.

    Raises:
        AudioError: missing, a directory, empty, truncated or damaged (as far as the container
            tells), sampled too slowly for sound, or in no format libsndfile knows.
    """
    found = list(_each_sound(Path(path), _infos, to_its_end=False))
    duration_s = sum(info.duration_s for info in found)
    first = found[0]
    return AudioInfo(duration_s, first.sample_rate_hz, first.channels, first.subtype)


def load_audio(path: Path | str, sample_rate_hz: int) -> Floats:
    """Read a whole file as mono.

    Channels are averaged, unless they cancel each other: then it is the loudest one. Another rate
    than the file's is reached with soxr's HQ resampler.

    Args:
        path: the file.
        sample_rate_hz: rate of the result, at least 1.

    Returns:
        Samples [N], float32, N ≥ 1, full scale 1.

    Raises:
        AudioError: as for `probe`, or the file holds no sample, cannot be decoded to its end, or
            has a sample that is NaN, infinite or of another full scale than 1.
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
        channel: the one to take, from 1, or what makes one of all; None: all are averaged, as
            `load_audio` says.

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

    def resampled(file: "SoundFile", part: Part) -> Iterator[Floats]:
        n = _frames_at_once(file, block_s)
        parts = _mono_blocks(path, file, n, channel, SamplesMd5(part.md5, file.subtype))
        return _resampled(parts, Resampler(file.samplerate, sample_rate_hz))

    yield from (block for block in _each_sound(path, resampled) if len(block))


def fit_length(audio: Floats, n: int) -> Floats:
    """Cut audio [N] to its first `n` samples, or append zeros up to `n`."""
    if len(audio) >= n:
        return audio[:n]
    return np.concatenate([audio, np.zeros(n - len(audio), audio.dtype)])


def _each_sound(path: Path, use: Use[T], to_its_end: bool = True) -> Iterator[T]:
    """What is made of each of the sounds in a file, one opened after the other."""
    _check(path)
    with _readable(path), _source(path) as source, source.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        for part in parts_of(file, n_bytes):
            if missing := _missing(file, part):
                raise Damaged(f"truncated: {missing}")
            if to_its_end:
                check_music(file, part, n_bytes)
            is_whole = part.is_all_of(n_bytes)
            opened = os.fsencode(source) if is_whole else PartFile(file, part)
            yield from _one_sound(opened, part, use)


def _source(path: Path) -> AbstractContextManager[Path]:
    """The file that libsndfile is to read, while the block runs."""
    return converted(path) if path.suffix.lower() in FFMPEG_SUFFIXES else nullcontext(path)


def _one_sound(source: bytes | PartFile, part: Part, use: Use[T]) -> Iterator[T]:
    import soundfile

    with soundfile.SoundFile(source) as opened:
        if opened.samplerate < MIN_RATE_HZ:
            rate = f"sampled at {opened.samplerate} Hz"
            raise Damaged(f"{rate}, sound needs at least {MIN_RATE_HZ} Hz")
        yield from use(opened, part)


def _missing(file: BinaryIO, part: Part) -> str | None:
    whole = cast(BinaryIO, PartFile(file, part))
    n_bytes = whole.seek(0, os.SEEK_END)
    whole.seek(0)
    return shortfall(whole, n_bytes)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What goes wrong inside, in one line that begins with the path."""
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise AudioError(f"{path}: cannot be decoded: {reason}") from error
    except Damaged as error:
        raise AudioError(f"{path}: {error}") from error
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or 'cannot be read'}") from error


def _check(path: Path) -> None:
    """Raise AudioError for what soundfile reports badly or not at all."""
    try:
        status = path.stat()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or 'cannot be read'}") from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{path}: is a directory, not an audio file")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe could wait for ever
        raise AudioError(f"{path}: is not a regular file")
    if not status.st_size:
        raise AudioError(f"{path}: empty file, 0 bytes")
    if path.suffix.lower() == ".raw":  # soundfile goes by the name and wants a header from us
        raise AudioError(f"{path}: headerless audio cannot be decoded")


def _infos(file: "SoundFile", part: Part) -> Iterator[AudioInfo]:
    rate_hz = file.samplerate
    yield AudioInfo(file.frames / rate_hz, rate_hz, file.channels, file.subtype)


def _frames_at_once(file: "SoundFile", block_s: float) -> int:
    return max(1, min(round(block_s * file.samplerate), _MOST_SAMPLES // file.channels))


def _mono_blocks(
    path: Path, file: "SoundFile", n: int, channel: int | Mixing | None, md5: SamplesMd5
) -> Iterator[Floats]:
    """Yield at most n frames at a time, as one channel; check what only decoding shows."""
    done, scale = 0, FullScale()
    has_scale = file.subtype in ("FLOAT", "DOUBLE")
    try:
        frames = file.read(n, dtype="float32", always_2d=True)
        mix = channel if callable(channel) else _mixing(file, channel, frames)
        while len(frames):
            md5.add(frames)
            samples = checked_audio(mix(frames), done)
            if has_scale:
                scale.add(samples)
            yield samples
            done += len(frames)
            frames = file.read(n, dtype="float32", always_2d=True)
        scale.end()
    except ValueError as error:
        raise AudioError(f"{path}: {error}") from error
    if not done and not file.frames:
        raise AudioError(f"{path}: holds no audio, 0 frames")
    if done < file.frames:
        counts = f"header promises {file.frames} frames, {done} are there"
        raise AudioError(f"{path}: truncated: {counts}")
    md5.end()


def _mixing(file: "SoundFile", channel: int | None, first: Floats) -> Mixing:
    check_channel(channel, file.channels)
    return partial(mono, channel=_audible(file, first) if channel is None else channel)


def _audible(file: "SoundFile", first: Floats) -> int | None:
    """The channel to take of a sound whose first frames were read; None: the mean of all.

    The file is left behind these frames.
    """
    if file.channels == 1 or not file.seekable():
        return None
    balance, n = Balance(file.channels), _frames_at_once(file, _LOAD_BLOCK_S)
    balance.add(first)
    left = min(round(_JUDGED_S * file.samplerate), file.frames) - len(first)
    while left > 0 and len(frames := file.read(min(n, left), dtype="float32", always_2d=True)):
        balance.add(frames)
        left -= len(frames)
    if file.tell() > len(first):
        file.seek(len(first))
    return balance.only


def _resampled(parts: Iterator[Floats], resampler: Resampler) -> Iterator[Floats]:
    yield from map(resampler, parts)
    yield resampler.flush()
