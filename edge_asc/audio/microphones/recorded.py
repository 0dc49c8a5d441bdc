"""Impulse responses that somebody measured, such as those of MicIRP, in place of generated ones."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from edge_asc.audio.decode import load_audio
from edge_asc.audio.found import audio_in
from edge_asc.audio.microphones.response import Doubles, convolve
from edge_asc.audio.samples import Floats

BEFORE_PEAK_S = 0.001  # of a response that is kept: what comes earlier would be heard as a delay
LONGEST_S = 2.0
LEAST_PEAK = 1e-6  # full scale 1: below it a file holds silence


@dataclass(frozen=True)
class RecordedResponse:
    """What a microphone, or a room, made of a click.

    Attributes:
        path: its file, of any rate.
    """

    path: Path

    def hear(self, audio: npt.NDArray[np.floating], sample_rate_hz: int, salt: str = "") -> Floats:
        """The sound through it: samples `[N]` as loud as before where the sound is white."""
        return convolve(audio, _impulse(self.path, sample_rate_hz)).astype(np.float32)


@dataclass(frozen=True)
class Responses:
    """The impulse responses of a folder.

    Attributes:
        paths: their files, in order.
    """

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, count: int) -> "Responses":
        """Those of a folder, of which a clip is to be heard through `count`.

        Raises:
            ValueError: no folder, fewer files than that, or one of silence.
        """
        if not folder.is_dir():
            raise ValueError(f"augment.impulse_responses = {str(folder)!r}: no such folder")
        found = cls(tuple(audio_in(folder)))
        if len(found.paths) < count:
            raise ValueError(
                f"{folder} holds {len(found.paths)} impulse responses,"
                f" data.microphones wants {count}"
            )
        for path in found.paths:
            if np.abs(load_audio(path, 8000)).max(initial=0.0) < LEAST_PEAK:
                raise ValueError(f"{path}: silence is no impulse response")
        return found

    def response_for(self, name: str, version: int) -> RecordedResponse:
        """The one that hears a training clip in one of its versions.

        Every clip has them in an order of its own.
        """
        random = Random(name)
        drawn = [random.random() for _ in self.paths]  # not shuffle: Python may change that one
        order = sorted(range(len(drawn)), key=drawn.__getitem__)
        return RecordedResponse(self.paths[order[version]])

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with any of the files."""
        facts = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in self.paths]
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


@cache
def _impulse(path: Path, sample_rate_hz: int) -> Doubles:
    """From just before its peak on, of energy 1."""
    samples = np.asarray(load_audio(path, sample_rate_hz), np.float64)
    start = max(0, int(np.abs(samples).argmax()) - round(BEFORE_PEAK_S * sample_rate_hz))
    kept = samples[start : start + round(LONGEST_S * sample_rate_hz)]
    found: Doubles = kept / np.sqrt(np.sum(kept**2))
    return found
