"""Which channel is heard, what is said of channels, and samples that are no numbers."""

import numpy as np
import pytest

from edge_asc.demo.sources.channels import Downmix, parse_channel

RATE_HZ = 8000
RNG = np.random.default_rng(0)


def noise(seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
    return (level * RNG.standard_normal(int(RATE_HZ * seconds))).astype(np.float32)


def heard(downmix: Downmix, frames: np.ndarray, block: int = 800) -> np.ndarray:
    parts = [frames[i : i + block] for i in range(0, len(frames), block)]
    return np.concatenate([downmix(part, RATE_HZ) for part in parts])


@pytest.mark.parametrize("choice", ["0", "-1", "1.5", "left", "", "MIX", 0])
def test_what_is_no_choice_of_a_channel_is_refused(choice: str | int) -> None:
    with pytest.raises(ValueError, match="must be a number from 1, mix or loudest"):
        parse_channel(choice)


def test_choices() -> None:
    frames = np.stack([noise(), noise(), noise()], axis=1)
    np.testing.assert_array_equal(heard(Downmix("2", "x"), frames), frames[:, 1])
    for mix in (None, "mix"):
        np.testing.assert_allclose(heard(Downmix(mix, "x"), frames), frames.mean(1), atol=1e-7)


def test_the_loudest_is_followed_and_small_differences_are_not() -> None:
    quiet, loud, offset = noise(8, 0.01), noise(8, 0.1), noise(8, 0.011) + np.float32(0.5)
    frames = np.stack([quiet, loud, offset], axis=1)
    frames[len(frames) // 2 :, :2] = frames[len(frames) // 2 :, 1::-1]
    found = heard(Downmix("loudest", "x"), frames)
    np.testing.assert_array_equal(found[: RATE_HZ * 4], frames[: RATE_HZ * 4, 1])
    np.testing.assert_array_equal(found[-RATE_HZ:], frames[-RATE_HZ:, 0])
    alike = np.stack([noise(8, 0.1), noise(8, 0.11)], axis=1)
    first = heard(Downmix("loudest", "x"), alike)
    assert (first == alike[:, 1]).all() or (first == alike[:, 0]).all()


@pytest.mark.parametrize("n_channels", [2, 4, 6])
@pytest.mark.parametrize("gain", [1.0, 0.9, 0.7])
def test_channels_that_cancel_are_told_once(n_channels: int, gain: float) -> None:
    sound = noise(10)
    frames = np.stack([sound, -np.float32(gain) * sound] * (n_channels // 2), axis=1)
    downmix = Downmix(None, "hat")
    heard(downmix, frames)
    (said,) = downmix.notices()
    assert said.startswith(f"hat: its {n_channels} channels cancel each other out")
    assert downmix.notices() == []


@pytest.mark.parametrize("n_channels", [2, 3, 8])
@pytest.mark.parametrize("kind", ["same", "unrelated", "delayed", "silent", "one speaks"])
def test_ordinary_channels_are_not_talked_of(n_channels: int, kind: str) -> None:
    sound = noise(8)
    columns = [np.roll(sound, 3 * c) if kind == "delayed" else sound for c in range(n_channels)]
    if kind == "unrelated":
        columns = [noise(8) for _ in columns]
    if kind == "silent":
        columns = [np.zeros_like(sound) for _ in columns]
    if kind == "one speaks":
        columns = [sound, *(noise(8, 1e-4) for _ in columns[1:])]
    downmix = Downmix("mix", "x")
    heard(downmix, np.stack(columns, axis=1))
    assert downmix.notices() == []


def test_dead_channels_are_told_and_which() -> None:
    downmix = Downmix(None, "card")
    frames = np.stack([np.zeros(RATE_HZ * 5), noise(5), np.full(RATE_HZ * 5, 0.1)], axis=1)
    heard(downmix, frames)
    (said,) = downmix.notices()
    assert said.startswith("card: nothing comes from channels 1, 3 of 3")
    assert "--channel 2" in said


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("choice", [None, "1", "loudest"])
def test_a_sample_that_is_no_number_is_silence_and_told_once_a_minute(
    value: float, choice: str | None
) -> None:
    frames = np.stack([noise(100), noise(100)], axis=1)
    broken = frames.copy()
    broken[::RATE_HZ, 0] = value
    downmix = Downmix(choice, "pipe")
    found = heard(downmix, broken)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1
    said = downmix.notices()
    assert len(said) == 2
    assert all(line.startswith("pipe: ") and "taken as silence" in line for line in said)
