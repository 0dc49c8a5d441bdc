"""Batches: every clip once, labels with their clips, one plan whatever the number of processes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_asc.training.inputs.batches import Epochs, FeatureStore
from front_ends import SMALL, noise
from small_training import CROP, N_FRAMES, N_MELS, store


def numbered(n: int, frames: int = N_FRAMES, **settings: int) -> FeatureStore:
    """Feature value = 1000 x clip + frame, label = clip modulo 3."""
    line = np.arange(frames, dtype=np.float32)
    arrays = [np.broadcast_to(1000 * i + line, (N_MELS, frames)).copy() for i in range(n)]
    return FeatureStore(arrays, [[i % 3 for i in range(n)]], [3], **settings)


@pytest.mark.parametrize("limit", [2**31, 0], ids=["memory", "mapped"])
def test_an_epoch_holds_every_clip_once_with_its_label(limit: int) -> None:
    epochs = Epochs(numbered(24, ram_limit_bytes=limit), 8, CROP, seed=0)
    assert (epochs.store.memory is None) == (limit == 0)
    seen = []
    for raw, (labels,) in epochs:
        assert raw.shape == (8, 1, N_MELS, CROP)
        clips = (raw[:, 0, 0, 0] // 1000).long()
        assert torch.equal(labels, clips % 3)
        first = raw[:, 0, 0, 0] % 1000
        assert torch.equal(raw[:, 0, 3] % 1000, first[:, None] + torch.arange(CROP))
        seen += clips.tolist()
    assert sorted(seen) == list(range(24))


def test_mapped_and_in_memory_batches_are_the_same() -> None:
    a, b = (Epochs(numbered(20, ram_limit_bytes=limit), 8, CROP, seed=3) for limit in (2**31, 0))
    for (x, _), (y, _) in zip(a, b, strict=True):
        assert torch.equal(x, y)


def test_crops_reach_both_ends() -> None:
    epochs = Epochs(numbered(50), 50, CROP, seed=0)
    starts = np.concatenate([epochs.plan(e)[0][1] for e in range(5)])
    assert set(starts) == set(range(N_FRAMES - CROP + 1))


def test_plan_follows_from_seed_and_epoch_alone() -> None:
    def plan(seed: int, epoch: int) -> list[list[int]]:
        return [c.tolist() for c, _ in Epochs(numbered(20), 8, CROP, seed).plan(epoch)]

    assert plan(1, 4) == plan(1, 4)
    assert plan(1, 4) != plan(1, 5) and plan(1, 4) != plan(2, 4)


def test_processes_share_the_batches_of_one() -> None:
    whole = Epochs(numbered(24), 8, CROP, seed=0).plan(2)
    parts = [Epochs(numbered(24), 8, CROP, 0, False, rank, 2).plan(2) for rank in (0, 1)]
    for (clips, _), (a, _), (b, _) in zip(whole, *parts, strict=True):
        assert sorted([*a, *b]) == sorted(clips) and len(a) == len(b) == 4
    with pytest.raises(ValueError, match="8 must be a multiple of 3 processes"):
        Epochs(numbered(24), 8, CROP, 0, world=3)


def test_fewer_clips_than_a_batch_fill_one() -> None:
    epochs = Epochs(numbered(5), 8, CROP, seed=0)
    ((clips, _),) = epochs.plan(0)
    assert len(epochs) == 1 and sorted(set(clips)) == [0, 1, 2, 3, 4]


def test_balanced_draws_rare_classes_as_often() -> None:
    labels = [0] * 90 + [1] * 10
    rare = FeatureStore([np.zeros((2, 3), np.float32)] * 100, [labels], [2])
    epochs = Epochs(rare, 100, 3, seed=0, balanced=True)
    drawn = np.concatenate([epochs.plan(e)[0][0] for e in range(20)])
    share = np.mean(np.array(labels)[drawn])
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(len(drawn))  # five standard errors


def test_statistics_are_those_of_all_frames() -> None:
    some = store(9)
    everything = np.concatenate(list(some.arrays), axis=1).astype(np.float64)
    mean, std = some.statistics()
    assert np.allclose(mean, everything.mean(1)) and np.allclose(std, everything.std(1))


def test_statistics_of_relative_features_normalise_them() -> None:
    frontend = replace(SMALL, log=True, relative=True)
    raw = [frontend.raw(noise(2000, seed) * 10**seed) for seed in range(4)]  # 60 dB apart
    some = FeatureStore(raw, [[0] * 4], [1])
    frontend = frontend.with_statistics(*some.statistics(frontend.levelled))
    everything = np.concatenate([frontend.normalize(a) for a in raw], axis=1)
    # The statistics are kept to four digits, half a step of which is 5e-4 of them.
    np.testing.assert_allclose(everything.mean(1), 0.0, atol=2e-3)
    np.testing.assert_allclose(everything.std(1), 1.0, atol=2e-3)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape, found no clips"):
        FeatureStore([], [[]], [2])
    arrays = [np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)]
    with pytest.raises(ValueError, match=r"of one shape, found \[\(2, 3\), \(2, 4\)\]"):
        FeatureStore(arrays, [[0, 1]], [2])


def test_features_may_be_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    mapped = FeatureStore([np.load(path, mmap_mode="r")], [[0]], [1], ram_limit_bytes=0)
    raw, _ = mapped.batch(np.array([0]), np.array([1]), 2)
    assert raw.tolist() == [[[[1, 2], [4, 5]]]]
