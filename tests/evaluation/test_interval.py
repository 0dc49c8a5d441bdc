"""Intervals are of recordings: many clips of one are no more evidence than few."""

from typing import Any

import numpy as np
import pytest

from edge_asc.evaluation.calibrate import Answers, evidence
from edge_asc.evaluation.interval import (
    add_intervals,
    interval,
    interval_text,
    macro_interval,
    wilson,
)
from edge_asc.runtime.metadata import Calibration


def test_published_values() -> None:
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-4)


def test_clips_of_one_recording_count_once() -> None:
    right = np.arange(40) % 10 > 0
    alone = interval(right, np.arange(40).astype(str))
    together = interval(right, (np.arange(40) // 10).astype(str))
    assert alone == list(wilson(0.9, 40)) and together == list(wilson(0.9, 4))
    assert interval(right[:0], np.array([])) is None and interval_text(None) == ""


def test_every_row_gets_its_own() -> None:
    right = np.array([True, True, False, True])
    figures: dict[str, Any] = {"per_class": {"a": {}, "b": {}, "c": {}}}
    parts = {"a": np.array([1, 1, 0, 0]) > 0, "b": np.array([0, 0, 1, 1]) > 0, "c": np.zeros(4) > 0}
    add_intervals(figures, right, ["1", "1", "2", "3"], {"per_class": parts})
    assert figures["recordings"] == 3
    assert figures["accuracy_interval"] == list(wilson(0.75, 3))
    rows = figures["per_class"]
    assert rows["a"]["interval"] == list(wilson(1.0, 1))
    assert rows["b"]["interval"] == list(wilson(0.5, 2)) and rows["c"]["interval"] is None


def test_a_small_class_makes_a_mean_over_classes_less_sure() -> None:
    """As its variance says: of classes equally good, with so many recordings each."""
    sizes, share = np.array([50, 50, 5]), 0.8
    truth = np.repeat(np.arange(3), sizes)
    alone = np.arange(len(truth)).astype(str)
    n = share * (1 - share) / (share * (1 - share) / sizes / len(sizes) ** 2).sum()
    assert macro_interval(share, truth, alone) == pytest.approx(list(wilson(share, n)))
    assert n < 40  # of 105 clips
    even = np.arange(90) % 3
    assert macro_interval(share, even, np.arange(90).astype(str)) == pytest.approx(
        list(wilson(share, 90))
    )


@pytest.mark.parametrize("n", [10, 400])
def test_few_clips_are_told(n: int) -> None:
    logits = np.eye(2)[np.arange(n) % 2][:, None] * 4
    answers = Answers((logits,), (np.arange(n) % 2,), (1,), "", tuple(map(str, range(n))))
    found = evidence(answers, Calibration(threshold=0.5), 2)
    assert bool(found["warnings"]) == (n < 100)
    assert found["named"] == {
        "clips": n, "recordings": n, "accuracy": 1.0, "interval": list(wilson(1.0, n)),
    }  # fmt: skip
    assert found["named"]["interval"][0] < 0.95 or n > 70
