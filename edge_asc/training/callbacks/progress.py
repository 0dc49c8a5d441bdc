"""How training shows itself: a live bar on a terminal, now and then a line elsewhere."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from edge_asc.training.callbacks.history import History
from edge_asc.training.step import SceneModule

LINES = 25  # at most about so many lines a run, where there is no terminal


class TrainingProgress(Callback):
    """Epoch, loss, validation accuracy, learning rate and time left.

    Args:
        history: whose rows are shown; it must stand before this callback.
        console: where to; None: standard error.
    """

    def __init__(self, history: History, console: Console | None = None) -> None:
        self.history = history
        self.console = console or Console(stderr=True)
        self.bar: Progress | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar where there is a terminal."""
        if not (self.console.is_terminal and trainer.is_global_zero):
            return
        assert isinstance(pl_module, SceneModule)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            console=self.console,
        )
        total = (trainer.max_epochs or 0) * len(pl_module.epochs)
        self.task = self.bar.add_task("training", total=total, completed=trainer.global_step)
        self.bar.start()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Move the bar."""
        if self.bar:
            self.bar.update(self.task, completed=trainer.global_step)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the epoch's figures."""
        if not trainer.is_global_zero:
            return
        row, epochs = self.history.rows[-1], trainer.max_epochs or 0
        line = describe(row, epochs)
        if self.bar:
            self.bar.update(self.task, description=line)
        elif row["epoch"] % max(1, epochs // LINES) == 0 or row["epoch"] in (1, epochs):
            self.console.print(f"{line}  {row['seconds']:.1f} s", highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back before the error is shown."""
        self.close()

    def close(self) -> None:
        """Stop drawing."""
        if self.bar:
            self.bar.stop()
            self.bar = None


def describe(row: dict[str, Any], epochs: int) -> str:
    """One line of figures, `epoch 3/120  loss 1.234  val 78.1%  lr 5.0e-03`."""
    val = "" if row["val_accuracy"] is None else f"  val {row['val_accuracy']:.1%}"
    rate, loss = row["learning_rate"], row["train_loss"]
    return f"epoch {row['epoch']}/{epochs}  loss {loss:.3f}{val}  lr {rate:.1e}"
