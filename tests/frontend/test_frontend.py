"""Laws of the numpy front end, against slow definitions and against mathematics."""

import json
import math
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_asc.audio.samples import MAX_SAMPLE, reflect
from edge_asc.frontend.front_end import STD_FLOOR, FrontEnd
from edge_asc.frontend.mel import BandedBank, hz_to_mel, mel_to_hz
from front_ends import FRONT_ENDS, SMALL, noise, signals

# Mel filters add positive float32 powers of float64 spectra: a few roundings of 6e-8 each.
RTOL = 2e-6
PAPER = FRONT_ENDS["htk-256-raw"]

cases = pytest.mark.parametrize("frontend", FRONT_ENDS.values(), ids=FRONT_ENDS.keys())


def mel_power_by_definition(frontend: FrontEnd, audio: np.ndarray) -> np.ndarray:
    """Frame by frame, in float64, with numpy's own padding and a dense filter bank."""
    x = audio.astype(np.float64)
    if frontend.pre_emphasis:
        x = x[1:] - frontend.pre_emphasis * x[:-1]
    x = np.pad(x, frontend.n_fft // 2, mode="reflect")
    t = np.arange(frontend.win_length)
    a = {"hamming": 0.54, "hann": 0.5}[frontend.window]
    window = a - (1 - a) * np.cos(2 * np.pi * t / frontend.win_length)
    left = (frontend.n_fft - frontend.win_length) // 2
    frames = []
    for start in range(0, len(x) - frontend.n_fft + 1, frontend.hop_length):
        frame = x[start + left : start + left + frontend.win_length]
        frames.append(np.abs(np.fft.rfft(frame * window, frontend.n_fft)) ** 2)
    return frontend.mel_weights.astype(np.float64) @ np.array(frames).T


@cases
@pytest.mark.parametrize("name", ["noise", "click-in-silence", "shorter-than-a-window"])
def test_raw_is_the_definition(frontend: FrontEnd, name: str) -> None:
    audio = signals(frontend.sample_rate_hz)[name]
    expected = mel_power_by_definition(frontend, audio)
    got = frontend.raw(audio).astype(np.float64)
    if frontend.log:
        expected = np.log(np.maximum(expected, frontend.log_floor))
    np.testing.assert_allclose(got, expected, rtol=RTOL, atol=RTOL if frontend.log else 1e-12)


# HTK subtracts 1 from a power near 1: an absolute error of 700 Hz times the type's step.
@pytest.mark.parametrize(
    ("real", "rtol", "atol_hz"), [(np.float32, 2e-6, 2e-4), (np.float64, 1e-12, 1e-9)]
)
@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scales_invert_themselves(scale: str, real: Any, rtol: float, atol_hz: float) -> None:
    hz = np.array([0.0, 20.0, 440.0, 999.0, 1000.0, 1001.0, 8000.0, 22050.0])
    mels = np.array([hz_to_mel(f, scale) for f in hz], real)
    assert (np.diff(mels) > 0).all()
    back_hz = mel_to_hz(mels, scale)
    assert back_hz.dtype == real
    np.testing.assert_allclose(back_hz, hz, rtol=rtol, atol=atol_hz)


def test_mel_scales_have_their_published_anchors() -> None:
    assert hz_to_mel(1000.0, "htk") == pytest.approx(1000.0, abs=0.02)
    assert hz_to_mel(1000.0, "slaney") == pytest.approx(15.0)
    assert hz_to_mel(6400.0, "slaney") == pytest.approx(42.0)


def test_slaney_norm_gives_every_filter_the_area_of_one_hertz() -> None:
    frontend = FrontEnd(16000, 8192, 8192, 4096, 20, mel_norm="slaney")
    area = frontend.mel_weights.sum(axis=1, dtype=np.float64) * 16000 / 8192
    # Corners fall between bins, about 40 of which lie under the narrowest filter.
    np.testing.assert_allclose(area, 1.0, rtol=1e-2)


def test_banded_bank_is_the_dense_product() -> None:
    power = np.random.default_rng(0).exponential(size=(7, 1025)).astype(np.float32)
    expected = power @ PAPER.mel_weights.T
    np.testing.assert_allclose(BandedBank.of(PAPER.mel_weights)(power), expected, rtol=RTOL)


def test_one_of_the_papers_256_filters_is_empty_and_harmless() -> None:
    empty = ~PAPER.mel_weights.any(axis=1)
    assert empty.sum() == 1
    assert not PAPER.raw(noise(4000))[empty].any()
    assert not PAPER.features(noise(4000))[empty].any()
    logarithmic = replace(PAPER, log=True).raw(noise(4000))
    assert (logarithmic[empty] == np.float32(math.log(1e-5))).all()


@pytest.mark.parametrize("tone_hz", [100.0, 1000.0, 7000.0])
def test_a_tone_stands_in_the_mel_that_covers_it(tone_hz: float) -> None:
    frontend = FrontEnd(16000, 1024, 1024, 512, 32, window="hann", log=False)
    tone = np.sin(2 * np.pi * tone_hz / 16000 * np.arange(16000))
    loudest = frontend.raw(tone)[:, 5:-5].mean(axis=1).argmax()
    step = hz_to_mel(8000.0, "htk") / 33
    assert abs(hz_to_mel(tone_hz, "htk") / step - (loudest + 1)) <= 0.5


def test_pre_emphasis_drops_a_sample_and_a_constant() -> None:
    frontend = replace(SMALL, pre_emphasis=1.0)
    assert not frontend.raw(np.full(200, 0.25)).any()
    assert frontend.n_frames(201) == SMALL.n_frames(200)


@given(st.integers(1, 20), st.integers(0, 50), st.integers(0, 50))
def test_reflection_walks_to_the_end_and_back(n: int, before: int, after: int) -> None:
    audio = np.arange(float(n))
    walk = [*range(n), *range(n - 2, 0, -1)]
    expected = [walk[i % len(walk)] for i in range(-before, n + after)]
    np.testing.assert_array_equal(reflect(audio, before, after), expected)


@cases
def test_n_frames_is_what_raw_gives(frontend: FrontEnd) -> None:
    hop, n_fft = frontend.hop_length, frontend.n_fft
    for n in [2, 3, hop - 1, hop, hop + 1, n_fft // 2, n_fft // 2 + 1, n_fft, 3 * n_fft + hop]:
        assert frontend.raw(noise(n)).shape == (frontend.n_mels, frontend.n_frames(n))


def test_five_seconds_of_the_paper() -> None:
    assert replace(PAPER, pre_emphasis=0.0).n_frames(5 * 44100) == 251
    assert PAPER.n_frames(5 * 44100 + 1) == 251  # the sample that pre-emphasis takes
    assert PAPER.frames_per_s == 50.0


@cases
@pytest.mark.parametrize("normalization", ["none", "clip", "dataset"])
def test_digital_silence_has_features(frontend: FrontEnd, normalization: str) -> None:
    statistics = {"mean": (1.0,) * frontend.n_mels, "std": (0.0,) * frontend.n_mels}
    extra = statistics if normalization == "dataset" else {}
    frontend = replace(frontend, normalization=normalization, **extra)
    silence = np.float32(math.log(frontend.log_floor) if frontend.log else 0.0)
    features = frontend.features(np.zeros(9000))
    expected = {"none": silence, "clip": 0.0, "dataset": (silence - 1) / STD_FLOOR}
    np.testing.assert_allclose(features, expected[normalization], rtol=1e-6)


anything_usable = hnp.arrays(
    np.float64, st.integers(2, 300), elements=st.floats(-MAX_SAMPLE, MAX_SAMPLE)
)


@given(anything_usable, st.booleans(), st.sampled_from(["none", "clip"]))
def test_whatever_goes_in_finite_features_come_out(
    audio: np.ndarray, log: bool, normalization: str
) -> None:
    frontend = replace(SMALL, log=log, normalization=normalization, pre_emphasis=0.97)
    assert np.isfinite(frontend.features(audio)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e10, -2e10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_unusable_sample_is_named(bad: float, dtype: type) -> None:
    audio = noise(500).astype(dtype)
    audio[[123, 400]] = bad
    with pytest.raises(ValueError, match=r"^sample 123 is .*finite and within ±1e\+10$"):
        SMALL.raw(audio)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(0), "audio has 0 samples, at least 1 needed"),
        (np.zeros((2, 100)), r"one channel \[N\], but its shape is \[2, 100\]"),
        (np.zeros(100, np.int16), "floating point with full scale 1, but it is int16"),
    ],
    ids=["empty", "stereo", "integers"],
)
def test_unusable_audio_is_refused(audio: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMALL.raw(audio)


def test_clip_normalisation_gives_mean_0_and_sample_deviation_1() -> None:
    features = SMALL.features(noise(4000) * 10)
    np.testing.assert_allclose(features.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=1, ddof=1), 1.0, rtol=1e-5)


