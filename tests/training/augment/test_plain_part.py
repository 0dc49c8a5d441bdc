"""The last part of a training: no simulated microphones, responses, noise; all else as before."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_asc.config.schema import QuantizeConfig
from edge_asc.training.inputs.batches import Epochs, FeatureStore
from small_training import AUGMENT, CROP, TRAIN, assert_same_weights, rows, small_fit, store

SOUNDS = msgspec.structs.replace(AUGMENT, response_db=6.0, noise_probability=0.5)
N_CLIPS = 40


def versions(n_versions: int) -> FeatureStore:
    """The clips of `store`, each louder in every further version; two are through no microphone."""
    once = store(N_CLIPS)
    arrays = [np.asarray(a) + louder for louder in range(n_versions) for a in once.arrays]
    labels = [y.tolist() for y in once.labels]
    return FeatureStore(arrays, labels, once.n_classes, n_versions=n_versions, n_plain=2)


def test_clips_and_crops_stay_and_microphones_go() -> None:
    epochs = Epochs(versions(4), 8, CROP, seed=0, plain_from=3)
    always = Epochs(versions(4), 8, CROP, seed=0)
    for epoch in range(6):
        pairs = list(zip(epochs.plan(epoch), always.plan(epoch), strict=True))
        for (plain, starts), (other, same_starts) in pairs:
            assert np.array_equal(plain % N_CLIPS, other % N_CLIPS)
            assert np.array_equal(starts, same_starts)
        largest = max(rows.max() for (rows, _), _ in pairs)
        assert (largest < 2 * N_CLIPS) == (epoch >= 3)
        assert largest >= N_CLIPS


def test_plain_throughout_is_training_without_microphones_responses_and_noise(
    tmp_path: Path,
) -> None:
    changed = small_fit(tmp_path / "a", plain_part=1.0, train_store=versions(4), augment=SOUNDS)
    without = small_fit(tmp_path / "b", train_store=versions(2))
    assert_same_weights(changed.network.state_dict(), without.network.state_dict())


@pytest.mark.parametrize(("part", "first_plain"), [(0.5, 2), (0.3, 3), (0.0, 4)])
def test_the_first_epochs_are_those_of_a_training_that_is_never_plain(
    tmp_path: Path, part: float, first_plain: int
) -> None:
    for name, plain_part in (("never", 0.0), ("late", part)):
        small_fit(tmp_path / name, plain_part=plain_part, train_store=versions(4), augment=SOUNDS)
    never, late = (rows(tmp_path / name) for name in ("never", "late"))
    same = [a == b for a, b in zip(never, late, strict=True)]
    assert same == [epoch < first_plain for epoch in range(len(same))]


@pytest.mark.parametrize("part", [0.0, 0.25])
def test_int8_training_goes_on_as_training_ended(part: float) -> None:
    train = msgspec.structs.replace(TRAIN, plain_part=part)
    assert QuantizeConfig().schedule(train).plain_part == (1.0 if part else 0.0)
