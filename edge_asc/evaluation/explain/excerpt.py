"""One window of a recording as a network sees it. Letters: M mels, F frames."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_asc.audio.decode import AudioError, blocks, fit_length, probe
from edge_asc.audio.samples import Floats
from edge_asc.frontend.front_end import FrontEnd

BLOCK_S = 10.0  # decoded at a time


@dataclass(frozen=True)
class Excerpt:
    """A window of an audio file."""

    path: Path
    frontend: FrontEnd  # what computed the features
    features: Floats  # normalised over the window, `[M, F]`
    start_s: float  # where the window begins in the file
    window_s: float  # its length
    audio_s: float  # length of the file; where that is less, silence fills the window

    @property
    def text(self) -> str:
        """File and window in one line."""
        end_s = self.start_s + self.window_s
        silence = f", silence from {self.audio_s:.1f} s on" if self.audio_s < self.window_s else ""
        return (
            f"{self.path.name}, {self.start_s:.1f} to {end_s:.1f} of {self.audio_s:.1f} s{silence}"
        )


def read_excerpt(
    path: Path, frontend: FrontEnd, window_s: float, n_frames: int, at_s: float = 0.0
) -> Excerpt:
    """Read one window of a file; one that would end behind the file is moved to end with it.

    Features are those of the whole file, cut and then normalised, as in evaluation. The window, in
    seconds and in frames, is what the network was trained on; it begins at `at_s`.

    Raises:
        ValueError: the file is unusable (`AudioError`), or ends before `at_s`.
    """
    audio_s = probe(path).duration_s
    if not 0 <= at_s < audio_s:
        raise ValueError(f"{path}: no window begins at {at_s:g} s, the audio ends at {audio_s:g} s")
    rate_hz = frontend.sample_rate_hz
    wanted = round((at_s + window_s) * rate_hz) + frontend.n_fft  # the last frames look ahead
    parts: list[Floats] = []
    for part in blocks(path, rate_hz, BLOCK_S):
        parts.append(part)
        if sum(map(len, parts)) >= wanted:
            break
    if not parts:
        raise AudioError(f"{path}: too short for one sample at {rate_hz} Hz")
    audio = np.concatenate(parts)
    raw = frontend.raw(fit_length(audio, max(len(audio), round(window_s * rate_hz))))
    first = max(0, min(round(at_s * frontend.frames_per_s), raw.shape[1] - n_frames))
    features = frontend.normalize(raw[:, first : first + n_frames])
    return Excerpt(path, frontend, features, first / frontend.frames_per_s, window_s, audio_s)
