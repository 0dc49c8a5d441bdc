"""One network's training as steps that the host only has to start: a CUDA graph where there is one.

A small network on a fast GPU waits for the host: its kernels take less time than starting them.
So the whole step (cut clips, augment, forward, backward, optimiser, average) is recorded once and
replayed. All that changes from step to step is read on the device, at a counter that the step
itself moves on. On a CPU the same code runs step by step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge_asc.config.schema import Config, TrainConfig
from edge_asc.device_random import DeviceRandom
from edge_asc.training.augment.features import RESPONSE_POINTS, Augmenter
from edge_asc.training.callbacks.history import snapshot
from edge_asc.training.inputs.batches import Epochs, FeatureStore, crops
from edge_asc.training.inputs.load import Material
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.losses.distillation import taught
from edge_asc.training.optim import build_optimizer, learning_rate
from edge_asc.training.placement import trainer_precision
from edge_asc.training.step import task_losses, teachers_of, train_forward

WARM_UP = 3  # steps before recording: compilers and cuDNN choose their kernels


@dataclass(frozen=True)
class Shelf:
    """Clips and labels of a store on a device; networks of one fold share it.

    Attributes:
        features: `[rows, M, F]`.
        targets: per label set, each row's class as a distribution `[rows, classes]`.
    """

    features: Tensor
    targets: tuple[Tensor, ...]

    @staticmethod
    def of(store: FeatureStore, device: torch.device) -> "Shelf":
        """Copy a store to a device.

        Raises:
            ValueError: it is not in memory.
        """
        if store.memory is None:
            raise ValueError("side by side, features must fit data.ram_limit_bytes")
        pairs = zip(store.labels, store.n_classes, strict=True)
        once = [torch.nn.functional.one_hot(y, n).float() for y, n in pairs]
        targets = tuple(y.repeat(store.n_versions, 1).to(device) for y in once)
        return Shelf(store.memory.to(device), targets)


@dataclass(frozen=True)
class Plan:
    """What differs from step to step, for all S steps of a training.

    Attributes:
        rows: `[S, B]`, which rows of the shelf.
        starts: `[S, B]`, first frames of their crops.
        rates: learning rate `[S]`.
        leaps: how far the averaged weights move towards the live ones `[S]`.
    """

    rows: Tensor
    starts: Tensor
    rates: Tensor
    leaps: Tensor

    @staticmethod
    def of(epochs: Epochs, config: TrainConfig, device: torch.device) -> "Plan":
        """Draw all epochs, as `fit` would, and tabulate the schedules."""
        steps = [pair for epoch in range(config.epochs) for pair in epochs.plan(epoch)]
        rows, starts = (np.stack(part) for part in zip(*steps, strict=True))
        rates = [learning_rate(config, step, len(epochs)) for step in range(len(steps))]
        done = np.arange(1, len(steps) + 1)
        leaps = 1 - np.minimum(config.ema, (1 + done) / (10 + done))
        numbers = (rows, starts, np.array(rates, np.float32), leaps.astype(np.float32))
        return Plan(*(torch.from_numpy(x).to(device) for x in numbers))


class Course:
    """A network on its way through its training.

    Args:
        network: changed; it stays on the device.
        config: a run's; what needs the host in every step is refused.
        material: what it works on.
        shelf: the clips of `material.train`, on the device.
        seed: of order, crops and augmentation.
        teachers: networks it learns from too.
        device: where it runs.

    Raises:
        ValueError: a setting that cannot be recorded, by its name.
    """

    def __init__(
        self,
        network: nn.Module,
        config: Config,
        material: Material,
        shelf: Shelf,
        seed: int,
        teachers: Sequence[nn.Module],
        device: torch.device,
    ) -> None:
        train = check(config)
        self.config, self.shelf, self.device = train, shelf, device
        self.n_frames, frontend = material.n_frames, material.frontend
        self.network = network.to(device).train()
        plain_from = round(train.epochs * (1 - train.plain_part))
        epochs = Epochs(material.train, train.batch_size, self.n_frames, seed, config.data.balanced)
        epochs.plain_from = plain_from
        self.steps_per_epoch, self.plain_from = len(epochs), plain_from * len(epochs)
        self.plan = Plan.of(epochs, train, device)
        self.random = DeviceRandom(device, seed)
        normalize = TorchFrontEnd(frontend).to(device).normalize
        self.augmenter = Augmenter(config.augment, normalize, frontend.log)
        self.teachers = teachers_of(teachers, train)
        self.forward = train_forward(self.network, train)
        self.bfloat16 = trainer_precision(train.precision, device.type == "cuda") == "bf16-mixed"
        self.rate = torch.zeros((), device=device)
        self.optimizer = build_optimizer(self.network, train, self.rate)
        self.weights = torch.tensor(
            [train.scene_weight, train.abstract_weight][: len(shelf.targets)], device=device
        )
        self.average = snapshot(self.network) if train.ema else {}
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.losses = torch.zeros(len(self.plan.rates), device=device)
        self._runs: dict[bool, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self.losses)

    def prepare(self, record: bool = True) -> None:
        """Record the steps that there will be; nothing is trained yet.

        Args:
            record: on a GPU; False: the host starts every kernel, as it does elsewhere.
        """
        ready = self._recorded if record and self.device.type == "cuda" else self._eager
        for plain in sorted({step >= self.plain_from for step in (0, len(self) - 1)}):
            self._runs[plain] = ready(plain)

    def go(self, step: int) -> None:
        """Start step number `step`; steps come in their order."""
        self._runs[step >= self.plain_from]()

    def _eager(self, plain: bool) -> Callable[[], None]:
        augment = self.augmenter.as_recorded() if plain else self.augmenter
        return lambda: self._step(augment)

    def _recorded(self, plain: bool) -> Callable[[], None]:
        """Warm up on a stream of its own, put everything back, record, return the replay."""
        run, stream = self._eager(plain), torch.cuda.Stream()
        before = [x.clone() for x in self._state()]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                run()
            self.optimizer.zero_grad(set_to_none=True)
            for x, was in zip(self._state(), before, strict=True):
                x.copy_(was)
            for state in self.optimizer.state.values():
                for x in state.values():
                    x.zero_()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.random.generator)
        with torch.cuda.graph(graph, stream=stream):
            run()

        def replay() -> None:
            with torch.cuda.stream(stream):
                graph.replay()

        return replay

    def _state(self) -> list[Tensor]:
        """All that a step changes, but for the optimiser's own."""
        live = self.network.state_dict().values()
        return [*live, *self.average.values(), self.step, self.losses]

    def _step(self, augment: Augmenter) -> None:
        """One step of the optimiser, from rows of the shelf to averaged weights."""
        x, targets = augment(*self._batch(), self.random)
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.bfloat16, cache_enabled=False
        ):
            logits = self.forward(x)
            losses = task_losses(logits, targets, self.config.label_smoothing)
            losses = taught(losses, logits, x, self.teachers, self.config.distill_weight)
        loss = (self.weights * torch.stack(losses)).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.config.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.rate.copy_(self._now(self.plan.rates))
        self.optimizer.step()
        self._average()
        self.losses.index_copy_(0, self.step, loss.detach()[None])
        self.step.add_(1)

    def _now(self, table: Tensor) -> Tensor:
        """This step's row of a table `[S, …]`."""
        return table.index_select(0, self.step)[0]

    def _batch(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        rows, starts = self._now(self.plan.rows), self._now(self.plan.starts)
        raw = crops(self.shelf.features, rows, starts, self.n_frames)
        return raw, tuple(y[rows] for y in self.shelf.targets)

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights a little towards the live ones, as `AveragedWeights` does."""
        if not self.average:
            return
        live = self.network.state_dict()
        names = [name for name, x in live.items() if x.is_floating_point()]
        average = [self.average[name] for name in names]
        change = torch._foreach_sub([live[name] for name in names], average)
        torch._foreach_mul_(change, self._now(self.plan.leaps))
        torch._foreach_add_(average, change)

    def finish(self) -> nn.Module:
        """The network with its final weights, in evaluation mode."""
        live = self.network.state_dict()
        wanted = {k: v for k, v in self.average.items() if v.is_floating_point()}
        self.network.load_state_dict({**live, **wanted})
        return self.network.eval()

    def rows_of_history(self, seconds: float) -> list[dict[str, Any]]:
        """The rows of metrics.csv; `seconds` of training are spread evenly."""
        losses = self.losses.view(-1, self.steps_per_epoch).mean(1).tolist()
        rates = self.plan.rates[self.steps_per_epoch - 1 :: self.steps_per_epoch].tolist()
        each = round(seconds / len(losses), 3)
        return [
            {"epoch": n, "learning_rate": rate, "train_loss": loss, "seconds": each}
            for n, (rate, loss) in enumerate(zip(rates, losses, strict=True), start=1)
        ]


def check(config: Config) -> TrainConfig:
    """A run's training section, if the host has nothing to decide in its steps.

    Raises:
        ValueError: a setting in which it has, by its name.
    """
    train, augment = config.train, config.augment
    for name, fits, found, needed in (
        ("train.balance", train.balance == "fixed", train.balance, "'fixed'"),
        ("train.select", train.select == "last", train.select, "'last'"),
        ("train.sparsity", not train.sparsity, train.sparsity, "0"),
        ("augment.sound_mix", augment.sound_mix in (0, 1), augment.sound_mix, "0 or 1"),
        (
            "augment.response_points",
            augment.response_points <= RESPONSE_POINTS,
            augment.response_points,
            f"at most {RESPONSE_POINTS}",
        ),
    ):
        if not fits:
            raise ValueError(f"{name} must be {needed} side by side, found {found!r}")
    return train
