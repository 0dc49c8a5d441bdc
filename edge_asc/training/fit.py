"""One optimisation of one network, from the first step or from last.ckpt to the final weights.

Training and quantisation-aware training both are calls of `fit`.
"""

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from edge_asc.config.schema import AugmentConfig, Config, TrainConfig
from edge_asc.files import remove_left
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.augment.features import Augmenter
from edge_asc.training.callbacks.average import AveragedWeights, snapshot
from edge_asc.training.callbacks.checkpoint import AtomicCheckpointIO, LastCheckpoint
from edge_asc.training.callbacks.history import History
from edge_asc.training.callbacks.loggers import build_loggers
from edge_asc.training.callbacks.progress import TrainingProgress
from edge_asc.training.callbacks.prune import MagnitudePruning
from edge_asc.training.inputs.batches import Epochs, FeatureStore
from edge_asc.training.inputs.load import Material
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.losses.distillation import Teachers
from edge_asc.training.losses.features import features_of
from edge_asc.training.placement import HERE, Placement, is_main_process
from edge_asc.training.step import SceneModule


@dataclass(frozen=True)
class Fitted:
    """What came out.

    Attributes:
        network: with its final weights, in evaluation mode, on the CPU.
        rows: the rows of metrics.csv.
        epoch: whose weights these are, from 1.
        seconds: of training in this process; a resumed run counts from where it went on.
        is_main: this process writes files; in a run of several the others must not.
    """

    network: nn.Module
    rows: list[dict[str, Any]]
    epoch: int
    seconds: float
    is_main: bool


def fit(
    network: nn.Module,
    frontend: FrontEnd,
    train_store: FeatureStore,
    val_store: FeatureStore | None,
    config: TrainConfig,
    augment: AugmentConfig,
    folder: Path,
    *,
    n_frames: int | None = None,
    balanced: bool = False,
    unknown_part: float = 0.0,
    apart: bool = False,
    seed: int = 0,
    teachers: Sequence[nn.Module] = (),
    resume: bool = False,
    placement: Placement = HERE,
    progress: bool = True,
    loggers: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
) -> Fitted:
    """Train a network and return it with its final weights.

    Args:
        network: `[B, 1, M, F] -> tuple of logits`, one per label set of the stores; changed.
        frontend: with its statistics; its normalisation stands before the network.
        train_store: raw features and labels to train on.
        val_store: the same for validation after every epoch, or None.
        config: optimisation.
        augment: augmentation.
        folder: gets last.ckpt and metrics.csv.
        n_frames: frames per random crop; None: whole clips.
        balanced: draw classes equally often.
        unknown_part: of each batch, of the store's sounds that are none of the classes.
        apart: what answers to these learns apart from all else, see `SceneModule`.
        seed: of order, crops, augmentation and dropout.
        teachers: networks of the same input and labels, which it learns from as well.
        resume: go on from folder/last.ckpt if it is there.
        placement: processes and machines.
        progress: show progress.
        loggers: further loggers, see `edge_asc.training.callbacks.loggers`.
        callbacks: called at an epoch's end after its row is in the history.

    Raises:
        ValueError: the loss diverged, or settings that do not go together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_main_process():
        remove_left(folder)  # by a process that was killed while it wrote
    checkpoint = folder / "last.ckpt"
    again = checkpoint if resume and checkpoint.is_file() else None
    if config.channels_last:
        _lay_out(network, torch.channels_last)
    average = AveragedWeights(network, config.ema) if config.ema else None
    history = History(average, val_store, folder / "metrics.csv", config.select == "best")
    shown = [TrainingProgress(history)] if progress else []
    started = time.perf_counter()
    with _quiet_lightning(), ExitStack() as watching:
        trainer = L.Trainer(
            **placement.trainer_arguments(config.precision),
            **_OWN_WAYS,
            max_epochs=config.epochs,
            gradient_clip_val=config.clip_norm or None,
            callbacks=[
                *_weight_callbacks(network, average, config),
                *(history, *shown, *callbacks),
                LastCheckpoint(checkpoint, config.checkpoint_epochs),
            ],
            plugins=[AtomicCheckpointIO()],
            logger=build_loggers(loggers, folder),
        )
        n_frames = n_frames or train_store.n_frames
        epochs = _epochs(train_store, config, n_frames, seed, balanced, unknown_part, trainer)
        augmenter = Augmenter(augment, TorchFrontEnd(frontend).normalize, frontend.log)
        asked = Teachers(teachers, config.distill_temperature, config.compile) if teachers else None
        features = None
        if teachers and config.distill_feature_weight:
            example = torch.zeros(1, 1, train_store.n_mels, n_frames)
            features = watching.enter_context(features_of(network, teachers, example))
        module = SceneModule(
            network.train(), config, augmenter, epochs, seed, asked, features, apart
        )
        trainer.fit(module, epochs, ckpt_path=again, weights_only=True)
    epoch = _take_final_weights(network, history, average, config)
    seconds = time.perf_counter() - started
    return Fitted(network.cpu().eval(), history.rows, epoch, seconds, trainer.is_global_zero)


def fit_material(
    network: nn.Module, material: Material, config: Config, folder: Path, **further: Any
) -> Fitted:
    """`fit` on what `prepare` gave, as a configuration says; `further` are its other arguments."""
    return fit(
        network,
        material.frontend,
        material.train,
        material.val,
        config.train,
        config.augment,
        folder,
        n_frames=material.n_frames,
        balanced=config.data.balanced,
        unknown_part=config.data.unknown_part,
        apart=config.data.unknown_answer == "apart",
        **further,
    )


def _weight_callbacks(
    network: nn.Module, average: AveragedWeights | None, config: TrainConfig
) -> list[Callback]:
    """What touches the weights after a step; zeros are made in the averaged ones as well."""
    pruning = [MagnitudePruning(network, average, config.sparsity)] if config.sparsity else []
    return [*([average] if average else []), *pruning]


def _epochs(
    store: FeatureStore,
    config: TrainConfig,
    n_frames: int,
    seed: int,
    balanced: bool,
    unknown_part: float,
    trainer: L.Trainer,
) -> Epochs:
    """The batches of this process."""
    plain_from = round(config.epochs * (1 - config.plain_part))
    place = (trainer.global_rank, trainer.world_size, plain_from, unknown_part)
    return Epochs(store, config.batch_size, n_frames, seed, balanced, *place)


_OWN_WAYS: dict[str, Any] = {  # what Lightning would do by default and our callbacks do instead
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 1,
}


def _lay_out(network: nn.Module, memory_format: torch.memory_format) -> None:
    """Change the order in memory of the weights that have four axes."""
    for p in network.parameters():
        if p.ndim == 4:
            p.data = p.data.contiguous(memory_format=memory_format)


def _take_final_weights(
    network: nn.Module, history: History, average: AveragedWeights | None, config: TrainConfig
) -> int:
    """Load the weights that were asked for; return the epoch they are from."""
    if config.select == "best" and history.best:
        weights, epoch = history.best["weights"], int(history.best["epoch"])
    else:
        weights = average.weights() if average else snapshot(network)
        epoch = int(history.rows[-1]["epoch"])
    _lay_out(network, torch.contiguous_format)
    network.load_state_dict(weights)
    return epoch


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's notes (devices found, products to try) from the terminal; warnings stay."""
    notes = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before = notes.level
    notes.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning asks torch's trees in a way that newer releases of torch want changed.
            warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
            yield
    finally:
        notes.setLevel(before)
