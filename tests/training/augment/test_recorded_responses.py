"""Training through recorded impulse responses."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.audio.microphones.recorded import BEFORE_PEAK_S, RecordedResponse, Responses
from edge_asc.config.schema import load_preset
from edge_asc.data.cache import FeatureCache
from edge_asc.data.open import open_dataset
from edge_asc.training.inputs.load import prepare
from small_run import SMALL

RATE_HZ = 8000
SINGLE = 1e-6  # float32 of values around 1


def write_response(path: Path, seed: int, delay_s: float = 0.05, rate_hz: int = RATE_HZ) -> Path:
    """A delayed click with a tail of noise."""
    rng = np.random.default_rng(seed)
    n, start = round(0.2 * rate_hz), round(delay_s * rate_hz)
    samples = np.zeros(n)
    samples[start:] = 0.05 * rng.standard_normal(n - start) * np.exp(-np.arange(n - start) / 200)
    samples[start] = 0.5
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return path


def test_a_sound_is_convolved_without_delay_and_keeps_its_level(tmp_path: Path) -> None:
    path = write_response(tmp_path / "a.wav", 1)
    audio = np.random.default_rng(0).standard_normal(40_000)
    heard = RecordedResponse(path).hear(audio, RATE_HZ)
    samples, _ = soundfile.read(path)
    kept = samples[round(0.05 * RATE_HZ) - round(BEFORE_PEAK_S * RATE_HZ) :]
    expected = fftconvolve(audio, kept / np.sqrt((kept**2).sum()))[: len(audio)]
    assert heard == pytest.approx(expected, abs=10 * SINGLE)
    assert np.std(heard) == pytest.approx(np.std(audio), rel=0.02)  # of 40,000 samples
    lag = np.abs(fftconvolve(heard, audio[::-1])).argmax() - (len(audio) - 1)
    assert lag == round(BEFORE_PEAK_S * RATE_HZ)


def test_a_response_of_another_rate_is_resampled(tmp_path: Path) -> None:
    path = write_response(tmp_path / "a.wav", 1, rate_hz=48_000)
    click = np.zeros(4000)
    click[0] = 1
    heard = RecordedResponse(path).hear(click, RATE_HZ)
    assert np.abs(heard).argmax() == pytest.approx(BEFORE_PEAK_S * RATE_HZ, abs=1)


def test_training_clips_are_heard_through_them(scenes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "responses"
    for n in range(4):
        write_response(folder / f"{n}.wav", n)
    settings = ["data.microphones=2", f"augment.impulse_responses={folder}"]
    config = load_preset("nano", [*SMALL, *settings])
    dataset = open_dataset(scenes)
    made = prepare(config, dataset, 1, seed=0, progress=False, cache=tmp_path / "cache")
    assert (made.train.n_versions, made.train.n_plain) == (3, 1)
    clip, responses = dataset.clips[0], Responses.of(folder, 2)
    frontend = config.front_end()
    cache = FeatureCache(frontend, 1.0, tmp_path / "one", heard=1, responses=responses)
    sound = responses.response_for(clip.path.name, 1).hear(load_audio(clip.path, RATE_HZ), RATE_HZ)
    assert np.array_equal(cache.load([clip])[0], frontend.raw(fit_length(sound, RATE_HZ)))
    before = cache.folder
    write_response(folder / "0.wav", 9, delay_s=0.1)
    again = FeatureCache(
        frontend, 1.0, tmp_path / "one", heard=1, responses=Responses.of(folder, 2)
    )
    assert again.folder != before


def test_every_clip_has_an_order_of_its_own(tmp_path: Path) -> None:
    for n in range(8):
        write_response(tmp_path / f"{n}.wav", n)
    responses = Responses.of(tmp_path, 8)
    orders = {
        tuple(responses.response_for(f"{clip}.wav", v).path.name for v in range(8))
        for clip in range(20)
    }
    assert len(orders) > 10 and all(len(set(order)) == 8 for order in orders)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs data\.microphones above 0"):
        load_preset("nano", ["augment.impulse_responses=x"])
    with pytest.raises(ValueError, match="no such folder"):
        Responses.of(tmp_path / "none", 1)
    write_response(tmp_path / "a.wav", 0)
    with pytest.raises(ValueError, match=r"holds 1 impulse responses, data\.microphones wants 2"):
        Responses.of(tmp_path, 2)
    soundfile.write(tmp_path / "b.wav", np.zeros(800), RATE_HZ)
    with pytest.raises(ValueError, match=r"b\.wav: silence is no impulse response"):
        Responses.of(tmp_path, 2)
