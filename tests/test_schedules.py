"""The learning rate is its formula at every step; torch's schedulers are the second opinion."""

import warnings
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

from edge_asc.config.schema import PRESETS, TrainConfig, load_preset
from edge_asc.training.optim import build_optimizer, learning_rate
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


def test_published_recipe_peaks_after_ten_epochs_and_restarts_every_eighty() -> None:
    config = load_preset("amfm-full").train
    found = rates(config)
    assert found[0] == 0.001
    tops = [step / STEPS for step, rate in enumerate(found) if rate == 0.01]
    assert tops == [10 + 80 * k for k in range(10)]


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


def recipe_by_torch(epochs: int, steps: int) -> list[float]:
    """The published recipe's rates, by torch's schedulers: a line for 10 epochs, then cosines."""
    sgd = optimizer(0.01)
    line = LinearLR(sgd, start_factor=0.1, end_factor=1.0, total_iters=10 * steps)
    found = torch_rates(line, 10 * steps)
    restarts = CosineAnnealingWarmRestarts(optimizer(0.01), T_0=80 * steps, eta_min=1e-6)
    return found + torch_rates(restarts, (epochs - 10) * steps)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith("paper/")])
def test_every_row_of_the_paper_has_the_recipes_rates(preset: str) -> None:
    config = load_preset(preset).train
    assert config.epochs == 800
    assert rates(config) == pytest.approx(recipe_by_torch(800, STEPS), rel=1e-6)


def test_a_shortened_run_of_the_recipe_takes_its_rates(tmp_path: Path) -> None:
    """Recorded from the optimiser at every step: warm-up, first cosine, restart, half the second.

    Shortened in epochs (130 of 800), clips and network; the rest is the preset's.
    """
    recipe, epochs, steps = load_preset("paper/table2-extended").train, 130, 2
    assert recipe.batch_size == 24
    seen = []

    class Spy(Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            seen.append(optimizer.param_groups[0]["lr"])

    settings = msgspec.structs.asdict(recipe) | {"epochs": epochs, "checkpoint_epochs": epochs}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.training.fit.TrainingProgress", lambda history: Spy())
        small_fit(
            tmp_path, train_store=store(24 * steps), val_store=None, progress=True, **settings
        )
    assert len(seen) == epochs * steps
    assert seen == pytest.approx(recipe_by_torch(epochs, steps), rel=1e-6)
    assert seen[90 * steps - 1] < 1e-4 < 0.0099 < seen[90 * steps]  # the restart


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
