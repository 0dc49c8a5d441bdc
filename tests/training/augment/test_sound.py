"""Laws of the augmentations of sound: levels in dB, powers that add up, both kinds of features."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from edge_asc.config.schema import AugmentConfig
from edge_asc.training.augment.features import SNR_RANGE_DB, Augmenter
from edge_asc.training.augment.sound import add_noise, mean_power, mix_sounds, response

B, M, F = 6, 16, 10
DB = 10 / math.log(10)  # of one neper of power
PARTNER = torch.tensor([1, 2, 3, 4, 5, 0])


@pytest.fixture
def power() -> Tensor:
    """Clips whose levels lie 80 dB apart."""
    noise = torch.rand(B, 1, M, F, dtype=torch.float64) + 0.1
    return noise * torch.logspace(-6, 2, B).view(-1, 1, 1, 1)


def labels() -> tuple[Tensor, ...]:
    return (torch.eye(B, dtype=torch.float64),)


@settings(max_examples=30)
@given(points=st.integers(2, 9), mels=st.integers(2, 40), seed=st.integers(0, 99))
def test_a_response_is_numpys_interpolation_in_decibels(points: int, mels: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-6, 6, (3, points))
    places = np.linspace(0, points - 1, mels)
    expected = np.stack([np.interp(places, np.arange(points), row) for row in values])
    power = torch.rand(3, 1, mels, 4, dtype=torch.float64) + 0.1
    heard = response(power, torch.from_numpy(values), log=False)
    change_db = 10 * (heard / power).log10().numpy()
    assert np.allclose(change_db, expected[:, None, :, None])
    assert torch.allclose(response(power.log(), torch.from_numpy(values), log=True), heard.log())


def test_noise_is_so_far_below_the_clip_whatever_its_colour(power: Tensor) -> None:
    snr_db = torch.linspace(-5, 50, B, dtype=torch.float64)
    points_db = 10 * torch.randn(B, 4, dtype=torch.float64)
    white = torch.rand(B, 1, M, F, dtype=torch.float64) + 0.5
    noisy = add_noise(power, snr_db, points_db, white, log=False)
    ratio = mean_power(power, log=False) / mean_power(noisy - power, log=False)
    assert torch.allclose(10 * ratio.log10().flatten(), snr_db)
    logarithms = add_noise(power.log(), snr_db, points_db, white, log=True)
    assert torch.allclose(logarithms, noisy.log())


@pytest.mark.parametrize("log", [True, False])
def test_mixed_sounds_are_heard_as_loud_as_their_labels_say(power: Tensor, log: bool) -> None:
    weight = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9, 0.2], dtype=torch.float64)
    mixed, (t,) = mix_sounds(power.log() if log else power, labels(), weight, PARTNER, log)
    mixed = mixed.exp() if log else mixed
    for i, j in enumerate(PARTNER.tolist()):
        pair = torch.stack((power[i].flatten(), power[j].flatten()), 1)
        level = pair.mean(0)
        shares = torch.linalg.lstsq(pair / level, mixed[i].reshape(-1, 1)).solution[:, 0] / level
        assert float(shares.sum()) == pytest.approx(1.0, rel=1e-6)
        amplitude = (shares * level).sqrt()  # as heard
        own = float(weight[i])
        assert float(amplitude[0] / amplitude.sum()) == pytest.approx(own, abs=1e-6)
        assert float(t[i, i]) == pytest.approx(own) and float(t[i, j]) == pytest.approx(1 - own)


@pytest.mark.parametrize("log", [True, False])
def test_a_weight_of_0_or_1_is_one_clip_alone(power: Tensor, log: bool) -> None:
    x = power.log() if log else power
    for weight, expected in ((1.0, x), (0.0, x[PARTNER])):
        w = torch.full((B,), weight, dtype=torch.float64)
        assert torch.allclose(mix_sounds(x, (), w, PARTNER, log)[0], expected)


def test_digital_silence_stays_finite() -> None:
    """A front end's logarithms have a floor: ESC's clips end in zeros."""
    silent = torch.full((B, 1, M, F), math.log(1e-5), dtype=torch.float64)
    every = {"response_db": 6.0, "noise_probability": 1.0, "sound_mix": 1.0, "gain_db": 6.0}
    assert augmented(silent, **every).isfinite().all()


def augmented(raw: Tensor, seed: int = 0, log: bool = True, **config: object) -> Tensor:
    augmenter = Augmenter(AugmentConfig(**config), lambda x: x, log)  # type: ignore[arg-type]
    return augmenter(raw, labels(), np.random.default_rng(seed))[0]


def test_random_responses_are_curves_within_what_was_asked(power: Tensor) -> None:
    change = augmented(power.log(), response_db=6.0) - power.log()
    assert torch.allclose(change, change[..., :1].expand_as(change))  # the same in every frame
    curve_db = DB * change[:, 0, :, 0]
    assert (curve_db.abs() <= 6.0001).all() and (curve_db.std(1) > 0.5).all()
    assert len(curve_db[:, 0].unique()) == B


def test_responses_are_as_fine_as_was_asked(power: Tensor) -> None:
    """Number of corners of the curve, over many batches."""
    found = set()
    for seed in range(60):
        change = augmented(power.log(), seed, response_db=6.0, response_points=12)
        curve = (change - power.log())[:, 0, :, 0]
        bends = curve.diff(n=2, dim=1).abs() > 1e-9
        found.add(int(bends.any(0).sum()))
    assert len(found) > 3
    slow = augmented(power.log(), response_db=6.0)
    assert torch.equal(slow, augmented(power.log(), response_db=6.0, response_points=6))


def test_random_noise_lies_in_the_range_that_was_asked(power: Tensor) -> None:
    ratios = []
    for seed in range(20):
        noisy = augmented(power, seed, log=False, noise_probability=1.0, noise_snr_db=5.0)
        ratio = mean_power(power, log=False) / mean_power(noisy - power, log=False)
        ratios.append(10 * ratio.log10().flatten())
    found = torch.cat(ratios)
    assert found.min() >= 5 and found.max() <= 5 + SNR_RANGE_DB and found.std() > 5


def test_a_batch_is_mixed_in_one_way(power: Tensor) -> None:
    """Sounds or features: a batch mixed twice would have labels of up to four clips."""
    config, ways = AugmentConfig(sound_mix=0.5, mixup_alpha=0.4), set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, (t,) = Augmenter(config, lambda raw: raw)(power.log(), labels(), rng)
        assert ((t > 0).sum(1) <= 2).all() and torch.allclose(t.sum(1), torch.ones_like(t[0]))
        linear = torch.einsum("bc,cmf->bmf", t, power.log()[:, 0])
        ways.add(torch.allclose(x[:, 0], linear))
    assert ways == {True, False}


def test_sound_changes_before_normalisation(power: Tensor) -> None:
    every = {"gain_db": 6.0, "response_db": 6.0, "noise_probability": 1.0, "sound_mix": 1.0}
    seen: list[Tensor] = []

    def normalize(raw: Tensor) -> Tensor:
        seen.append(raw)
        return torch.zeros_like(raw)

    config = AugmentConfig(**every)  # type: ignore[arg-type]
    x, _ = Augmenter(config, normalize)(power.log(), labels(), np.random.default_rng(0))
    assert (x == 0).all() and torch.equal(seen[0], augmented(power.log(), **every))
