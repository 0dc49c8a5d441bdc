"""The learning rate is its formula at every step; torch's schedulers are the second opinion."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    OneCycleLR,
)

from edge_asc.config.schema import PRESETS, TrainConfig, config_from_dict, load_preset
from edge_asc.training.step import build_optimizer, learning_rate
from small_training import TRAIN, small_fit, store

STEPS = 7  # per epoch


def rates(config: TrainConfig) -> list[float]:
    return [learning_rate(config, step, STEPS) for step in range(config.epochs * STEPS)]


def torch_rates(scheduler: Any, n: int) -> list[float]:
    found = []
    for _ in range(n):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def optimizer(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def test_one_cycle_is_torchs() -> None:
    config = TrainConfig(epochs=12, warmup_epochs=4, warmup_from=4e-4, learning_rate=1e-2)
    n = config.epochs * STEPS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns when stepped beyond the end
        other = OneCycleLR(
            optimizer(1e-2),
            max_lr=1e-2,
            total_steps=n,
            pct_start=(4 * STEPS + 1) / n,  # torch reaches the top one step before this part
            div_factor=25,
            final_div_factor=400,
            cycle_momentum=False,
        )
        expected = [other.get_last_lr()[0]]
        for _ in range(n - 1):
            other.optimizer.step()
            other.step()
            expected.append(other.get_last_lr()[0])
    assert rates(config) == pytest.approx(expected, rel=1e-9)


def test_warm_restarts_are_torchs_after_the_warm_up() -> None:
    config = TrainConfig(
        epochs=30,
        schedule="warm-restarts",
        warmup_epochs=2,
        warmup_from=1e-3,
        restart_epochs=8,
        learning_rate=1e-2,
        min_learning_rate=1e-6,
    )
    found, warm = rates(config), 2 * STEPS
    line = [1e-3 + 9e-3 * step / warm for step in range(warm)]
    assert found[:warm] == pytest.approx(line)
    other = CosineAnnealingWarmRestarts(optimizer(1e-2), T_0=8 * STEPS, eta_min=1e-6)
    assert found[warm:] == pytest.approx(torch_rates(other, len(found) - warm), rel=1e-9)


def test_cosine_is_torchs_and_ends_at_the_floor() -> None:
    config = TrainConfig(epochs=5, schedule="cosine", warmup_epochs=0, min_learning_rate=1e-5)
    n = 5 * STEPS
    other = CosineAnnealingLR(optimizer(config.learning_rate), T_max=n - 1, eta_min=1e-5)
    assert rates(config) == pytest.approx(torch_rates(other, n), rel=1e-6)
    assert rates(config)[-1] == pytest.approx(1e-5)


def test_constant_stays() -> None:
    config = TrainConfig(epochs=3, schedule="constant", warmup_epochs=0, learning_rate=0.1)
    assert set(rates(config)) == {0.1}


@pytest.mark.parametrize("schedule", ["one-cycle", "warm-restarts", "cosine", "constant"])
@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_short_runs_stay_within_the_bounds(schedule: str, epochs: int) -> None:
    config = TrainConfig(epochs=epochs, schedule=schedule)  # type: ignore[arg-type]
    assert all(1e-6 <= rate <= config.learning_rate for rate in rates(config))


def test_every_step_is_taken_with_the_formulas_rate(tmp_path: Path) -> None:
    seen = []

    class Spy(Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            seen.append(optimizer.param_groups[0]["lr"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.training.fit.TrainingProgress", lambda history: Spy())
        small_fit(tmp_path, progress=True)
    assert seen == [learning_rate(TRAIN, step, 5) for step in range(4 * 5)]


N_STEPS = 13_965 // 24  # of an epoch of the official training list: 581, the last batch dropped
PRINTED = {  # epoch -> the recipe's rate at its first step, to six decimals
    0: 0.0001, 1: 0.001, 10: 0.0091, 11: 0.000954, 20: 0.000854, 40: 0.000501, 79: 0.000001,
    80: 0.001, 120: 0.000501, 160: 0.001,
}  # fmt: skip


def recipe(epochs: int, steps: int) -> list[float]:
    """The published recipe's rates: torch's scheduler, overruled by a line in epochs 0 to 10."""
    restarts = CosineAnnealingWarmRestarts(optimizer(0.001), T_0=80 * steps, eta_min=1e-6)
    found = torch_rates(restarts, epochs * steps)
    for step in range(11 * steps):
        epoch, b = divmod(step, steps)
        found[step] = 0.001 + 0.009 * (epoch - 1 + b / steps) / 10
    return found


PAPER = ["amfm-full", *(name for name in PRESETS if name.startswith("paper/"))]


@pytest.mark.parametrize("preset", PAPER)
def test_every_row_of_the_paper_has_the_recipes_rates(preset: str) -> None:
    config = load_preset(preset).train
    assert config.epochs == 800
    assert rates(config) == pytest.approx(recipe(800, STEPS), rel=1e-6)


def test_the_recipe_has_its_rates_at_every_step_of_an_official_epoch() -> None:
    config, epochs = load_preset("paper/table2-extended").train, 82
    found = [learning_rate(config, step, N_STEPS) for step in range(epochs * N_STEPS)]
    assert found == pytest.approx(recipe(epochs, N_STEPS), rel=1e-6)


@pytest.mark.parametrize(("epoch", "rate"), PRINTED.items())
def test_the_recipe_has_the_rates_that_are_printed(epoch: int, rate: float) -> None:
    found = learning_rate(load_preset("paper/table2-extended").train, epoch * N_STEPS, N_STEPS)
    assert found == pytest.approx(rate, abs=5e-7)  # half of the last decimal


def test_the_recipe_ends_with_a_whole_cosine() -> None:
    """800 epochs are ten times 80, the warm-up included."""
    config = load_preset("amfm-full").train
    assert rates(config)[-1] < 1.1e-6


@pytest.mark.parametrize("epochs", [1, 2, 8, 12, 20, 40, 79, 80])
def test_a_shortened_recipe_comes_down_all_the_same(epochs: int) -> None:
    config = load_preset("amfm-full", [f"train.epochs={epochs}"]).train
    found = rates(config)
    warm = sum(b >= a for a, b in pairwise(found))
    assert warm <= len(found) / 3
    assert max(found) <= 0.01 and all(rate <= 0.001 for rate in found[warm + 1 :])
    if epochs > 2:
        assert found[-1] < 0.01 * 0.001


def test_settings_of_runs_begun_before_keep_their_rates() -> None:
    """Their run.json lacks what has come since; cosines counted from the warm-up's end."""
    kept = load_preset("amfm-full").to_dict()
    del kept["train"]["warmup_to"], kept["train"]["restarts_from"]
    kept["train"] |= {"learning_rate": 0.01, "warmup_epochs": 10.0, "warmup_from": 0.001}
    sgd = optimizer(0.01)
    line = LinearLR(sgd, start_factor=0.1, end_factor=1.0, total_iters=10 * STEPS)
    expected = torch_rates(line, 10 * STEPS)
    restarts = CosineAnnealingWarmRestarts(optimizer(0.01), T_0=80 * STEPS, eta_min=1e-6)
    expected += torch_rates(restarts, 790 * STEPS)
    assert rates(config_from_dict(kept).train) == pytest.approx(expected, rel=1e-6)