def test_normalisation_divides_by_the_floor_at_least() -> None:
    raw = np.zeros((10, 4), np.float32)
    raw[:, 1::2] = 1e-5
    expected = (raw - raw.mean(axis=1, keepdims=True)) / 0.001
    np.testing.assert_allclose(SMALL.normalize(raw), expected, rtol=1e-5)


def test_a_single_frame_normalises_to_zero() -> None:
    assert not SMALL.normalize(np.full((10, 1), 3.0)).any()


def test_dataset_normalisation_uses_the_stored_statistics() -> None:
    raw = SMALL.raw(noise(4000) * 10)
    frontend = SMALL.with_statistics(raw.mean(axis=1), raw.std(axis=1, ddof=1))
    mean, std = (np.array(x)[:, None] for x in (frontend.mean, frontend.std))
    np.testing.assert_allclose(frontend.normalize(raw), (raw - mean) / std, atol=1e-5)
    # The statistics are kept to four digits, half a step of which is 5e-4 of them.
    np.testing.assert_allclose(frontend.normalize(raw), SMALL.normalize(raw), atol=2e-3)
    assert frontend.key() == SMALL.key()


def test_dataset_normalisation_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="mean and std are empty"):
        replace(SMALL, normalization="dataset").features(noise(100))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("normalization", ["none", "clip", "dataset"])
