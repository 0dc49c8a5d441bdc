"""A run's whole configuration: TOML presets, `--set` overrides, checks that name the key.

Every section is a frozen struct; what is wrong is said in one line with the full key.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomllib
from msgspec import Meta, Struct, field

from edge_asc.config.base import base_in, completed
from edge_asc.config.errors import did_you_mean, explain
from edge_asc.config.own_code import agree, is_own
from edge_asc.config.preset_files import PRESETS as PRESETS
from edge_asc.config.preset_files import read_preset
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import MOST_VIEWS, Precision, Weights

Count = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Speed = Annotated[float, Meta(ge=0.5, le=2)]
Microphones = Annotated[int, Meta(ge=0, le=64)]
Views = Annotated[int, Meta(ge=1, le=MOST_VIEWS)]
Half = Annotated[float, Meta(ge=0, le=0.5)]
BelowOne = Annotated[float, Meta(ge=0, lt=1)]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the TOML file; a key it does not have is an error."""


class ModelConfig(Section, frozen=True):
    """Which network: a name of `edge_asc.models.MODELS`, or `package.module:Class`."""

    name: str
    abstract: bool = False  # also train a head for the abstract classes
    options: dict[str, Any] = {}  # the network's further constructor arguments


class DataConfig(Section, frozen=True):
    """What the network sees of the clips, and which clips choose the model."""

    clip_s: Positive | None = None  # length of the pieces that clips are heard in; None: theirs
    target: Literal["scene", "abstract"] = "scene"  # abstract: coarser classes are the labels
    crop_s: Positive | None = 5.0  # training sees random crops of this length; None: whole clips
    views: Views = 1  # a finished network hears each window so often, shifted in time, and averages
    train_list: str | None = None  # only these training clips: a list's path, or name in the data
    devices: tuple[str, ...] = ()  # only clips of these recording devices; (): of all
    val_fraction: Half = 0.1  # of the training folds, by recording; 0: no validation
    speeds: tuple[Speed, ...] = (1.0,)  # training clips are played at one of these, pitch and all
    microphones: Microphones = 0  # heard through one of so many simulated ones, or none
    balanced: bool = False  # draw classes equally often
    unknown_part: Half = 0.0  # of each batch: quiet rooms, computed, which are none of the classes
    unknown: str | None = None  # recordings for half of these: a folder of files, or a data set
    # all classes alike; or an output of its own; or one that learns apart from everything else
    unknown_answer: Literal["even", "others", "apart"] = "even"
    ram_limit_bytes: Whole = 2 * 1024**3  # larger feature sets stay memory-mapped


class TrainConfig(Section, frozen=True):
    """One optimisation: epochs, optimiser, learning rate, loss, averaging, precision."""

    epochs: Count = 120
    head_epochs: Whole = 0  # the first of them: a base's weights stand still, only heads learn
    after_head: Fraction = 0.1  # behind them all layers learn, at this part of the rate
    plain_part: Fraction = 0.0  # last part of them: no simulated microphones, responses, noise
    batch_size: Count = 32  # clips per step, all processes together
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Positive = 5e-3  # the highest; of a warm-up with an end of its own: behind it
    weight_decay: NonNegative = 1e-2
    momentum: BelowOne = 0.9  # sgd; adamw's first beta
    nesterov: bool = False  # sgd
    clip_norm: NonNegative = 0.0  # largest gradient norm; 0: any

    schedule: Literal["one-cycle", "warm-restarts", "cosine", "constant"] = "one-cycle"
    warmup_epochs: NonNegative = 10.0  # at most a third of the run is taken
    warmup_from: NonNegative = 2e-4  # learning rate of the first step
    warmup_to: Positive | None = None  # where the warm-up leads to; None: to learning_rate
    min_learning_rate: NonNegative = 1e-6
    restart_epochs: Positive = 80.0  # warm-restarts: length of one cosine
    restarts_from: Literal["warm-up", "start"] = "warm-up"  # cosines count from its end, or step 0

    loss: Literal["cross-entropy", "binary"] = "cross-entropy"  # binary: each class by itself
    label_smoothing: BelowOne = 0.0
    scene_weight: Positive = 1.0  # loss = scene_weight * CE + abstract_weight * CE(abstract)
    abstract_weight: Positive = 1.0
    balance: Literal["fixed", "gradnorm"] = "fixed"  # gradnorm: the two weights are learnt
    gradnorm_alpha: NonNegative = 1.5  # how much a task that lags behind is favoured
    gradnorm_learning_rate: Positive = 0.025  # of the two weights

    distill_weight: Fraction = 0.5  # of the teachers' loss, where there are; labels: the rest
    distill_temperature: Positive = 2.0  # softens teachers' and student's answers
    distill_feature_weight: NonNegative = 0.0  # of the distance of embeddings, beside all that

    sparsity: BelowOne = 0.0  # part of the weights that training makes zero; see pruning.py
    ema: BelowOne = 0.0  # decay per step of the averaged weights; 0: no averaging
    select: Literal["last", "best"] = "last"  # best: by validation accuracy

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    channels_last: bool = False
    compile: bool = False  # torch.compile; needs a C++ compiler
    fast_maximum: bool = True  # cheaper gradient of maxima: a tie gives all of it to one side
    checkpoint_epochs: Count = 1  # write last.ckpt every so many epochs


