"""Our features are those of the paper's public code."""

import numpy as np
import pytest
import torch

from edge_asc.config.schema import load_preset
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.inputs.torchaudio_transforms import MelSpectrogram
from edge_asc.training.start_from.public_features import public_features

CLOSE = 1e-5
# Theirs are float32: a strong bin's rounding reaches the weak ones, so only to a clip's largest
# feature. Where torch has no vector unit its bank differs as well, see test_torch_frontend.py.
VECTORS = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
OURS = CLOSE if VECTORS else 1e-3


def sound(name: str, n: int) -> torch.Tensor:
    random = np.random.default_rng(0)
    noise, t = random.normal(size=n), np.arange(n) / 44100
    sounds = {
        "noise": 0.1 * noise,
        "quiet": 1e-3 * noise,
        "tone": 0.1 * noise + 0.3 * np.sin(2 * np.pi * 440 * t),
        "rumble": np.cumsum(noise) / 1000,
        "steps": noise * 10 ** (-4 * (t % 1)),  # from loud to the floor, every second
    }
    return torch.from_numpy(sounds[name]).float()


sounds = pytest.mark.parametrize("name", ["noise", "quiet", "tone", "rumble", "steps"])
lengths = pytest.mark.parametrize(("seconds", "n_frames"), [(5, 250), (5.00003, 251), (10, 500)])


@sounds
@lengths
@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
def test_features_are_torchaudios_normalised(name: str, seconds: float, n_frames: int) -> None:
    """The facts, written out: every figure of the front end, mean and deviation in float64."""
    audio = sound(name, round(seconds * 44100))
    transform = MelSpectrogram(
        44100, n_fft=2048, win_length=1764, hop_length=882, f_min=0.0, f_max=22050.0, pad=0,
        n_mels=256, window_fn=torch.hamming_window, power=2.0, normalized=False, center=True,
        pad_mode="reflect", norm=None, mel_scale="htk",
    )  # fmt: skip
    power = transform(audio[1:] - 0.97 * audio[:-1]).double().numpy()
    mean, deviation = power.mean(1, keepdims=True), power.std(1, ddof=1, keepdims=True)
    expected = (power - mean) / np.maximum(deviation, 0.001)
    found = public_features(audio)
    assert found.shape == expected.shape == (256, n_frames)
    assert np.abs(found.numpy() - expected).max() <= CLOSE


@sounds
@lengths
def test_both_front_ends_compute_them(name: str, seconds: float, n_frames: int) -> None:
    audio = sound(name, round(seconds * 44100))
    frontend = load_preset("amfm-full").front_end()
    theirs = public_features(audio)
    for ours in (
        torch.from_numpy(frontend.features(audio.numpy())),
        TorchFrontEnd(frontend)(audio[None])[0, 0],
    ):
        assert ours.shape == theirs.shape == (256, n_frames)
        assert (ours - theirs).abs().max() <= OURS * theirs.abs().max()
