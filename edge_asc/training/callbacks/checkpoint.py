"""last.ckpt: all that a killed training needs to go on as if nothing had happened."""

import os
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from edge_asc.files import atomic_write
from edge_asc.training.step import SceneModule


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