class AugmentConfig(Section, frozen=True):
    """Random changes to a batch; 0 or false turns one off."""

    gain_db: NonNegative = 0.0  # uniform in +- this, before normalisation
    impulse_responses: str | None = None  # folder of recorded ones, for data.microphones
    response_db: NonNegative = 0.0  # frequency response, uniform in +- this at points along mels
    response_points: Count = 6  # most of them; how many, each batch draws anew from 6 on
    noise_probability: Fraction = 0.0  # of a batch to be heard above coloured noise
    noise_snr_db: float = 10.0  # the lowest; the highest is 30 dB above it
    sound_mix: Fraction = 0.0  # part of the batches in which sounds are mixed, not features
    roll: Fraction = 0.0  # circular shift of time, uniform in +- this part of the crop
    mixup_alpha: NonNegative = 0.0  # weights of pairs are drawn from Beta(this, this)
    cut_mix: Fraction = 0.0  # part of the batches with a stretch of mels or frames of other clips
    freq_mixstyle_probability: Fraction = 0.0
    freq_mixstyle_alpha: Positive = 0.3
    frequency_masks: Whole = 0
    frequency_mask_mels: Whole = 0  # widest
    time_masks: Whole = 0
    time_mask_frames: Whole = 0  # widest
    extra: str = ""  # package.module:function of one's own, on raw features
    per_clip: bool = True  # draw masks and mixup weight for every clip, else once per batch


class QuantizeConfig(Section, frozen=True):
    """Quantisation-aware training: what differs from the `train` section."""

    epochs: Count = 20
    learning_rate: Positive = 3e-4
    warmup_epochs: NonNegative = 1.0
    weight_decay: NonNegative = 0.0
    ema: BelowOne = 0.0
    batch_size: Count | None = None  # None: as in training
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    range_clips: Count = 128
    weights: Weights = "int8"  # int4: four bits where it pays; mixed: in the layers that lose least
    bytes: Whole = 0  # mixed: the size of the larger file to keep; 0: nine tenths of int4's saving

    def schedule(self, train: TrainConfig) -> TrainConfig:
        """Return the training section of the quantised network: short cosine, not compiled."""
        return msgspec.structs.replace(
            train,
            epochs=self.epochs,
            head_epochs=0,
            plain_part=1.0 if train.plain_part else 0.0,  # as training ended
            batch_size=self.batch_size or train.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule="cosine",
            warmup_epochs=self.warmup_epochs,
            warmup_from=self.learning_rate / 10,
            warmup_to=None,
            min_learning_rate=self.learning_rate / 100,
            ema=self.ema,
            precision=self.precision,
            compile=False,
            balance="fixed",  # fine-tuning is too short to learn weights anew
            fast_maximum=False,  # on a grid of 255 steps ties are common
        )


