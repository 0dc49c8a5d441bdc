"""Laws of the augmentations: what they keep, what they change, and that seeds decide."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from edge_asc.config.schema import AugmentConfig
from edge_asc.training.augment.features import (
    Augmenter,
    cut_mix,
    freq_mixstyle,
    mask,
    mixup,
    roll,
)
from edge_asc.training.augment.sound import gain
from edge_asc.training.inputs import torchaudio_transforms  # noqa: F401  lets torchaudio load

B, M, F = 6, 8, 12


@pytest.fixture
def x() -> Tensor:
    return torch.randn(B, 1, M, F, generator=torch.Generator().manual_seed(0))


def targets() -> tuple[Tensor, Tensor]:
    labels = torch.arange(B)
    return (
        torch.nn.functional.one_hot(labels % 4, 4).float(),
        torch.nn.functional.one_hot(labels % 3, 3).float(),
    )


def augmenter(**changes: object) -> Augmenter:
    return Augmenter(AugmentConfig(**changes), lambda raw: raw)  # type: ignore[arg-type]


def test_nothing_is_changed_by_default(x: Tensor) -> None:
    y, t = augmenter()(x, targets(), np.random.default_rng(0))
    assert torch.equal(y, x)
    assert all(torch.equal(a, b) for a, b in zip(t, targets(), strict=True))


def test_gain_is_a_factor_on_power_and_a_constant_on_its_logarithm() -> None:
    power = torch.rand(B, 1, M, F, dtype=torch.float64) + 0.1
    db = torch.linspace(-12, 12, B, dtype=torch.float64)
    louder = gain(power, db, log=False)
    ratio = (louder / power).mean((1, 2, 3))
    assert torch.allclose(10 * ratio.log10(), db)
    assert torch.allclose(gain(power.log(), db, log=True), louder.log())


def test_roll_is_numpy_roll_per_clip(x: Tensor) -> None:
    frames = torch.arange(B) * 2
    expected = [np.roll(clip, int(n), axis=-1) for clip, n in zip(x.numpy(), frames, strict=True)]
    assert np.array_equal(roll(x, frames).numpy(), np.stack(expected))


@pytest.mark.parametrize("dim", [2, 3])
def test_cut_mix_shares_labels_as_it_shares_the_map(x: Tensor, dim: int) -> None:
    size = x.shape[dim]
    start, width = torch.arange(B) % 3, torch.tensor([0, 1, 2, 3, size - 1, size])
    start[-1] = 0
    partner = torch.tensor([1, 2, 3, 4, 5, 0])
    y, mixed = cut_mix(x, targets(), start, width, partner, dim)
    for i in range(B):
        expected = x[i].clone().movedim(dim - 1, 0)
        stretch = slice(int(start[i]), int(start[i] + width[i]))
        expected[stretch] = x[partner[i]].movedim(dim - 1, 0)[stretch]
        assert torch.equal(y[i], expected.movedim(0, dim - 1))
        of_partner = (y[i] == x[partner[i]]).float().mean()
        for before, after in zip(targets(), mixed, strict=True):
            shared = before[i] * (1 - of_partner) + before[partner[i]] * of_partner
            torch.testing.assert_close(after[i], shared)


def test_each_batch_is_cut_along_one_axis_or_the_other() -> None:
    x = torch.arange(B * M * F, dtype=torch.float32).reshape(B, 1, M, F)
    whole = {2: 0, 3: 0}  # batches in which every line along the other axis is of one clip
    for seed in range(40):
        y, mixed = augmenter(cut_mix=1.0)(x, targets(), np.random.default_rng(seed))
        owner = (y / (M * F)).floor()  # of every number
        assert torch.allclose(mixed[0].sum(1), torch.ones(B))
        for dim in whole:
            whole[dim] += bool((owner.amax(dim) == owner.amin(dim)).all())
    assert min(whole.values()) > 10
    assert sum(whole.values()) >= 40


def test_mixup_mixes_features_and_both_label_sets_with_one_weight(x: Tensor) -> None:
    weight = torch.linspace(0, 1, B)
    partner = torch.tensor([1, 2, 3, 4, 5, 0])
    y, (scenes, abstract) = mixup(x, targets(), weight, partner)
    for i in range(B):
        w, j = weight[i], partner[i]
        assert torch.allclose(y[i], w * x[i] + (1 - w) * x[j])
        for mixed, plain in zip((scenes, abstract), targets(), strict=True):
            assert torch.allclose(mixed[i], w * plain[i] + (1 - w) * plain[j])
    assert torch.allclose(scenes.sum(1), torch.ones(B))


def test_mixup_keeps_the_sum_of_the_batch_when_one_weight_serves_all(x: Tensor) -> None:
    config = {"mixup_alpha": 0.4, "per_clip": False}
    y, t = augmenter(**config)(x, targets(), np.random.default_rng(1))
    assert torch.allclose(y.sum(0), x.sum(0), atol=1e-5)  # float32 sums of six
    assert torch.allclose(t[0].sum(0), targets()[0].sum(0), atol=1e-5)


def test_mixing_weight_follows_the_beta_distribution() -> None:
    alpha, n = 0.4, 4000
    ones = torch.cat((torch.ones(n // 2), torch.zeros(n // 2))).view(-1, 1, 1, 1)
    label = ones.view(-1, 1)
    y, (t,) = augmenter(mixup_alpha=alpha)(ones, (label,), np.random.default_rng(0))
    assert torch.equal(y.view(-1, 1), t)
    mixed = y.flatten()[(y.flatten() != 0) & (y.flatten() != 1)]
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)); 2000 draws, five standard errors.
    assert abs(mixed.mean() - 0.5) < 0.05
    assert abs(mixed.var() - 1 / (4 * (2 * alpha + 1))) < 0.02


def test_mixstyle_takes_the_partners_mean_and_deviation(x: Tensor) -> None:
    x = x * torch.arange(1, B + 1).view(-1, 1, 1, 1) + torch.arange(B).view(-1, 1, 1, 1)
    partner = torch.tensor([1, 2, 3, 4, 5, 0])
    y = freq_mixstyle(x, torch.zeros(B), partner)
    assert torch.allclose(y.mean(3), x[partner].mean(3), atol=1e-4)
    assert torch.allclose(y.std(3), x[partner].std(3), atol=1e-3)
    assert torch.allclose(freq_mixstyle(x, torch.ones(B), partner), x, atol=1e-5)


@pytest.mark.parametrize("dim", [2, 3])
def test_mask_hides_exactly_its_positions(x: Tensor, dim: int) -> None:
    start, width = torch.tensor([0, 1, 2, 3, 4, 5]), torch.tensor([0, 1, 2, 3, 2, 1])
    y = mask(x, start, width, dim)
    for i in range(B):
        hidden = torch.zeros(x.shape[dim], dtype=torch.bool)
        hidden[start[i] : start[i] + width[i]] = True
        kept = y[i, 0].transpose(0, dim - 2)
        plain = x[i, 0].transpose(0, dim - 2)
        assert (kept[hidden] == 0).all() and torch.equal(kept[~hidden], plain[~hidden])


@pytest.mark.parametrize("dim", [2, 3])
def test_a_mask_is_torchaudios_of_the_same_place(x: Tensor, dim: int) -> None:
    from torchaudio.transforms import FrequencyMasking, TimeMasking

    theirs = {2: FrequencyMasking, 3: TimeMasking}[dim](5, iid_masks=True)(x)
    hidden = (theirs == 0).all(5 - dim)[:, 0]  # [B, size]
    start, width = hidden.int().argmax(1), hidden.sum(1)
    assert len(set(width.tolist())) > 1
    assert torch.equal(mask(x, start, width, dim), theirs)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    widest=st.integers(0, 20),
    per_clip=st.booleans(),
)
def test_masks_are_contiguous_and_at_most_as_wide_as_allowed(
    seed: int, widest: int, per_clip: bool
) -> None:
    config = {
        "frequency_masks": 1,
        "frequency_mask_mels": widest,
        "time_masks": 1,
        "time_mask_frames": widest,
        "per_clip": per_clip,
    }
    ones = torch.ones(B, 1, M, F)
    y, _ = augmenter(**config)(ones, (), np.random.default_rng(seed))
    for clip in y[:, 0]:
        for lines in (clip.sum(0) == 0, clip.sum(1) == 0):  # hidden frames, hidden mels
            if not lines.all():  # all of them: hidden by the other mask
                assert lines.sum() <= min(widest, len(lines))
                assert (lines[1:] != lines[:-1]).sum() <= 2
    if not per_clip:
        assert (y == y[0]).all()


def test_a_mask_as_wide_as_allowed_and_one_of_nothing_both_occur() -> None:
    widths = set()
    for seed in range(60):
        y, _ = augmenter(time_masks=1, time_mask_frames=3)(
            torch.ones(1, 1, M, F), (), np.random.default_rng(seed)
        )
        widths.add(int((y[0, 0, 0] == 0).sum()))
    assert widths == {0, 1, 2, 3}


ALL = {
    "gain_db": 6.0,
    "roll": 0.5,
    "mixup_alpha": 0.4,
    "freq_mixstyle_probability": 1.0,
    "frequency_masks": 2,
    "frequency_mask_mels": 3,
    "time_masks": 2,
    "time_mask_frames": 4,
}


def test_one_seed_one_result(x: Tensor) -> None:
    a, b, c = (augmenter(**ALL)(x, targets(), np.random.default_rng(s))[0] for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_input_is_left_as_it_was(x: Tensor) -> None:
    before = x.clone()
    augmenter(**ALL)(x, targets(), np.random.default_rng(0))
    assert torch.equal(x, before)


def test_gain_comes_before_normalisation_and_masks_after(x: Tensor) -> None:
    config = AugmentConfig(gain_db=10.0, time_masks=1, time_mask_frames=F)
    shifted = Augmenter(config, lambda raw: raw - raw.mean((1, 2, 3), keepdim=True) + 100.0)
    y, _ = shifted(x, (), np.random.default_rng(3))
    kept = y != 0
    assert (y[kept] > 50).all() and not kept.all()
    plain = Augmenter(AugmentConfig(gain_db=10.0), shifted.normalize)
    level = plain(x, (), np.random.default_rng(3))[0].mean((1, 2, 3))
    assert torch.allclose(level, torch.full((B,), 100.0), atol=1e-4)


def test_gain_of_a_log_clip_is_at_most_what_was_asked(x: Tensor) -> None:
    y, _ = augmenter(gain_db=6.0)(x, (), np.random.default_rng(0))
    change = (y - x).mean((1, 2, 3)) * 10 / math.log(10)
    assert (change.abs() <= 6.0001).all() and len(change.unique()) == B
