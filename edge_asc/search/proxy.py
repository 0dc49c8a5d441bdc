"""A candidate's short training, on the training folds alone, watched by Optuna's pruner.

The clips of the test fold are taken out of the data set before anything is read, and validation is
split off what is left, by recording.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import lightning as L
import optuna
import torch
from lightning.pytorch.callbacks import Callback

from edge_asc.config.schema import Config
from edge_asc.data.dataset import SceneDataset, split_validation
from edge_asc.models import build_for
from edge_asc.search.records import REASON
from edge_asc.training.callbacks.history import Diverged, History
from edge_asc.training.fit import fit_material
from edge_asc.training.inputs.load import abstract_labels, chosen, labelled, prepare
from edge_asc.training.placement import Placement


def training_part(config: Config, dataset: SceneDataset, fold: int | None) -> SceneDataset:
    """The data set without its test fold.

    Raises:
        ValueError: no such fold, or labels that the data set has not.
    """
    dataset = labelled(config, dataset)
    return dataset if fold is None else replace(dataset, clips=dataset.split(fold)[0])


def check_chooses(config: Config, dataset: SceneDataset, seed: int) -> None:
    """Refuse data of which no clip is left to choose candidates by.

    Args:
        config: of the short training.
        dataset: of `training_part`.
        seed: of the split.

    Raises:
        ValueError: validation has no clips; or as of `chosen`.
    """
    clips, _ = chosen(config.data, dataset, None)
    if not split_validation(clips, config.data.val_fraction, seed)[1]:
        raise ValueError(
            f"{dataset.name}: a search chooses by validation clips, and none of the"
            f" {len(clips)} for training can be spared: each scene has one recording only"
        )


class Watch(Callback):
    """Tell Optuna the validation accuracy of every epoch, and stop where it says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.told = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report the epochs that are not reported yet; a resumed training has earlier ones."""
        (history,) = (c for c in trainer.callbacks if isinstance(c, History))  # type: ignore[attr-defined]
        for row in history.rows[self.told :]:
            self.trial.report(row["val_accuracy"], row["epoch"])
        self.told = len(history.rows)
        if self.told < (trainer.max_epochs or 0) and self.trial.should_prune():
            raise optuna.TrialPruned(f"behind the others after epoch {self.told}")


def train_candidate(
    config: Config,
    dataset: SceneDataset,
    trial: optuna.Trial,
    folder: Path,
    *,
    seed: int,
    accelerator: str,
    progress: bool,
) -> float:
    """Train briefly and return the validation accuracy of the weights that it ends with.

    On a data set of `training_part`. The training goes on from the folder's last.ckpt; the folder
    is gone when it is over.

    Raises:
        optuna.TrialPruned: it fell behind, or its loss diverged.
        KeyboardInterrupt: the folder stays, to go on from.
    """
    material = prepare(config, dataset, None, seed, progress)
    torch.manual_seed(seed)
    n_abstract = len(abstract_labels(config, dataset))
    network = build_for(config, len(dataset.labels), n_abstract)
    try:
        fitted = fit_material(
            network,
            material,
            config,
            folder,
            seed=seed,
            resume=True,
            placement=Placement(accelerator=accelerator),
            progress=progress,
            callbacks=[Watch(trial)],
        )
    except (Diverged, optuna.TrialPruned) as error:
        if isinstance(error, Diverged):
            trial.set_user_attr(REASON, str(error))
        shutil.rmtree(folder)
        raise optuna.TrialPruned(str(error)) from None
    except SystemExit as ended:  # what Lightning makes of Ctrl-C
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    shutil.rmtree(folder)
    return float(next(r["val_accuracy"] for r in fitted.rows if r["epoch"] == fitted.epoch))
