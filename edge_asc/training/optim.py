"""The learning rate as a formula of the step, and the optimiser it is given to.

A formula has no state: a resumed run has the right rate at once.
"""

import math

import torch
from torch import nn

from edge_asc.config.schema import TrainConfig


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Learning rate of optimiser step `step` (from 0).

    A straight line from `warmup_from` to `warmup_to` (unless set, `learning_rate`) over the warm-up
    (at most a third of the run, so that a shortened run still comes down). Then `learning_rate`:
    `constant`; `cosine` and `one-cycle`: half a cosine down to `min_learning_rate` at the last
    step; `warm-restarts`: such a half cosine every `restart_epochs`, counted from the end of the
    warm-up or from the start. `one-cycle` differs from `cosine` in its warm-up, which is half a
    cosine as well.
    """
    warmup_steps = round(min(config.warmup_epochs, config.epochs / 3) * steps_per_epoch)
    if step < warmup_steps:
        part = step / warmup_steps
        part = _half_cosine(part) if config.schedule == "one-cycle" else part
        top = config.learning_rate if config.warmup_to is None else config.warmup_to
        return config.warmup_from + (top - config.warmup_from) * part
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "warm-restarts":
        part = _part_of_cosine(config, step, steps_per_epoch, warmup_steps)
    else:
        last = config.epochs * steps_per_epoch - 1
        part = (step - warmup_steps) / max(1, last - warmup_steps)
    floor = min(config.min_learning_rate, config.learning_rate)
    return config.learning_rate + (floor - config.learning_rate) * _half_cosine(min(part, 1.0))


def _part_of_cosine(
    config: TrainConfig, step: int, steps_per_epoch: int, warmup_steps: int
) -> float:
    """How much of its cosine is over at a step, with warm restarts.

    Counted from the first step of the run, the warm-up lies over the first cosine's beginning, and
    a run shorter than a cosine has one of its own length.
    """
    from_start = config.restarts_from == "start"
    epochs = min(config.restart_epochs, config.epochs) if from_start else config.restart_epochs
    period = max(1, round(epochs * steps_per_epoch))
    return (step if from_start else step - warmup_steps) % period / period


def _half_cosine(part: float) -> float:
    """0 → 1 without corners at either end."""
    return 0.5 - 0.5 * math.cos(math.pi * part)


def build_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Build the optimiser over every trainable parameter, decay on all of them."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(
        parameters,
        lr=config.learning_rate,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
    )
