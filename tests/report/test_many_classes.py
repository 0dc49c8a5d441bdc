"""A report of a thousand classes names the most frequent mistakes: no table has a million cells."""

import numpy as np

from edge_asc.report.sources import Measured

N = 1000


def measured() -> Measured:
    counts = np.eye(N, dtype=int)
    counts[3, 7], counts[5, 2] = 9, 4
    figures = {"accuracy": 0.9, "confusion": counts.tolist()}
    return Measured("int8", "test", figures, [f"class {i}" for i in range(N)])


def test_pairs_are_the_mistakes() -> None:
    assert measured().pairs == [("class 3", "class 7", 9), ("class 5", "class 2", 4)]
