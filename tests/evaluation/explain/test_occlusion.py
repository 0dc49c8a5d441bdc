"""Occlusion finds what an answer hangs on, and nothing where there is nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.evaluation.explain.occlusion import hidden, neutral, occlude, patches
from edge_asc.frontend.front_end import FrontEnd

N_MELS, N_FRAMES = 24, 40
MELS, FRAMES = slice(8, 12), slice(20, 26)  # all that the synthetic model looks at


def looks_at_one_place(features: np.ndarray) -> np.ndarray:
    """Two scenes; the first is the likelier the louder one place is."""
    p = 1 / (1 + np.exp(-features[MELS, FRAMES].mean()))
    return np.array([p, 1 - p])


def loud_place(seed: int = 0) -> np.ndarray:
    features = np.random.default_rng(seed).standard_normal((N_MELS, N_FRAMES)).astype(np.float32)
    features[MELS, FRAMES] += 3.0
    return features


ZEROS = np.zeros((N_MELS, 1), np.float32)


@pytest.mark.parametrize(("high", "wide"), [(4, 6), (8, 10), (5, 7)])
def test_the_place_that_matters_is_found(high: int, wide: int) -> None:
    found = occlude(looks_at_one_place, loud_place(), ZEROS, high, wide)
    assert found.scene == 0
    for row, (low, top) in enumerate(found.mels):
        for column, (first, end) in enumerate(found.frames):
            meets = low < MELS.stop and top > MELS.start
            meets &= first < FRAMES.stop and end > FRAMES.start
            assert meets or found.drops[row, column] == 0
    mel, frame = np.unravel_index(found.map.argmax(), found.map.shape)
    assert MELS.start <= mel < MELS.stop
    assert FRAMES.start <= frame < FRAMES.stop
    row, column = found.largest
    assert found.drops[row, column] == found.drops.max() > 0.2


def test_hiding_what_is_already_neutral_changes_nothing() -> None:
    steady = np.random.default_rng(1).standard_normal((N_MELS, 1)).astype(np.float32)
    found = occlude(looks_at_one_place, np.repeat(steady, N_FRAMES, axis=1), steady, 6, 8)
    assert not found.drops.any()
    assert not found.map.any()


def test_a_drop_is_the_difference_of_two_answers() -> None:
    features = loud_place()
    found = occlude(looks_at_one_place, features, ZEROS, 8, 10)
    (low, top), (first, end) = found.mels[2], found.frames[4]
    by_hand = features.copy()
    by_hand[low:top, first:end] = 0
    fall = looks_at_one_place(features)[0] - looks_at_one_place(by_hand)[0]
    assert found.drops[2, 4] == pytest.approx(fall)


def test_hiding_leaves_the_rest_alone() -> None:
    features = loud_place()
    changed = hidden(features, ZEROS + 5, slice(3, 7), slice(10, 20))
    assert (changed[3:7, 10:20] == 5).all()
    changed[3:7, 10:20] = features[3:7, 10:20]
    assert np.array_equal(changed, features)


def test_what_is_neutral_depends_on_the_normalisation() -> None:
    features = loud_place()
    frontend = FrontEnd(8000, 256, 256, 128, N_MELS, normalization="none")
    words, filling = neutral(frontend, features)
    assert filling[:, 0] == pytest.approx(features.mean(axis=1))
    assert "window" in words
    trained = frontend.with_statistics(np.ones(N_MELS), np.ones(N_MELS))
    words, filling = neutral(trained, features)
    assert not filling.any()
    assert "training" in words
    # 0 is where the training clips' mean lies, by the front end's own normalisation.
    assert trained.normalize(np.ones((N_MELS, 3), np.float32)) == pytest.approx(0)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_patches_cover_everything(given_sizes: tuple[int, int]) -> None:
    n, width = given_sizes
    found = patches(n, width, "mels")
    assert all(first >= 0 and end - first == width and end <= n for first, end in found)
    assert {i for first, end in found for i in range(first, end)} == set(range(n))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("width", [0, -1, 41])
def test_an_illegal_patch_is_said(width: int) -> None:
    with pytest.raises(ValueError, match=f"a patch of {width} frames must have at least 1"):
        occlude(looks_at_one_place, loud_place(), ZEROS, 4, width)


def test_progress_counts_every_patch() -> None:
    seen: list[tuple[int, int]] = []
    found = occlude(
        looks_at_one_place,
        loud_place(),
        ZEROS,
        12,
        20,
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(i + 1, found.drops.size) for i in range(found.drops.size)]
