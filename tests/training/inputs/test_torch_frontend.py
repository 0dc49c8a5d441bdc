"""The two implementations against each other, and both against torchaudio as it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.inputs.torchaudio_transforms import MelSpectrogram
from front_ends import FRONT_ENDS, SMALL, noise, signals

# Both add float32 mel powers of float64 spectra, in another order.
RTOL = 1e-5
# torchaudio computes its bank in float32 with the processor's vector unit. Where there is none,
# the corners of narrow filters move by a last bit, which moves their weights by up to 5e-4.
VECTORS = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
BANK_RTOL = 1e-5 if VECTORS else 1e-4
# A constant offset lies below the first filter of a front end that begins at 125 Hz: what is left
# in its mels is the rounding of float32 samples, relative to which errors are larger (1.7e-5 seen).
OFFSET_RTOL = 1e-4

cases = pytest.mark.parametrize("frontend", FRONT_ENDS.values(), ids=FRONT_ENDS.keys())


def with_normalization(frontend: FrontEnd, normalization: str) -> FrontEnd:
    if normalization == "dataset":
        return frontend.with_statistics(
            np.linspace(-3, 3, frontend.n_mels), np.linspace(0, 2, frontend.n_mels)
        )
    return replace(frontend, normalization=normalization)


@cases
@pytest.mark.parametrize("name", signals(8000))
def test_torch_raw_is_numpy_raw(frontend: FrontEnd, name: str) -> None:
    audio = signals(frontend.sample_rate_hz)[name]
    got = TorchFrontEnd(frontend).raw(torch.from_numpy(audio)[None])[0, 0].numpy()
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, frontend.raw(audio), rtol=RTOL, atol=RTOL * frontend.log)


@cases
@pytest.mark.parametrize("normalization", ["none", "clip", "dataset"])
@pytest.mark.parametrize("relative", [False, True])
def test_torch_normalisation_is_numpy_normalisation(
    frontend: FrontEnd, normalization: str, relative: bool
) -> None:
    frontend = replace(with_normalization(frontend, normalization), relative=relative)
    raws = [frontend.raw(audio) for audio in signals(frontend.sample_rate_hz).values()]
    for raw in [*raws, raws[0][:, :1]]:
        got = TorchFrontEnd(frontend).normalize(torch.from_numpy(raw)[None, None])[0, 0]
        np.testing.assert_allclose(got, frontend.normalize(raw), rtol=RTOL, atol=RTOL)


def test_a_batch_is_its_clips() -> None:
    audio = np.stack([noise(3000, seed) * 10 for seed in range(3)])
    got = TorchFrontEnd(SMALL)(torch.from_numpy(audio))
    assert got.shape == (3, 1, SMALL.n_mels, SMALL.n_frames(3000))
    expected = np.stack([SMALL.features(clip) for clip in audio])[:, np.newaxis]
    np.testing.assert_allclose(got, expected, rtol=RTOL, atol=RTOL)


def torchaudio_mel_power(frontend: FrontEnd, audio: np.ndarray) -> np.ndarray:
    """torchaudio alone, in float32 as everybody runs it: [M, F]."""
    window = {"hamming": torch.hamming_window, "hann": torch.hann_window}[frontend.window]
    transform = MelSpectrogram(
        frontend.sample_rate_hz,
        frontend.n_fft,
        frontend.win_length,
        frontend.hop_length,
        frontend.f_min_hz,
        frontend.f_max_hz,
        n_mels=frontend.n_mels,
        window_fn=window,
        norm=frontend.mel_norm,
        mel_scale=frontend.mel_scale,
    )
    return transform(torch.from_numpy(audio)).numpy().astype(np.float64)


@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
@cases
@pytest.mark.parametrize("name", ["noise", "tone", "offset"])
def test_numpy_is_torchaudio(frontend: FrontEnd, name: str) -> None:
    frontend = replace(frontend, pre_emphasis=0.0, log=False)
    audio = signals(frontend.sample_rate_hz)[name]
    expected = torchaudio_mel_power(frontend, audio)
    # Relative to each frame's strongest mel: what is 60 dB below it, float32 spectra round away.
    error = np.abs(frontend.raw(audio) - expected) / expected.max(axis=0)
    offset_is_outside = name == "offset" and frontend.f_min_hz > 100
    assert error.max() <= (OFFSET_RTOL if offset_is_outside else BANK_RTOL)


@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
@cases
def test_mel_by_mel_numpy_is_torchaudio(frontend: FrontEnd) -> None:
    frontend = replace(frontend, pre_emphasis=0.0, log=False)
    audio = noise(frontend.sample_rate_hz)
    expected = torchaudio_mel_power(frontend, audio)
    got = frontend.raw(audio)
    energy = np.linalg.norm(expected, axis=1)
    error = np.linalg.norm(got - expected, axis=1) / np.where(energy > 0, energy, 1.0)
    assert np.median(error) <= 1e-6
    # Vectorised powers are right to one unit in the last place, not to half of one: the few corners
    # that come out on the other side move the weights of a narrow filter by up to 5e-5.
    assert (error > BANK_RTOL).mean() <= 0.05
    assert error.max() <= 10 * BANK_RTOL


def test_float32_on_request_is_right_to_each_frames_strongest_mel() -> None:
    frontend = FRONT_ENDS["htk-256-raw"]
    audio = signals(frontend.sample_rate_hz)["tone"]
    got = TorchFrontEnd(frontend).float().raw(torch.from_numpy(audio)[None])[0, 0].numpy()
    expected = frontend.raw(audio)
    assert (np.abs(got - expected) / expected.max(axis=0)).max() <= 1e-5


def test_it_adds_nothing_to_a_checkpoint() -> None:
    network = nn.Sequential(TorchFrontEnd(SMALL), nn.Conv2d(1, 2, 3))
    assert list(network.state_dict()) == ["1.weight", "1.bias"]
    assert not list(TorchFrontEnd(SMALL).parameters())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -2e10])
def test_the_first_unusable_sample_is_named(bad: float) -> None:
    audio = torch.zeros(3, 500)
    audio[1, 123] = audio[1, 400] = audio[2, 0] = bad
    with pytest.raises(ValueError, match=r"^sample 123 of clip 1 is .*finite and within"):
        TorchFrontEnd(SMALL)(audio)


def test_other_shapes_are_refused() -> None:
    for shape in [(500,), (2, 0), (2, 1, 500)]:
        with pytest.raises(ValueError, match=r"shape \[B, N ≥ 1\]"):
            TorchFrontEnd(SMALL)(torch.zeros(shape))


def test_dataset_normalisation_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="mean and std are empty"):
        TorchFrontEnd(replace(SMALL, normalization="dataset"))(torch.zeros(1, 500))
