"""Tests of differences against scipy's, and against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edge_asc.research.comparison.paired import (
    Bootstrap,
    holm,
    mcnemar,
    over_seeds,
    p_of_draws,
    percentiles,
)

SAME = 1e-9  # the same sum in another order
OF_DRAWS = 0.012  # of an end of an interval, between two sets of 10,000 draws of 300 clips


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_a_coin(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    expected = stats.binomtest(only_a, n).pvalue if n else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-6)
    assert mcnemar(only_a, only_b) == mcnemar(only_b, only_a)


def test_mcnemar_of_more_clips_than_a_float_has_room_for() -> None:
    expected = stats.binomtest(4800, 9900).pvalue
    assert mcnemar(4800, 5100) == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 1))
def test_holm_rejects_what_stepping_down_rejects(p: list[float], level: float) -> None:
    rejected = set()
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if (len(p) - rank) * p[i] > level:
            break
        rejected.add(i)
    assert {i for i, q in enumerate(holm(p)) if q <= level} == rejected or level == 1
    assert all(q >= p[i] for i, q in enumerate(holm(p)))


def test_a_draw_is_the_mean_over_the_clips_of_the_recordings_drawn() -> None:
    rng = np.random.default_rng(3)
    recordings = [f"r{i}" for i in rng.integers(0, 7, 40)]
    groups, values = rng.integers(-1, 3, 40), rng.random((2, 40))
    drawn = Bootstrap(recordings, n=50)
    found = drawn.means(values, groups, 3)
    names = sorted(set(recordings))
    for draw, weights in zip(found, np.concatenate([*drawn._weights()]), strict=True):
        assert weights.sum() == len(names)
        chosen = [
            clip
            for name, times in zip(names, weights, strict=True)
            for clip in [i for i, r in enumerate(recordings) if r == name] * int(times)
        ]
        for g in range(3):
            of_group = [clip for clip in chosen if groups[clip] == g]
            if of_group:
                assert draw[:, g] == pytest.approx(values[:, of_group].mean(1), abs=SAME)
            else:
                assert np.isnan(draw[:, g]).all()


def test_the_interval_of_a_paired_difference_is_scipys() -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.random((2, 300)) < [[0.8], [0.7]]).astype(float)
    drawn = Bootstrap([str(i) for i in range(300)])
    means = drawn.means(np.stack([a, b]), np.zeros(300, int), 1)[:, :, 0]
    ours = percentiles(means[:, 1] - means[:, 0])
    theirs = stats.bootstrap((b - a,), np.mean, n_resamples=10_000, method="percentile", rng=1)
    assert ours == pytest.approx(list(theirs.confidence_interval), abs=OF_DRAWS)


def test_clips_of_one_recording_are_no_more_evidence_than_one() -> None:
    rng = np.random.default_rng(1)
    of_recording = rng.random((1, 60)) < 0.7
    ten_times = np.repeat(of_recording, 10, axis=1).astype(float)
    once = Bootstrap([str(i) for i in range(60)])
    many = Bootstrap([str(i // 10) for i in range(600)])
    few = once.means(of_recording.astype(float), np.zeros(60, int), 1)
    same = many.means(ten_times, np.zeros(600, int), 1)
    assert np.std(few) == pytest.approx(np.std(same), rel=0.05)


def test_no_difference_is_no_evidence_and_a_sure_one_is_all_that_draws_can_give() -> None:
    assert p_of_draws(np.zeros(999)) == 1
    assert p_of_draws(np.full(999, 0.1)) == pytest.approx(2 / 1000)
    assert p_of_draws(np.full(999, -0.1)) == pytest.approx(2 / 1000)


def test_p_is_evenly_spread_where_there_is_no_difference() -> None:
    """Of 200 pairs of equal networks about 5 % seem to differ at the level of 5 %."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        a, b = (rng.random((2, 200)) < 0.7).astype(float)
        means = Bootstrap([str(i) for i in range(200)], 1000).means(
            np.stack([a, b]), np.zeros(200, int), 1
        )[:, :, 0]
        found.append(p_of_draws(means[:, 1] - means[:, 0]))
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.10  # 5 % and three standard deviations


def test_one_seed_stays_and_several_vary() -> None:
    means = np.random.default_rng(0).random((1000, 1, 4))
    assert (over_seeds(means, 0) == means[:, 0]).all()
    three = np.tile([[0.1, 0.2, 0.6]], (5000, 1))[:, :, None]
    draws = over_seeds(three, 1)[:, 0]
    assert draws.mean() == pytest.approx(0.3, abs=0.01)
    assert draws.std() == pytest.approx(np.std([0.1, 0.2, 0.6]) / 3**0.5, rel=0.05)