def test_relative_features_know_no_microphone(log: bool, normalization: str) -> None:
    frontend = replace(SMALL, log=log, log_floor=1e-9, relative=True)
    frontend = frontend.with_statistics(np.arange(10), np.arange(10) + 1)
    frontend = replace(frontend, normalization=normalization)
    raw = frontend.raw(noise(4000) * 10)
    response = 10 ** np.linspace(-3.0, 2.0, SMALL.n_mels, dtype=np.float32)[:, None]  # of power
    heard = raw + np.log(response) if log else raw * response
    # float32 rounds logarithms of about 10 to 1e-6, which is that much of the power.
    np.testing.assert_allclose(frontend.normalize(heard), frontend.normalize(raw), atol=1e-5)


def test_relative_features_have_a_mean_power_of_1() -> None:
    raw = np.array([[1.0, 3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]] * 5, np.float32)
    frontend = replace(SMALL, relative=True)
    np.testing.assert_array_equal(frontend.levelled(raw)[:2], [[1, 3, 0, 0], [0, 0, 0, 0]])
    levelled = replace(frontend, log=True).levelled(np.log(np.maximum(raw, 1e-3)))
    # A mel that stands still is its own mean, which for a logarithm is 0.
    np.testing.assert_allclose(np.exp(levelled).mean(axis=1), 1.0)
    np.testing.assert_array_equal(levelled[1], 0.0)


def test_a_front_end_that_is_not_relative_does_not_speak_of_it() -> None:
    assert "relative" not in SMALL.to_dict()  # so versions that do not know it read the file
    relative = replace(SMALL, relative=True)
    assert FrontEnd.from_dict(json.loads(json.dumps(relative.to_dict()))) == relative
    assert relative.key() == SMALL.key()


@pytest.mark.parametrize("shape", [(9, 5), (10, 0), (1, 10, 5)])
def test_normalize_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have the shape \[10, F ≥ 1\]"):
        SMALL.normalize(np.zeros(shape))


