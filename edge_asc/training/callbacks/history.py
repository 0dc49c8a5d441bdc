"""Validation after every epoch, and the history of a run: metrics.csv.

Its state is in the checkpoint, so nothing is lost or counted twice on resume.
"""

import csv
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from edge_asc.files import atomic_write
from edge_asc.training.callbacks.average import AveragedWeights, snapshot
from edge_asc.training.inputs.batches import FeatureStore
from edge_asc.training.step import SceneModule
from edge_asc.training.validate import Scores, predict, score

COLUMNS = (
    *("epoch", "learning_rate", "train_loss", "scene_weight", "abstract_weight"),
    *("val_loss", "val_accuracy", "val_macro_accuracy", "seconds"),
)


class Diverged(ValueError):
    """The loss is no longer a number."""


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
            now = f"the loss became {float(loss)} in epoch {epoch}"
            raise Diverged(f"{now}: lower the learning rate, {module.config.learning_rate}")
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        names = ("scene_weight", "abstract_weight")
        weights = zip(names, module.loss_weights.tolist(), strict=False)
        figures = {"epoch": epoch, "learning_rate": rate, "train_loss": float(loss)}
        return {**figures, **dict(weights)}  # weights of the next step

    def _validate(self, trainer: L.Trainer, module: SceneModule, epoch: int) -> dict[str, Any]:
        with self.average.applied() if self.average else nullcontext():
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
        normalize, n_frames = module.augmenter.normalize, module.epochs.n_frames
        answers = predict(module.network, normalize, self.val, n_frames, clips=mine)
        part = score(answers, tuple(y[mine] for y in self.val.labels))
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
