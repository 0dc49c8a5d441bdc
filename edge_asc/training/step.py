"""The training step, from top to bottom: batch → augmentation → forward → losses → optimiser.

`fit` hands a `SceneModule` to Lightning, which calls for every step, in this order:

1. `on_train_batch_start`: the learning rate of this step, and dropout's random numbers
2. `training_step`: augments the batch, runs the network, returns the loss
3. backward, and the clipping of the gradients to `train.clip_norm`
4. the step of the optimiser that `configure_optimizers` built

All randomness of a step follows from (seed, step, process), and the learning rate from the step,
so a resumed run takes exactly the steps that an uninterrupted one would have taken.
"""

import math
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.config.schema import TrainConfig
from edge_asc.graph.pretrained import Pretrained
from edge_asc.models.forward import forward_of
from edge_asc.training.augment.features import Augmenter
from edge_asc.training.inputs.batches import UNKNOWN, Batch, Epochs
from edge_asc.training.losses.distillation import Teachers, soft_losses
from edge_asc.training.losses.features import Features
from edge_asc.training.losses.gradnorm import GradNorm, last_shared, task_gradients

AUGMENT, NETWORK = 1, 2  # separate streams of random numbers
AUDIBLE = 0.1  # smallest share of a mixed clip that a yes-or-no loss calls present


class SceneModule(L.LightningModule):
    """A network with its augmentation, losses and optimiser.

    Args:
        network: `[B, 1, M, F] -> (scene logits,)` or `(scene logits, abstract logits)`.
        config: optimisation.
        augmenter: normalises and augments a batch.
        epochs: the batches of this process.
        seed: of augmentation and dropout.
        teachers: what it learns from beside the labels.
        features: how far its embedding is from theirs; None: that is not learnt.
        apart: the last scene logit stands for other sounds and learns apart from all else, in a
            `Pretrained`; in other networks (rounded ones) it has learnt.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        augmenter: Augmenter,
        epochs: Epochs,
        seed: int,
        teachers: Teachers | None = None,
        features: Features | None = None,
        apart: bool = False,
    ) -> None:
        super().__init__()
        self.apart = apart
        self.network, self.teachers, self.features = network, teachers, features
        self.config, self.epochs, self.seed = config, epochs, seed
        self.augmenter, self.as_recorded = augmenter, augmenter.as_recorded()
        self.run_network = forward_of(network, config.compile, config.fast_maximum)
        n_tasks = len(epochs.store.labels)
        self.fixed_weights = torch.tensor([config.scene_weight, config.abstract_weight][:n_tasks])
        self.gradnorm: GradNorm | None = None  # else it learns the weights
        if config.balance == "gradnorm":
            self.gradnorm = GradNorm(n_tasks, config.gradnorm_alpha, config.gradnorm_learning_rate)
        self.shared: list[nn.Parameter] = []  # the layer whose gradients it balances
        self.losses: list[Tensor] = []  # of the steps of this epoch

    def on_train_epoch_start(self) -> None:
        """Point the loader at the epoch that the step counter is in; hold a base or let it go."""
        self.epochs.epoch = self.global_step // len(self.epochs)
        self.losses = []
        if self.config.head_epochs and isinstance(self.network, Pretrained):
            self.network.hold(self.epochs.epoch < self.config.head_epochs)

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

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        x, targets, answers = self.augmented(batch)
        logits = self.run_network(x)
        soft, temperature = answers, self.config.distill_temperature
        if self.teachers is not None:
            soft, temperature = tuple(self.teachers(x)), self.teachers.temperature
        beside = loss_beside(logits[0], targets[0]) if self.apart_weights else None
        if self.apart:  # the classes learn as if there was nothing behind them
            logits = (logits[0][:, :-1], *logits[1:])
            targets, soft = evenly(targets), of_classes(soft)
        losses = LOSSES[self.config.loss](logits, targets, self.config.label_smoothing)
        if soft:
            losses = self.taught(losses, logits, soft, temperature)
        if beside is not None:
            losses[0] = losses[0] + beside
        stacked = torch.stack(losses)
        loss = (self.loss_weights.to(stacked) * stacked).sum()
        if self.features is not None:
            loss = loss + self.config.distill_feature_weight * self.features()
        if self.gradnorm is not None:
            self.learn_weights(self.gradnorm, losses)
        self.losses.append(loss.detach())
        return loss

    def augmented(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Features as the network sees them `[B, 1, M, F]`, targets, and answers that were given.

        Both are distributions `[B, classes]`, mixed alike; of answers there is one at most.
        """
        raw, known = batch
        classes = self.epochs.store.n_logits
        n = len(classes)
        all_or_none = self.config.loss == "binary"
        targets = tuple(
            distribution(y, c, 0.0 if all_or_none else 1 / c)
            for y, c in zip(known[:n], classes, strict=True)
        )
        softened = [(y / self.config.distill_temperature).softmax(1) for y in known[n:]]
        is_plain = self.epochs.is_plain(self.epochs.epoch)
        augment = self.as_recorded if is_plain else self.augmenter
        x, mixed = augment(raw, (*targets, *softened), self.generator(AUGMENT))
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        return x, mixed[:n], mixed[n:]

    def taught(
        self,
        losses: list[Tensor],
        logits: Sequence[Tensor],
        soft: Sequence[Tensor],
        temperature: float,
    ) -> list[Tensor]:
        """The losses, part of each now the distance from what teachers answer.

        Label sets of which they say nothing, behind those that they know, keep their loss.
        """
        n, part = len(soft), self.config.distill_weight
        distances = soft_losses(logits[:n], soft, temperature)
        taught = [(1 - part) * x + part * s for x, s in zip(losses[:n], distances, strict=True)]
        return [*taught, *losses[n:]]

    @property
    def apart_weights(self) -> list[nn.Parameter]:
        """Those that learn apart from all others; [] for none."""
        layer = self.network.apart if isinstance(self.network, Pretrained) else None
        return [] if layer is None else list(layer.parameters())

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients, of weights that learn apart by themselves."""
        apart = self.apart_weights
        if gradient_clip_val is None or not apart:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
            return
        numbers = {id(p) for p in apart}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in numbers]
        for together in (others, apart):
            nn.utils.clip_grad_norm_(together, gradient_clip_val)

    @property
    def loss_weights(self) -> Tensor:
        """Weight of each label set's loss in the next step, `[T]`."""
        return self.fixed_weights if self.gradnorm is None else self.gradnorm.weights.clone()

    def learn_weights(self, gradnorm: GradNorm, losses: list[Tensor]) -> None:
        """Let GradNorm see this step, the gradients averaged over all processes."""
        self.shared = self.shared or last_shared(self.network, losses)
        found = (torch.stack(losses).detach(), task_gradients(losses, self.shared))
        means, gradients = (self.trainer.strategy.reduce(x, reduce_op="mean") for x in found)
        gradnorm.update(means, gradients.norm(dim=1))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build the optimiser; its learning rate is set before every step."""
        learning = [self.network, *([] if self.features is None else [self.features])]
        return build_optimizer(nn.ModuleList(learning), self.config)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learnt loss weights."""
        if self.gradnorm is not None:
            checkpoint["gradnorm"] = self.gradnorm.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them up again."""
        if self.gradnorm is not None:
            self.gradnorm.load_state_dict(checkpoint["gradnorm"])


def distribution(labels: Tensor, n_classes: int, unknown: float) -> Tensor:
    """What a network should answer to labels `[B]`: `[B, n_classes]`; `unknown` where is none."""
    certain = F.one_hot(labels.clamp(min=0), n_classes).float()
    return certain.masked_fill((labels == UNKNOWN)[:, None], unknown)


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


def evenly(targets: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The first `[B, classes + 1]` as `[B, classes]`: what its last one has, all share evenly."""
    first, *others = targets
    return (first[:, :-1] + first[:, -1:] / (first.shape[1] - 1), *others)