@cases
def test_a_front_end_survives_json_and_pickling(frontend: FrontEnd) -> None:
    frontend.raw(noise(100))  # builds the tables
    assert FrontEnd.from_dict(json.loads(json.dumps(frontend.to_dict()))) == frontend
    pickled = pickle.dumps(frontend)
    assert pickle.loads(pickled) == frontend
    assert len(pickled) < 2000  # the tables stay behind


def test_statistics_survive_json() -> None:
    frontend = SMALL.with_statistics(np.arange(10) / 3, np.arange(10) / 7)
    assert FrontEnd.from_dict(json.loads(json.dumps(frontend.to_dict()))) == frontend


ILLEGAL = {
    "sample_rate_hz": (0, 44100.0, True, "44100", None),
    "n_fft": (0, 65, -64, 65538),
    "win_length": (0, 65),
    "hop_length": (0, 65, 0.5),
    "n_mels": (0, 5000),
    "f_min_hz": (-1, 4000, math.nan, None),
    "f_max_hz": (0, 4001, math.inf, "8000"),
    "window": ("boxcar", None, ["hann"]),
    "mel_scale": ("mel", 1),
    "mel_norm": ("htk", False),
    "pre_emphasis": (-0.1, 1.1),
    "log": (1, "yes", None),
    "log_floor": (0, -1e-5, 2.0),
    "relative": (0, "yes", None),
    "normalization": ("batch", None),
    "mean": ([0.0] * 9, "none", [math.nan] * 10, [0.0] * 10, 3),
    "std": ([0.0] * 9, [-1.0] * 10, [[]] * 10),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in ILLEGAL.items() for value in values]
)
def test_illegal_values_are_refused_in_one_line(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"^front end: .*must be .*$") as caught:
        FrontEnd.from_dict({**SMALL.to_dict(), name: value})
    assert "\n" not in str(caught.value)
    assert name.split("_hz")[0] in str(caught.value) or "means" in str(caught.value)


def test_unknown_missing_and_misplaced_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="no setting 'hop'; legal: sample_rate_hz, n_fft"):
        FrontEnd.from_dict({**SMALL.to_dict(), "hop": 3})
    with pytest.raises(ValueError, match="lacks the setting 'n_mels'"):
        FrontEnd.from_dict({k: v for k, v in SMALL.to_dict().items() if k != "n_mels"})
    with pytest.raises(ValueError, match="must be a table of settings, not list"):
        FrontEnd.from_dict([])  # type: ignore[arg-type]


OTHER = {
    "sample_rate_hz": 8001, "n_fft": 66, "win_length": 51, "hop_length": 21, "n_mels": 11,
    "f_min_hz": 1.0, "f_max_hz": 3999.0, "window": "hann", "mel_scale": "slaney",
    "mel_norm": "slaney", "pre_emphasis": 0.5, "log": True,
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_the_key_changes_with_everything_raw_depends_on(name: str) -> None:
    assert replace(SMALL, **{name: OTHER[name]}).key() != SMALL.key()


def test_the_key_changes_with_nothing_else() -> None:
    same = [
        replace(SMALL, normalization="none"),
        replace(SMALL, f_max_hz=4000.0),  # said or implied
        replace(SMALL, f_min_hz=0),  # JSON does not tell 0 from 0.0
        replace(SMALL, log_floor=1e-3),  # unused without the logarithm
    ]
    assert {frontend.key() for frontend in same} == {SMALL.key()}
    assert replace(SMALL, log=True).key() != replace(SMALL, log=True, log_floor=1e-3).key()


def test_the_key_of_a_front_end_is_the_same_in_every_process_and_release() -> None:
    # Caches on disk go by it. When raw() changes its numbers, raise _KEY_VERSION and renew this.
    assert SMALL.key() == "6a8c0c3e20a9"


def test_importing_the_front_end_is_cheap() -> None:
    heavy = "{'torch', 'scipy', 'soundfile', 'soxr', 'msgspec', 'typer', 'rich'}"
    ours = "edge_asc.frontend.front_end, edge_asc.audio.decode"
    code = f"import sys, {ours}\nprint({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
