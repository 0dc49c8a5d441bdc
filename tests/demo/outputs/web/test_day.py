"""The day's timeline, and the bytes and axes of the spectrogram."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.outputs.web import day as web_day
from edge_asc.demo.outputs.web.day import Day, DayKeeper
from edge_asc.demo.outputs.web.spectrogram import Decibels, FrameHistory, band_edges_hz, description
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.mel import hz_to_mel
from front_ends import FRONT_ENDS
from local_time import local_time
from web_feed import decision

NOON_S = datetime(2026, 5, 4, 12).timestamp()
MIDNIGHT_S = datetime(2026, 5, 5).timestamp()
BAND_DB = 3.0  # of a tone's power that lie beside a band, at most, for windows of any shape
CLOCK_S = 1e-3  # floats of Unix times, added up


@pytest.fixture
def berlin() -> Iterator[None]:
    """A time zone with summer time."""
    with local_time("Europe/Berlin"):
        yield


def fed(*heard: tuple[str, float, float]) -> DayKeeper:
    """A keeper that was told (scene, Unix time, position); its window is of 1 s."""
    keeper = DayKeeper(1.0, heard[0][1])
    for scene, time_s, position_s in heard:
        keeper.add(decision(scene, time_s, position_s))
    return keeper


def test_neighbours_of_one_scene_are_one_segment() -> None:
    t = NOON_S
    day = fed(("low", t, 1), ("low", t + 1, 2), ("high", t + 2, 3), ("low", t + 3, 4)).day
    assert day.segments == [(t - 1, t + 1, "low"), (t + 1, t + 2, "high"), (t + 2, t + 3, "low")]
    assert day.seconds == {"low": 3, "high": 1}


def test_a_time_without_audio_is_a_gap() -> None:
    t = NOON_S
    day = fed(("low", t, 1), ("low", t + 60, 2)).day
    assert day.segments == [(t - 1, t, "low"), (t + 59, t + 60, "low")]
    assert day.seconds == {"low": 2}


def test_a_clock_that_was_set_back_counts_what_was_heard() -> None:
    day = fed(("low", NOON_S, 1), ("low", NOON_S - 600, 2), ("low", NOON_S - 599, 3)).day
    assert day.seconds == {"low": 3}


def test_a_day_ends_at_midnight() -> None:
    keeper = fed(("low", MIDNIGHT_S - 1, 1), ("low", MIDNIGHT_S - 0.5, 1.5))
    assert keeper.day.date == "2026-05-04"
    assert keeper.add(decision("low", MIDNIGHT_S + 0.5, 2.5)) == (
        (MIDNIGHT_S, MIDNIGHT_S + 0.5, "low"),
        True,
    )
    assert keeper.day.date == "2026-05-05"
    assert keeper.day.seconds == {"low": 0.5}


def test_a_day_ends_in_silence_too_but_not_for_a_file_from_the_future() -> None:
    keeper = fed(("low", NOON_S, 1))
    assert not keeper.roll(MIDNIGHT_S - 1)
    assert keeper.roll(MIDNIGHT_S)
    assert keeper.day.segments == []
    keeper = fed(("low", MIDNIGHT_S + 7200, 1))
    assert not keeper.roll(NOON_S)
    assert keeper.day.date == "2026-05-05"


@pytest.mark.parametrize(
    ("date", "hours", "offset_h"),
    [((2026, 3, 29), 23, 2), ((2026, 10, 25), 25, 1), ((2026, 5, 4), 24, 2)],
)
def test_days_of_23_and_25_hours(
    berlin: None, date: tuple[int, int, int], hours: int, offset_h: int
) -> None:
    day = Day(datetime(*date, 15).timestamp())
    assert day.end_s - day.begin_s == hours * 3600
    assert day.date == "{:04}-{:02}-{:02}".format(*date)
    assert day.to_dict()["utc_offset_s"] == offset_h * 3600
    assert Day(day.end_s - 1).date == day.date
    assert Day(day.end_s).date != day.date


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 30)), min_size=1, max_size=120))
def test_a_restless_day_stays_small_and_loses_no_time(heard: list[tuple[str, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_day, "MAX_SEGMENTS", 10)
        day, now_s = Day(NOON_S), NOON_S
        for scene, length_s in heard:
            segment = day.add(now_s, now_s + length_s, scene)
            now_s += length_s
            assert segment == day.segments[-1]
            assert segment[1:] == (now_s, scene)
    assert len(day.segments) <= 10
    assert (day.segments[0][0], day.segments[-1][1]) == (NOON_S, now_s)
    assert all(a[1] == b[0] and a[2] != b[2] for a, b in pairwise(day.segments))
    for scene in "abc":
        expected = sum(s for name, s in heard if name == scene)
        assert day.seconds[scene] == pytest.approx(expected, abs=CLOCK_S)


# ------------------------------------------------------------------------------- spectrogram


def sine(frontend: FrontEnd, frequency_hz: float, amplitude: float) -> np.ndarray:
    t = np.arange(frontend.n_fft * 4) / frontend.sample_rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_tone_lands_in_the_row_whose_edges_hold_it(name: str) -> None:
    frontend = FRONT_ENDS[name]
    edges = band_edges_hz(frontend)
    assert len(edges) == frontend.n_mels + 1
    assert all(a < b for a, b in pairwise(edges))
    bin_hz = frontend.sample_rate_hz / frontend.n_fft
    tried = 0
    for low, high in list(pairwise(edges))[:: max(1, frontend.n_mels // 20)]:
        if high - low < 2 * bin_hz or high > frontend.sample_rate_hz / 2 - 8 * bin_hz:
            continue  # narrower than what the transform tells apart, or mirrored at the end
        middle = frontend.raw(sine(frontend, (low + high) / 2, 0.5)).mean(1)
        assert edges[int(middle.argmax())] == low
        tried += 1
    assert tried


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_rows_are_even_on_the_mel_scale(scale: str) -> None:
    frontend = FrontEnd(16000, 512, 400, 160, 40, f_min_hz=60.0, f_max_hz=7600.0, mel_scale=scale)
    mels = [hz_to_mel(f, scale) for f in band_edges_hz(frontend)]
    assert np.ptp(np.diff(mels)) < 0.01 * np.diff(mels).mean()


@pytest.mark.parametrize("name", [n for n, f in FRONT_ENDS.items() if not f.pre_emphasis])
def test_0_db_is_a_full_scale_sine_and_0_is_silence(name: str) -> None:
    frontend = FRONT_ENDS[name]
    decibels = Decibels(frontend)
    silence = decibels.quantise(frontend.raw(np.zeros(frontend.n_fft, np.float32)))
    if decibels.min_db > -120:
        assert not silence.any()
    step_db = (decibels.max_db - decibels.min_db) / 255
    weights = frontend.mel_weights
    mel, k = np.unravel_index(int(weights.argmax()), weights.shape)  # the middle of a band
    tone_hz = k * frontend.sample_rate_hz / frontend.n_fft
    for amplitude in (1.0, 0.5, 0.1):
        raw = frontend.raw(sine(frontend, tone_hz, amplitude))
        value = decibels.quantise(raw)[raw.shape[1] // 2, mel]
        found_db = decibels.min_db + value * step_db
        assert -BAND_DB < found_db - 20 * np.log10(amplitude) <= step_db


def test_powers_and_their_logarithms_are_the_same_bytes() -> None:
    linear = FrontEnd(8000, 256, 256, 128, 12, log=False)
    logarithmic = FrontEnd(8000, 256, 256, 128, 12, log=True)
    noise = np.random.default_rng(0).normal(scale=0.1, size=4000).astype(np.float32)
    a, b = (Decibels(f).quantise(f.raw(noise)) for f in (linear, logarithmic))
    assert np.abs(a.astype(int) - b).max() <= 1


@given(
    n=st.integers(1, 20),
    sizes=st.lists(st.integers(0, 45), max_size=12),
    first=st.integers(0, 200),
)
def test_the_history_is_the_last_frames(n: int, sizes: list[int], first: int) -> None:
    history, everything = FrameHistory(n), np.empty((0, 2), np.uint8)
    for size in sizes:
        block = (np.arange(2 * size).reshape(size, 2) + len(everything)).astype(np.uint8)
        history.add(block)
        everything = np.concatenate([everything, block])
        assert history.n_seen == len(everything)
    begin, content = history.since(first)
    expected = max(first, len(everything) - n, 0)
    assert begin == expected
    assert content == everything[expected:].tobytes()


def test_what_a_page_is_told_of_the_axes() -> None:
    told = description(FRONT_ENDS["16k-band"])
    assert (told["n_mels"], told["frames_per_s"]) == (40, 100)
    assert 60 < told["edges_hz"][0] < told["edges_hz"][-1] < 7600
    assert told["min_db"] < -90
    assert told["max_db"] == 0
