"""A training run as an object: train, look at it, quantise, export."""

import json
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from edge_asc.config.schema import Config, ModelConfig
from edge_asc.config.settings import begun_with, full_name, preset
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.export.model_file import ModelFile
from edge_asc.files import read_json
from edge_asc.runtime.metadata import Weights
from edge_asc.training.run_folder import (
    DEFAULT_ROOT,
    load_network,
    new_run_folder,
    newest_run,
    quantised_folder,
    read_rows,
    read_run,
    removed_if_empty,
)

if TYPE_CHECKING:
    from torch import nn

    from edge_asc.runtime.metadata import Format, Precision
    from edge_asc.training.augment.extra import Extra

    Model = nn.Module | Callable[..., nn.Module]

SECTIONS = ("quantize", "train", "data", "augment")  # where a setting of `quantize` is looked for


class Run(PathLike[str]):
    """A run folder: what `train` or `edge-asc train` wrote.

    Args:
        path: the folder.
        model: for a run of a network that was handed to `train` as an object, in another process:
            a network of the same kind, or what builds one.

    Attributes:
        path: the folder.

    Raises:
        ValueError: no run folder.

    Example:
        >>> run = ea.train(ea.preset("nano", epochs=1), "scenes", fold=1, name="one")
        >>> run = ea.Run("edge-asc-runs/one")
        >>> 0 <= run.metrics["test"]["accuracy"] <= 1
        True
        >>> len(run.history), run.history[0]["epoch"]
        (1, 1)
        >>> run.quantize(ptq=True).export("int8").path.name
        'one-int8.tflite'
    """

    def __init__(self, path: str | PathLike[str], model: "Model | None" = None) -> None:
        self.path = Path(path)
        description = read_run(self.path)
        self._data: SceneDataset | None = None
        if model is not None:
            from edge_asc.models.own import keep

            keep(description.settings().model.name, model)

    @property
    def config(self) -> Config:
        """All settings."""
        return read_run(self.path).settings()

    @property
    def labels(self) -> list[str]:
        """Scenes, in the order of the logits."""
        return read_run(self.path).labels

    @property
    def metrics(self) -> dict[str, Any]:
        """Figures of the finished training: `val` and `test` hold accuracy, log loss and more.

        Under `int8`, `int4` and `mixed` those of the quantised networks, where there are.

        Raises:
            OSError: the run is not finished.
        """
        found: dict[str, Any] = read_json(self.path / "metrics.json")
        for weights in get_args(Weights):
            quantised = quantised_folder(self.path, weights) / "metrics.json"
            if quantised.is_file():
                found[weights] = read_json(quantised)
        return found

    @property
    def history(self) -> list[dict[str, float | None]]:
        """A row for each epoch, from 1: loss, learning rate, validation figures, seconds."""
        return read_rows(self.path / "metrics.csv")

    def network(self) -> "nn.Module":
        """The network with its trained weights, in evaluation mode, on the CPU.

        Returns:
            A module `[B, 1, M, F] ->` tuple of logits, or one's own as it was handed over.

        Raises:
            ValueError: the run is not finished.
        """
        from edge_asc.models.own import OwnNetwork

        network = load_network(self.path)
        return network.network if isinstance(network, OwnNetwork) else network

    def quantize(
        self,
        *,
        weights: "Weights | None" = None,
        ptq: bool = False,
        resume: bool = False,
        data: SceneDataset | str | PathLike[str] | None = None,
        teachers: "tuple[Run | str | PathLike[str], ...]" = (),
        answers: str | PathLike[str] | None = None,
        progress: bool = True,
        **settings: Any,
    ) -> "Run":
        """Quantise to int8, or to weights of four bits: fold, and train on with rounding in place.

        Args:
            weights: "int8"; "int4": four bits in every layer where they save something; "mixed": in
                those that lose least, until the file has `bytes=N` or nine tenths are saved;
                None: as the run's settings say. Activations have eight bits.
            ptq: measure ranges only: quick, and a little less accurate.
            resume: go on where it stopped.
            data: the data set, if it has moved; None: the run's own.
            teachers: finished runs that the network goes on to learn from.
            answers: a file of teachers' logits by clip, as of `train`, in place of teachers.
            progress: show progress on standard error.
            settings: of `[quantize]`, such as `epochs=10`, or by full names.

        Returns:
            This run, now with such a network beside those it had.

        Raises:
            ValueError: quantised already, not finished, or an unknown setting.
            OSError: the data set cannot be read.
        """
        from edge_asc.export.file_bytes import of_layers
        from edge_asc.quantize.run import quantize_run

        settings |= {"weights": weights} if weights else {}
        quantize_run(
            self.path,
            ptq=ptq,
            overrides=[f"{full_name(k, SECTIONS)}={json.dumps(v)}" for k, v in settings.items()],
            file_bytes=of_layers(self.path),
            resume=resume,
            data=Path(data) if isinstance(data, str | PathLike) else data or self._data,
            teachers=[Path(teacher) for teacher in teachers],
            answers=None if answers is None else Path(answers),
            progress=progress,
        )
        return self

    def export(
        self,
        precision: "Precision | None" = None,
        format: "Format" = "tflite",
        *,
        rule: str | None = None,
        enforced: bool = True,
        views: int | None = None,
        static: bool = False,
        window_s: float | None = None,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> ModelFile:
        """Write a model file that keeps its size rule and computes what was trained, or none.

        Args:
            precision: "int8", "int4" or "mixed" (of a run that was quantised so), "float16" or
                "float32"; None: the preset's.
            format: "tflite" or "onnx".
            rule: size rule to keep; None: the preset's.
            enforced: whether a file over the rule is refused; else it holds a warning.
            views: how often the file hears a window, shifted; None: the preset's.
            static: write no dynamic axis, for microcontrollers and their compilers: the file takes
                one clip of its window's length and no other.
            window_s: seconds of a static file's window; None: that of training.
            out: folder; None: `export` in the run's.
            overwrite: whether the file may take the place of one that holds something else.

        Raises:
            OverBudget: the file would be over the rule.
            ParityError: the file computes something else than torch.
            FileExistsError: such a file holds something else, and `overwrite` is not set.
            ValueError: an unknown precision, format or rule, no such network yet, or a window that
                the network does not take.
        """
        from edge_asc.export.run import export_run

        (file,) = export_run(
            self.path,
            precision=precision,
            formats=[format],
            rule=rule,
            views=views,
            static=static,
            window_s=window_s,
            out=None if out is None else Path(out),
            enforced=enforced,
            overwrite=overwrite,
        )
        return file

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def train(
    config: Config | str | PathLike[str],
    data: SceneDataset | str | PathLike[str],
    fold: int | None = None,
    *,
    model: "Model | None" = None,
    augment: "Extra | None" = None,
    out: str | PathLike[str] | None = None,
    name: str | None = None,
    init: Run | str | PathLike[str] | None = None,
    base: str | PathLike[str] | None = None,
    teachers: tuple[Run | str | PathLike[str], ...] = (),
    answers: str | PathLike[str] | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: bool = True,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
) -> Run:
    """Train a network on all folds but one.

    Args:
        config: of `preset`, or a preset's name.
        data: of `open_dataset`, or where the data set is.
        fold: the test fold, kept out of training and validation; None: train on every clip.
        model: a network of one's own in place of the preset's: a module that takes features
            `[B, 1, M, F]` and returns logits `[B, S]`, or a tuple of logits where
            `model.abstract` is on; or a class or function that makes one (it is given `n_scenes`
            and `n_abstract` where it has such arguments). A class or function that can be imported
            is found by other processes and the command, too; an object only in this process.
        augment: an augmentation of one's own: `augment(raw, rng)` gets raw features `[B, 1, M, F]`
            and the step's numpy generator, and returns the changed batch.
        out: folder of the runs; None: `edge-asc-runs`.
        name: of the run; None: time and preset.
        init: a finished run to begin with: its weights, and the heads' where it names the same
            classes.
        base: a model file to begin with in place of the preset's: a name of the zoo, as "encoder",
            or an int8 .tflite file. It goes with a preset whose network has one, as
            `encoder-base`; front end and window become the file's.
        teachers: finished runs that it learns from as well.
        answers: a file of teachers' logits by clip (`.npz` or a table) in place of teachers.
        seed: of everything random, 0 or more.
        resume: go on with the run of that name, or the newest one, where it stopped.
        progress: show progress on standard error.
        accelerator: what to train on.

    Returns:
        The finished run.

    Raises:
        ValueError: settings, data and network do not fit together, or the folder is taken.
        OSError: a file cannot be read or written.

    Example:
        >>> from torch import nn
        >>> def net(n_scenes):  # [B, 1, M, F] -> [B, n_scenes]
        ...     layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        ...     return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, n_scenes))
        >>> cfg = ea.preset("nano", epochs=1)
        >>> run = ea.train(cfg, ea.open_dataset("scenes"), fold=1, model=net, progress=False)
        >>> run.metrics["parameters"], run.network()[-1].out_features
        (186, 10)
    """
    config = config if isinstance(config, Config) else preset(config)
    if base is not None:
        config = begun_with(config, base, init)
    dataset = data if isinstance(data, SceneDataset) else open_dataset(Path(data))
    root = Path(out or DEFAULT_ROOT)
    unnamed = newest_run if resume else partial(new_run_folder, config.name)
    folder = root / name if name else unnamed(root)
    with removed_if_empty(folder):
        if model is not None:
            config = _with_model(config, dataset, model, folder if resume else None)
        if augment is not None:
            config = _with_augmentation(config, augment)
        from edge_asc.training.placement import Placement  # torch takes seconds
        from edge_asc.training.run import train as train_run

        train_run(
            config,
            dataset,
            fold,
            folder,
            data=str(dataset.source or dataset.root),
            init=None if init is None else Path(init),
            teachers=[Path(teacher) for teacher in teachers],
            answers=None if answers is None else Path(answers),
            seed=seed,
            resume=resume,
            placement=Placement(accelerator=accelerator),
            progress=progress,
        )
    run = Run(folder)
    run._data = dataset
    return run


def _with_augmentation(config: Config, augment: "Extra") -> Config:
    from edge_asc.training.augment.extra import register

    extra = msgspec.structs.replace(config.augment, extra=register(augment))
    return msgspec.structs.replace(config, augment=extra)


def _with_model(
    config: Config, dataset: SceneDataset, model: "Model", resumed: Path | None
) -> Config:
    """The settings with a network of one's own, after a look at what it makes of one input."""
    from edge_asc.config.own_code import is_own
    from edge_asc.models.own import check_own, keep, register

    abstract = config.model.abstract
    if resumed and (resumed / "run.json").is_file():
        name = read_run(resumed).settings().model.name  # under which its weights are found
        if is_own(name):
            keep(name, model)
    else:
        name = register(model)
    own = ModelConfig(name=name, abstract=abstract)
    labels = dataset.abstract_labels if config.data.target == "abstract" else dataset.labels
    frontend, clip_s = config.front_end(), config.clip_s_of(dataset.clip_s)
    crop_s = min(clip_s, config.data.crop_s or clip_s)
    sizes = [len(labels) + config.others, *([len(dataset.abstract_labels)] if abstract else [])]
    check_own(own.name, (1, 1, frontend.n_mels, frontend.frames_in(crop_s)), sizes)
    return msgspec.structs.replace(config, model=own)
