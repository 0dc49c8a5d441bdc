"""Ten synthetic scenes for the quickstart and the tests. Nothing here is a recording.

The scenes differ in how sound moves in time: rate and shape of a modulation, direction of a sweep,
attack, rhythm of events. What they sound like on average says little, because every synthetic
recording draws its own spectrum, pitch, background, level and device from the same ranges for all
scenes: a linear model on mean spectra does not get far, a small convolutional network does.

Letters: N samples.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from edge_asc.data.synthetic_scenes import SCENES, Signal, Timbre, coloured_noise
from edge_asc.files import atomic_write

N_FOLDS = 5
CLIPS_PER_RECORDING = 4
COLUMNS = ("path", "label", "fold", "device", "abstract", "group")
LICENSE_NOTE = "synthetic sound computed by edge-asc, no recordings; free for any use (CC0 1.0)"


@dataclass(frozen=True)
class Device:
    """A simulated microphone."""

    low_hz: float  # lower end of its band
    high_hz: float  # upper end
    resonance_hz: float
    resonance_db: float
    noise_db: float  # its own white noise, relative to the scene


DEVICES = {
    "synthetic_a": Device(60.0, 7500.0, 900.0, 3.0, -50.0),
    "synthetic_b": Device(220.0, 4000.0, 2400.0, 9.0, -35.0),
}


@dataclass(frozen=True)
class Take:
    """One line of the table, and what its audio is made from."""

    path: str
    scene: str
    fold: int
    device: str
    recording: str
    seed: tuple[int, ...]  # of this clip
    recording_seed: tuple[int, ...]  # shared by the clips of a recording


def write_synthetic(
    folder: Path | str,
    clips_per_class: int = 40,
    clip_s: float = 2.0,
    sample_rate_hz: int = 16000,
    seed: int = 0,
) -> Path:
    """Write ten synthetic scenes as 16-bit WAV files and a table that `open_dataset` reads.

    Four clips, two of each device, come from one synthetic recording; recordings are dealt to
    five folds.

    Args:
        folder: where to write; files of the same names are replaced.
        clips_per_class: clips of each scene, at least 1; 20 or more fill all folds.
        clip_s: seconds per clip, 0.5 to 60.
        sample_rate_hz: 8000 to 192000.
        seed: everything random follows from it; 0 or more.

    Returns:
        The table, `folder/synthetic.csv`, written last.

    Raises:
        ValueError: an argument out of its range.
        OSError: the folder cannot be written.
    """
    _check(clips_per_class, clip_s, sample_rate_hz, seed)
    folder = Path(folder)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    takes = list(_plan(clips_per_class, seed))
    for take in takes:
        audio = render(take, round(clip_s * sample_rate_hz), sample_rate_hz)
        soundfile.write(folder / take.path, audio, sample_rate_hz, subtype="PCM_16")
    (folder / "LICENSE.txt").write_text(f"{LICENSE_NOTE}\n", "utf-8")
    with (
        atomic_write(folder / "synthetic.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *map(_row, takes)])
    return folder / "synthetic.csv"


def _check(clips_per_class: int, clip_s: float, sample_rate_hz: int, seed: int) -> None:
    if clips_per_class < 1:
        raise ValueError(f"clips_per_class must be at least 1, not {clips_per_class}")
    if not 0.5 <= clip_s <= 60:
        raise ValueError(f"clip_s must be between 0.5 and 60, not {clip_s}")
    if not 8000 <= sample_rate_hz <= 192000:
        raise ValueError(f"sample_rate_hz must be between 8000 and 192000, not {sample_rate_hz}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, but it is {seed}")


def _plan(clips_per_class: int, seed: int) -> Iterator[Take]:
    devices = tuple(DEVICES)
    for number, scene in enumerate(SCENES):
        for index in range(clips_per_class):
            recording, piece = divmod(index, CLIPS_PER_RECORDING)
            yield Take(
                path=f"audio/{scene}-{recording:03d}-{piece}.wav",
                scene=scene,
                fold=1 + recording % N_FOLDS,
                device=devices[piece % len(devices)],
                recording=f"{scene}-{recording:03d}",
                seed=(seed, number, recording, 1 + piece),
                recording_seed=(seed, number, recording, 0),
            )


def _row(take: Take) -> tuple[str | int, ...]:
    abstract = SCENES[take.scene].abstract
    return take.path, take.scene, take.fold, take.device, abstract, take.recording


def render(take: Take, n_samples: int, sample_rate_hz: int) -> Signal:
    """Compute a clip's audio [N], full scale 1."""
    recording = np.random.default_rng(take.recording_seed)
    timbre = Timbre.draw(recording)
    level_db = recording.uniform(-24.0, -3.0)
    rng = np.random.default_rng(take.seed)
    foreground = SCENES[take.scene].sound(rng, timbre, n_samples, sample_rate_hz)
    background = coloured_noise(rng, timbre.background_db, n_samples, sample_rate_hz)
    mixed = foreground + 10 ** (timbre.background_level_db / 20) * background
    heard = _through(DEVICES[take.device], mixed, rng, sample_rate_hz)
    return heard * 10 ** (level_db / 20) / np.abs(heard).max()


def _through(device: Device, audio: Signal, rng: np.random.Generator, rate_hz: int) -> Signal:
    """What a device makes of a sound [N]."""
    f_hz = np.fft.rfftfreq(len(audio), 1 / rate_hz)
    band = 1 / np.sqrt(1 + (device.low_hz / np.maximum(f_hz, 1.0)) ** 6)
    band /= np.sqrt(1 + (f_hz / device.high_hz) ** 12)
    octaves = np.log2(np.maximum(f_hz, 1.0) / device.resonance_hz)
    peak = 10 ** (device.resonance_db / 20 * np.exp(-((2 * octaves) ** 2)))
    filtered = np.fft.irfft(np.fft.rfft(audio) * band * peak, len(audio))
    return filtered + 10 ** (device.noise_db / 20) * rng.standard_normal(len(audio))
