"""Recordings of one's own sounds, a folder for each: tones that any encoder tells apart."""

from pathlib import Path

import numpy as np
import soundfile

PITCH_HZ = {"bell": 900.0, "hum": 120.0, "low": 60.0, "whistle": 3000.0}
RATE_HZ, SECONDS = 16000, 5.0


def write_sounds(
    folder: Path, recordings: int = 3, labels: tuple[str, ...] = ("bell", "hum")
) -> Path:
    """Some recordings of each, in noise that is never the same."""
    for label in labels:
        for i in range(recordings):
            rng = np.random.default_rng([i, *label.encode()])
            time_s = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
            wave = 0.3 * np.sin(2 * np.pi * PITCH_HZ[label] * rng.uniform(0.97, 1.03) * time_s)
            wave += 0.01 * rng.standard_normal(len(wave))
            path = folder / label / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, wave.astype(np.float32), RATE_HZ)
    return folder