def test_a_warm_up_may_lead_elsewhere_before_any_schedule() -> None:
    config = TrainConfig(
        epochs=9, schedule="constant", warmup_epochs=3, warmup_from=0, warmup_to=0.5,
        learning_rate=0.1,
    )  # fmt: skip
    line = [0.5 * step / (3 * STEPS) for step in range(3 * STEPS)]
    assert rates(config) == pytest.approx(line + [0.1] * (6 * STEPS))


def test_a_shortened_run_of_the_recipe_takes_its_rates(tmp_path: Path) -> None:
    """Recorded from the optimiser at every step: warm-up, first cosine, restart, half the second.

    Shortened in epochs (130 of 800), clips and network; the rest is the preset's.
    """
    train, epochs, steps = load_preset("paper/table2-extended").train, 130, 2
    assert train.batch_size == 24
    seen = []

    class Spy(Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            seen.append(optimizer.param_groups[0]["lr"])

    settings = msgspec.structs.asdict(train) | {"epochs": epochs, "checkpoint_epochs": epochs}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.training.fit.TrainingProgress", lambda history: Spy())
        small_fit(
            tmp_path, train_store=store(24 * steps), val_store=None, progress=True, **settings
        )
    assert len(seen) == epochs * steps
    assert seen == pytest.approx(recipe(epochs, steps), rel=1e-6)
    assert seen[80 * steps - 1] < 1e-5 < 0.00099 < seen[80 * steps]  # the restart


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_optimiser_has_every_trainable_parameter(name: str) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    network[0].bias.requires_grad = False
    config = TrainConfig(optimizer=name, weight_decay=0.1)  # type: ignore[arg-type]
    built = build_optimizer(network, config)
    (group,) = built.param_groups
    assert [id(p) for p in group["params"]] == [
        id(p) for p in network.parameters() if p.requires_grad
    ]
    assert group["weight_decay"] == 0.1