class Config(Section, frozen=True):
    """Everything that decides a run but the data set, the fold and the seed."""

    name: str
    frontend: dict[str, Any]
    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    rule: str = "edge-128k"  # the budget that export enforces
    precision: Precision = "int8"  # what it is meant to ship in

    def front_end(self) -> FrontEnd:
        """Return the front end, without data set statistics."""
        return FrontEnd.from_dict(self.frontend)

    @property
    def base(self) -> str | None:
        """The model file, or the zoo's name of one, whose weights a run begins with."""
        return base_in({"model": {"options": self.model.options}})

    @property
    def others(self) -> int:
        """Outputs behind those of the classes, for sounds of none: `Metadata.others`."""
        return int(self.data.unknown_answer != "even")

    def clip_s_of(self, dataset_s: float) -> float:
        """Seconds of the pieces that clips are heard in, of a data set whose clips last so long.

        A base hears windows of one length; what is shorter is filled up with silence.
        """
        shortest = (self.data.crop_s or 0.0) if self.base else 0.0
        return self.data.clip_s or max(dataset_s, shortest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain tables, as `config_from_dict` takes them."""
        return msgspec.to_builtins(self)


def load_preset(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a preset by name, or any TOML file, and apply `section.key=value` overrides.

    Raises:
        ValueError: unknown preset, bad TOML, unknown key, wrong type or value out of range.
        OSError: the file cannot be read.
    """
    tables = read_preset(name_or_path)
    if any(_names_own_network(override) for override in overrides):
        tables.get("model", {}).pop("options", None)  # they are another network's
    config = _overridden(tables, overrides, where=str(tables["name"]))
    for name in (config.model.name, config.augment.extra):
        agree(name)
    return config


def _names_own_network(override: str) -> bool:
    key, _, value = override.partition("=")
    return key.strip() == "model.name" and is_own(value)


def with_overrides(config: Config, overrides: Sequence[str]) -> Config:
    """Return a configuration with `section.key=value` overrides applied, checked again.

    Raises:
        ValueError: as `load_preset`.
    """
    return _overridden(config.to_dict(), overrides, where=config.name)


def config_from_dict(tables: Mapping[str, Any], where: str = "config") -> Config:
    """Build a checked configuration from nested tables; `where` begins the error lines.

    Raises:
        ValueError: unknown key, wrong type, value out of range, or values at odds.
    """
    try:
        tables = completed(tables)
        config = msgspec.convert(tables, Config)
        _check_together(config)
        config.front_end()
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {explain(Config, str(error), tables)}") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return config


def _overridden(tables: dict[str, Any], overrides: Sequence[str], where: str) -> Config:
    """Set each `section.key=value`; the value is TOML, or a bare string."""
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip().split(".")[-1]:
            raise ValueError(f"override {override!r} is not of the form section.key=value")
        put(tables, key.strip(), _value(text.strip()))
    return config_from_dict(tables, where=where)


def put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of one `section.key` in nested tables; the value is not checked.

    Raises:
        ValueError: the section is a value.
    """
    *sections, last = key.split(".")
    table = tables
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ValueError(f"{key}: {section} is a value, not a section")
    table[last] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _check_together(config: Config) -> None:
    """Refuse front end keys that do not exist, and values that are legal only alone."""
    train = config.train
    names = [f.name for f in dataclasses.fields(FrontEnd)]
    for key in config.frontend:
        if key not in names:
            raise ValueError(did_you_mean(["frontend"], key, names))
    if train.nesterov and not (train.optimizer == "sgd" and train.momentum > 0):
        raise ValueError("train.nesterov needs train.optimizer = 'sgd' and train.momentum > 0")
    if train.balance == "gradnorm" and not config.model.abstract:
        raise ValueError("train.balance = 'gradnorm' needs two losses: model.abstract = true")
    if train.balance == "gradnorm" and train.compile:  # compiled backward passes run only once
        raise ValueError("train.balance = 'gradnorm' needs train.compile = false")
    if train.distill_feature_weight and train.compile:  # hooks in a compiled network may not run
        raise ValueError("train.distill_feature_weight needs train.compile = false")
    if train.head_epochs and not config.base:
        raise ValueError("train.head_epochs needs a network that begins with a base")
    if config.base and config.data.clip_s and config.data.clip_s < (config.data.crop_s or 0.0):
        raise ValueError(
            f"data.clip_s = {config.data.clip_s:g}: the base {config.base} hears"
            f" {config.data.crop_s:g} s at once"
        )
    if 1.0 not in config.data.speeds or len(set(config.data.speeds)) < len(config.data.speeds):
        raise ValueError("data.speeds must differ, with 1.0 among them, as clips are tested")
    if config.augment.impulse_responses is not None and not config.data.microphones:
        raise ValueError(
            "augment.impulse_responses needs data.microphones above 0: how many hear each clip"
        )
    if config.data.unknown is not None and not config.data.unknown_part:
        raise ValueError("data.unknown needs data.unknown_part above 0: how much of each batch")
    answer = config.data.unknown_answer
    if config.others and not config.data.unknown_part:
        raise ValueError(
            f"data.unknown_answer = {answer!r} needs data.unknown_part above 0:"
            " how much of each batch"
        )
    if config.base and "apart" in config.model.options:
        raise ValueError("model.options.apart is what data.unknown_answer = 'apart' sets")
    if answer == "apart" and not (config.base and train.loss == "cross-entropy"):
        raise ValueError(
            "data.unknown_answer = 'apart' needs a network that begins with a base, and"
            " train.loss = 'cross-entropy'"
        )
    if config.quantize.bytes and config.quantize.weights != "mixed":
        raise ValueError("quantize.bytes needs quantize.weights = 'mixed', which chooses by size")
    if config.data.target == "abstract" and config.model.abstract:
        raise ValueError("data.target = 'abstract' needs model.abstract = false")
    if train.select == "best" and config.data.val_fraction == 0:
        raise ValueError("train.select = 'best' needs data.val_fraction above 0, found 0")
    if train.select == "best" and train.sparsity:  # the best may come before the zeros
        raise ValueError("train.sparsity needs train.select = 'last'")
