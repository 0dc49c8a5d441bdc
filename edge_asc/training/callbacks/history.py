"""What happens around the steps: averaged weights, validation and history, last.ckpt.

Each keeps its state in the checkpoint, so nothing is lost or counted twice on resume.
"""

import csv
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from edge_asc.files import atomic_write
from edge_asc.training.inputs.batches import FeatureStore
from edge_asc.training.step import SceneModule
from edge_asc.training.validate import Scores, predict, score

COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "scene_weight",
    "abstract_weight",
    "val_loss",
    "val_accuracy",
    "val_macro_accuracy",
    "seconds",
)


class Diverged(ValueError):
    """The loss is no longer a number."""


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """Copy a state dict, in the plain memory layout."""
    return {k: v.detach().clone().contiguous() for k, v in network.state_dict().items()}


class AveragedWeights(Callback):
    """Exponential moving average of weights and batch norm statistics, one update per step.

    While few steps are done the decay is (1 + steps) / (10 + steps), lest the average hold on to
    the initial weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.steps = 0
        self.average: dict[str, Tensor] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin with the initial weights, or bring a restored average to the device."""
        live = self.network.state_dict()
        self.average = {k: self.average.get(k, v).detach().clone().to(v) for k, v in live.items()}
        floats = [k for k, v in live.items() if v.is_floating_point()]
        self._live = [live[k] for k in floats]
        self._average = [self.average[k] for k in floats]

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average a little towards the weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._average, self._live, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged weights into the network, and the live ones back afterwards."""
        live = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(self.weights())
        try:
            yield
        finally:
            self.network.load_state_dict(live)

    def weights(self) -> dict[str, Tensor]:
        """Return the average; whole numbers, such as batch counters, are taken as they are."""
        live = self.network.state_dict()
        return {k: v if v.is_floating_point() else live[k] for k, v in self.average.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what the checkpoint kept."""
        self.steps, self.average = state_dict["steps"], state_dict["average"]


class History(Callback):
    """One row per epoch, validation included; written to metrics.csv as a whole every time.

    Args:
        average: the averaged weights to validate; None: the live ones.
        val: the validation clips; None: no validation.
        path: metrics.csv.
        keep_best: keep the weights of the best validation accuracy (then of the lowest loss).
    """

    def __init__(
        self,
        average: AveragedWeights | None,
        val: FeatureStore | None,
        path: Path,
        keep_best: bool = False,
    ) -> None:
        self.average, self.val, self.path, self.keep_best = average, val, path, keep_best
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}
        self._started = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Validate, add the row, write the file, tell the loggers."""
        assert isinstance(pl_module, SceneModule)
        row: dict[str, Any] = dict.fromkeys(COLUMNS) | self._training_figures(trainer, pl_module)
        if self.val is not None:
            row |= self._validate(trainer, pl_module, row["epoch"])
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        self.rows.append(row)
        if trainer.is_global_zero:
            write_rows(self.rows, self.path)
        figures = {k: v for k, v in row.items() if v is not None}
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=row["epoch"])

    def _training_figures(self, trainer: L.Trainer, module: SceneModule) -> dict[str, Any]:
        epoch = trainer.global_step // len(module.epochs)
        loss = trainer.strategy.reduce(torch.stack(module.losses).mean(), reduce_op="mean")
        if not math.isfinite(loss):
            rate = module.config.learning_rate
            raise Diverged(
                f"the loss became {float(loss)} in epoch {epoch}: lower the learning rate, {rate}"
            )
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        names = ("scene_weight", "abstract_weight")
        weights = zip(names, module.loss_weights.tolist(), strict=False)
        return {
            "epoch": epoch,
            "learning_rate": rate,
            "train_loss": float(loss),
            **dict(weights),  # of the next step
        }

    def _validate(self, trainer: L.Trainer, module: SceneModule, epoch: int) -> dict[str, Any]:
        if self.average is None:
            scores = self._scores(trainer, module, epoch)
        else:
            with self.average.applied():
                scores = self._scores(trainer, module, epoch)
        return {
            "val_loss": scores.mean_log_loss,
            "val_accuracy": scores.accuracy,
            "val_macro_accuracy": scores.macro_accuracy,
        }

    def _scores(self, trainer: L.Trainer, module: SceneModule, epoch: int) -> Scores:
        """Score this process's share of the clips and add up the shares of all."""
        assert self.val is not None  # called only with validation clips
        rank, world = trainer.global_rank, trainer.world_size
        mine = np.arange(len(self.val))
        mine = mine[rank::world] if len(mine) >= world else mine
        part = score(
            predict(
                module.network,
                module.augmenter.normalize,
                self.val,
                module.epochs.n_frames,
                clips=mine,
            ),
            tuple(y[mine] for y in self.val.labels),
        )
        sums = (part.confusion, part.log_loss, part.abstract)
        scores = Scores(*(_sum(trainer, x) for x in sums))
        rank_by = (scores.accuracy, -scores.mean_log_loss)
        if self.keep_best and (not self.best or rank_by > tuple(self.best["rank_by"])):
            weights = snapshot(module.network)
            self.best = {"epoch": epoch, "rank_by": list(rank_by), "weights": weights}
        return scores

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"rows": self.rows, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what the checkpoint kept."""
        self.rows, self.best = state_dict["rows"], state_dict["best"]


def _sum(trainer: L.Trainer, x: Tensor) -> Tensor:
    if trainer.world_size == 1:
        return x
    total = trainer.strategy.reduce(x.float().to(trainer.strategy.root_device), reduce_op="sum")
    return total.cpu().double()


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write metrics.csv, whole or not at all; a figure that was not measured is left empty."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


class LastCheckpoint(Checkpoint):
    """Write last.ckpt every few epochs and after the last one; Lightning calls it last of all."""

    def __init__(self, path: Path, every_epochs: int = 1) -> None:
        self.path, self.every = path, every_epochs

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, on all processes at once, as Lightning wants it."""
        assert isinstance(pl_module, SceneModule)
        epoch = trainer.global_step // len(pl_module.epochs)
        if epoch % self.every == 0 or epoch == trainer.max_epochs:
            trainer.save_checkpoint(self.path, weights_only=False)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are whole or absent, on disk before the old one goes."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write beside `path`, flush to disk, move into place."""
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
