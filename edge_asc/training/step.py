"""The training step: augmented batch → logits → joint loss, as a LightningModule.

All randomness of a step follows from (seed, step, process), and the learning rate from the step,
so a resumed run takes exactly the steps that an uninterrupted one would have taken.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.config.schema import TrainConfig
from edge_asc.models.maximum import CheapMaximum
from edge_asc.training.augment.features import Augmenter
from edge_asc.training.inputs.batches import Batch, Epochs
from edge_asc.training.losses.distillation import Teachers, taught
from edge_asc.training.losses.gradnorm import GradNorm, last_shared, task_gradients
from edge_asc.training.optim import build_optimizer, learning_rate

AUGMENT, NETWORK = 1, 2  # separate streams of random numbers


def task_losses(
    logits: tuple[Tensor, ...], targets: tuple[Tensor, ...], label_smoothing: float = 0.0
) -> list[Tensor]:
    """Cross entropy of every label set, averaged over the batch.

    Args:
        logits: `[B, classes]` per head.
        targets: distributions `[B, classes]` per head.
        label_smoothing: part of the target spread evenly over all classes.
    """
    pairs = zip(logits, targets, strict=True)
    return [F.cross_entropy(x.float(), t, label_smoothing=label_smoothing) for x, t in pairs]


class SceneModule(L.LightningModule):
    """A network with its loss, optimiser and augmentation.

    Args:
        network: `[B, 1, M, F] -> (scene logits,)` or `(scene logits, abstract logits)`.
        config: optimisation.
        augmenter: normalises and augments a batch.
        epochs: the batches of this process.
        seed: of augmentation and dropout.
        teachers: what it learns from beside the labels.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        augmenter: Augmenter,
        epochs: Epochs,
        seed: int,
        teachers: Teachers | None = None,
    ) -> None:
        super().__init__()
        self.network, self.teachers = network, teachers
        self.config, self.augmenter, self.epochs, self.seed = config, augmenter, epochs, seed
        self.as_recorded = augmenter.as_recorded()
        n_tasks = len(epochs.store.labels)
        self.fixed_weights = torch.tensor([config.scene_weight, config.abstract_weight][:n_tasks])
        self.gradnorm = gradnorm(config, n_tasks)
        self.shared: list[nn.Parameter] = []  # the layer whose gradients it balances
        self.train_forward = train_forward(network, config)
        self.losses: list[Tensor] = []  # of the steps of this epoch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build the optimiser; its learning rate is set before every step."""
        return build_optimizer(self.network, self.config)

    def on_train_epoch_start(self) -> None:
        """Point the loader at the epoch that the step counter is in."""
        self.epochs.epoch = self.global_step // len(self.epochs)
        self.losses = []

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set what depends on the step: learning rate and dropout's random numbers."""
        rate = learning_rate(self.config, self.global_step, len(self.epochs))
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        torch.manual_seed(int(self.generator(NETWORK).integers(2**63)))

    def generator(self, stream: int) -> np.random.Generator:
        """Return the random numbers of this step and process."""
        return np.random.default_rng([self.seed, stream, self.global_step, self.global_rank])

    @property
    def loss_weights(self) -> Tensor:
        """Weight of each label set's loss in the next step, `[T]`."""
        return self.fixed_weights if self.gradnorm is None else self.gradnorm.weights.clone()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        raw, labels = batch
        classes = self.epochs.store.n_classes
        targets = tuple(F.one_hot(y, n).float() for y, n in zip(labels, classes, strict=True))
        augment = self.as_recorded if self.epochs.plain else self.augmenter
        x, targets = augment(raw, targets, self.generator(AUGMENT))
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        logits = self.train_forward(x)
        losses = task_losses(logits, targets, self.config.label_smoothing)
        losses = taught(losses, logits, x, self.teachers, self.config.distill_weight)
        stacked = torch.stack(losses)
        loss = (self.loss_weights.to(stacked) * stacked).sum()
        if self.gradnorm is not None:
            self._learn_weights(self.gradnorm, losses)
        self.losses.append(loss.detach())
        return loss

    def _learn_weights(self, gradnorm: GradNorm, losses: list[Tensor]) -> None:
        """Let GradNorm see this step, the gradients averaged over all processes."""
        self.shared = self.shared or last_shared(self.network, losses)
        found = (torch.stack(losses).detach(), task_gradients(losses, self.shared))
        means, gradients = (self.trainer.strategy.reduce(x, reduce_op="mean") for x in found)
        gradnorm.update(means, gradients.norm(dim=1))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learnt loss weights."""
        if self.gradnorm is not None:
            checkpoint["gradnorm"] = self.gradnorm.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them up again."""
        if self.gradnorm is not None:
            self.gradnorm.load_state_dict(checkpoint["gradnorm"])


def gradnorm(config: TrainConfig, n_tasks: int) -> GradNorm | None:
    """Return what learns the loss weights, None where they are fixed."""
    if config.balance == "fixed":
        return None
    return GradNorm(n_tasks, config.gradnorm_alpha, config.gradnorm_learning_rate)


def train_forward(network: nn.Module, config: TrainConfig) -> Callable[[Tensor], Any]:
    """Return the forward pass of training: compiled, with cheap maxima, or just the network."""
    plain = eager(network) if config.fast_maximum else network.__call__  # no second submodule
    return compiled(network, plain) if config.compile else plain


def teachers_of(networks: Sequence[nn.Module], config: TrainConfig) -> Teachers | None:
    """The networks as teachers, compiled where the student is; None where there are none."""
    if not networks:
        return None
    as_student = (lambda n: compiled(n, n)) if config.compile else (lambda n: n)
    return Teachers(networks, config.distill_temperature, as_student)


def eager(network: nn.Module) -> Callable[[Tensor], Any]:
    """Run a network as it is, with the cheaper gradient of maxima."""

    def forward(x: Tensor) -> Any:
        with CheapMaximum():
            return network(x)

    return forward


def compiled(network: nn.Module, fallback: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """Compile a network's forward pass; say one line and run `fallback` where that fails."""
    if not _has_compiler():
        print("train.compile: no C++ compiler found, training without", file=sys.stderr)
        return fallback
    run: list[Callable[[Tensor], Any]] = [torch.compile(network, dynamic=False)]

    def forward(x: Tensor) -> Any:
        try:
            return run[0](x)
        except Exception as error:  # whatever a compiler may raise, the network itself runs
            if run[0] is fallback:
                raise
            line = (
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            )
            print(f"train.compile failed ({line}), training without", file=sys.stderr)
            run[0] = fallback
            return fallback(x)

    return forward


def _has_compiler() -> bool:
    return any(shutil.which(c) for c in (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))
