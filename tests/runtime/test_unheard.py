"""Silence and next to nothing have no name, in any model that comes along."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import edge_asc as ea
from command import Cli
from edge_asc.runtime.answers.activity import Activity

RATE_HZ = 32_000
rng = np.random.default_rng(0)
NOISE = 0.1 * rng.standard_normal(RATE_HZ * 5)
NOTHING = {
    "zeros": np.zeros(RATE_HZ * 5),
    "a constant": np.full(RATE_HZ * 5, 0.3),
    "the last bit": rng.integers(-1, 2, RATE_HZ * 5) / 32_768,
    "a click in silence": np.eye(1, RATE_HZ * 5, 5_000)[0] * 0.5,
}
LITTLE = {"one sample": np.full(1, 0.25), "a twentieth of a second": NOISE[: RATE_HZ // 20]}


@pytest.mark.parametrize("model", ea.zoo())
@pytest.mark.parametrize("name", [*NOTHING, *LITTLE])
def test_nothing_has_no_name(model: str, name: str, cli: Cli, tmp_path: Path) -> None:
    why = "silence" if name in NOTHING else "too short"
    path = tmp_path / "nothing.wav"
    soundfile.write(path, (NOTHING | LITTLE)[name], RATE_HZ, subtype="FLOAT")
    assert ea.load(model)(path).unheard == why
    _, out, _ = cli("classify", path, "--model", model, "--json", "--floor", 0)
    (told,) = json.loads(out)["files"]
    assert (told["unheard"], told["unsure"]) == (why, True)
    _, out, _ = cli("classify", path, "--model", model)
    assert f"{why}: nothing to name" in out and "%" not in out


@pytest.mark.parametrize("rate_hz", [44_100, 192_000])
def test_what_is_less_than_a_sample_of_the_model_is_too_short(rate_hz: int, tmp_path: Path) -> None:
    path = tmp_path / "click.wav"
    soundfile.write(path, np.full(1, 0.25), rate_hz, subtype="FLOAT")
    assert ea.load("esc10-taught")(path).unheard == "too short"
    assert ea.load("encoder").embed(path).shape == (384,)


def test_silence_around_a_sound_takes_no_part() -> None:
    """The answer is that of the windows in which there is sound."""
    classifier = ea.load("esc10-32k")
    silence = np.zeros(RATE_HZ * 10)
    around = classifier(np.concatenate([silence, NOISE]), RATE_HZ)
    assert not around.unheard
    assert [bool(window.unheard) for window in around.windows] == [True, True, True, False, False]
    heard = [window.probabilities for window in around.windows if not window.unheard]
    np.testing.assert_allclose(around.probabilities, np.mean(heard, 0))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=12))
def test_activity_is_the_same_in_blocks_of_any_size(cuts: list[int]) -> None:
    sound = np.concatenate([np.zeros(9_000), NOISE[:12_000], np.zeros(11_000)])
    parts = np.split(sound, sorted(min(cut, len(sound)) for cut in cuts))
    activity = Activity(RATE_HZ, keep_s=1e9)
    for part in parts:
        activity.feed(part)
    assert activity.audible_s(0.0, 1.0) == pytest.approx(12_000 / RATE_HZ, abs=0.02)
    assert activity.audible_s(0.0, 0.25) == 0.0


def test_activity_is_forgotten() -> None:
    """However long it listens, it holds what windows still need."""
    activity = Activity(RATE_HZ, keep_s=2.0)
    for _ in range(300):
        activity.feed(NOISE[:RATE_HZ])
        activity.forget()
    assert len(activity._moved) < 300
    assert activity.audible_s(298.5, 299.5) == pytest.approx(1.0)
