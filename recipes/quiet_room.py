"""For `recipes/calibration.sh`: a quiet room as microphones hear it, steady noise of 24 kinds.

`quiet_room.py FOLDER` writes a data set of white, pink and brown noise, 5 s each, at -80 to -45 dB
of full scale (root mean square). Nobody would name it; its labels are the colours.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE_HZ = 44_100
CLIP_S = 5
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}  # power falls with this power of frequency
LEVELS_DBFS = (-80, -75, -70, -65, -60, -55, -50, -45)


def noise(exponent: float, level_dbfs: float, random: np.random.Generator) -> np.ndarray:
    """Noise [N], float64."""
    n = SAMPLE_RATE_HZ * CLIP_S
    frequencies_hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(random.standard_normal(n))
    spectrum[1:] *= frequencies_hz[1:] ** (-exponent / 2)
    spectrum[0] = 0
    samples = np.fft.irfft(spectrum, n)
    return samples / np.sqrt(np.mean(samples**2)) * 10 ** (level_dbfs / 20)


def main(folder: Path) -> None:
    """Write the data set, one folder per colour."""
    random = np.random.default_rng(0)
    for colour, exponent in COLOURS.items():
        (folder / colour).mkdir(parents=True, exist_ok=True)
        for level_dbfs in LEVELS_DBFS:
            path = folder / colour / f"{-level_dbfs}-below-full-scale.wav"
            soundfile.write(
                path, noise(exponent, level_dbfs, random), SAMPLE_RATE_HZ, subtype="FLOAT"
            )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