def of_classes(soft: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Probabilities, the first of them `[B, classes + 1]`, as if its last one was not there."""
    if not soft:
        return ()
    first, *others = soft
    classes = first[:, :-1]
    return (classes / classes.sum(1, keepdim=True), *others)


def loss_beside(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of an output for other sounds beside the classes, whose logits stand still.

    Args:
        logits: `[B, classes + 1]`.
        target: distributions `[B, classes + 1]`.
    """
    still = torch.cat([logits[:, :-1].detach(), logits[:, -1:]], 1)
    return F.cross_entropy(still.float(), target)


def binary_losses(
    logits: tuple[Tensor, ...], targets: tuple[Tensor, ...], label_smoothing: float = 0.0
) -> list[Tensor]:
    """Binary cross entropy of every label set, averaged over batch and classes.

    Each class is a question of its own, so a clip that was mixed of two is both, whatever their
    shares. The largest logit is still the answer; as probabilities, logits need a temperature.

    Args:
        logits: `[B, classes]` per head.
        targets: distributions `[B, classes]` per head; what has a share of `AUDIBLE` is there.
        label_smoothing: part of the answers, yes or no, that is spread over both.
    """
    present = [(t >= AUDIBLE).float() for t in targets]
    answers = [t * (1 - label_smoothing) + label_smoothing / 2 for t in present]
    pairs = zip(logits, answers, strict=True)
    return [F.binary_cross_entropy_with_logits(x.float(), t) for x, t in pairs]


LOSSES = {"cross-entropy": task_losses, "binary": binary_losses}


def build_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Build the optimiser over every trainable parameter, decay on all of them."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    both: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        momentum, nesterov = config.momentum, config.nesterov
        return torch.optim.SGD(parameters, momentum=momentum, nesterov=nesterov, **both)
    return torch.optim.AdamW(parameters, betas=(config.momentum, 0.999), **both)


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Learning rate of optimiser step `step` (from 0).

    A straight line from `warmup_from` to `warmup_to` (unless set, `learning_rate`) over the warm-up
    (at most a third of the run, so that a shortened run still comes down). Then `learning_rate`:
    `constant`; `cosine` and `one-cycle`: half a cosine down to `min_learning_rate` at the last
    step; `warm-restarts`: such a half cosine every `restart_epochs`, counted from the end of the
    warm-up or from the start. `one-cycle` differs from `cosine` in its warm-up, which is half a
    cosine as well. Behind `head_epochs` of a base all of this is `after_head` of it.
    """
    rate = _scheduled(config, step, steps_per_epoch)
    both = config.head_epochs and step >= config.head_epochs * steps_per_epoch
    return rate * config.after_head if both else rate


def _scheduled(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
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
