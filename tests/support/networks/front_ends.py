"""Front ends and signals that the tests of both implementations share."""

import numpy as np

from edge_asc.config.schema import PRESETS, load_preset
from edge_asc.frontend.front_end import FrontEnd

SMALL = FrontEnd(8000, n_fft=64, win_length=50, hop_length=20, n_mels=10, log=False)

SHIPPED = [name for name in PRESETS if "/" not in name]  # the paper's rows have that of amfm-full
FRONT_ENDS = {name: load_preset(name).front_end() for name in SHIPPED} | {
    "htk-256-raw": FrontEnd(44100, 2048, 1764, 882, 256, pre_emphasis=0.97, log=False),
    "hann-slaney-128": FrontEnd(
        22050, 2048, 2048, 512, 128, window="hann", mel_scale="slaney", mel_norm="slaney"
    ),
    "16k-band": FrontEnd(16000, 512, 400, 160, 40, f_min_hz=60.0, f_max_hz=7600.0),
    "odd-rate-odd-window": FrontEnd(11025, 256, 201, 100, 32, mel_norm="slaney", log_floor=1e-8),
    "small": SMALL,
}


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=0.1, size=n).astype(np.float32)


def signals(sample_rate_hz: int) -> dict[str, np.ndarray]:
    """Float32 clips of under a second that are hard in different ways."""
    n = sample_rate_hz * 3 // 5
    tone = np.sin(2 * np.pi * 440 / sample_rate_hz * np.arange(n)).astype(np.float32)
    click = np.zeros(n, np.float32)
    click[n // 3] = 1.0
    return {
        "noise": noise(n),
        "tone": tone,  # 140 dB between its bin and the weakest
        "click-in-silence": click,
        "silence": np.zeros(n, np.float32),
        "offset": noise(n) * 1e-3 + 0.5,
        "integer-scale": noise(n) * 2.0**31,
        "shorter-than-a-window": noise(37),
        "two-samples": noise(2),
    }
