"""What a search varies: a TOML file with a base preset, settings of the short training, a space."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from optuna.trial import BaseTrial

from edge_asc.config.preset_files import PRESETS
from edge_asc.config.schema import Config, config_from_dict

DEFAULT_SPACE = Path(__file__).with_name("default.toml")
Settings = dict[str, Any]  # value by full key, such as "frontend.n_mels"


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number from `low` to `high`, both included, or with `length` a list of numbers."""

    low: int | float = msgspec.field(name="from")
    high: int | float = msgspec.field(name="to")
    step: int | float | None = None  # None: 1, or any number where one of the ends is a fraction
    log: bool = False  # equal ratios are equally likely; goes without a step
    length: tuple[int, int] | None = None  # fewest and most numbers of the list

    def __post_init__(self) -> None:
        shortest, longest = self.length or (1, 1)
        if self.low > self.high or (self.step or 1) <= 0 or not 1 <= shortest <= longest:
            raise ValueError("expected from <= to, a step above 0, and length = [least, most]")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("log = true goes without a step and from a number above 0")

    def draw(self, trial: BaseTrial, name: str) -> Any:
        """Let a trial choose."""
        if self.length is None:
            return self._number(trial, name)
        count = trial.suggest_int(f"{name}.length", *self.length, step=1, log=False)
        return [self._number(trial, f"{name}.{index}") for index in range(count)]

    def _number(self, trial: BaseTrial, name: str) -> int | float:
        numbers = (self.low, self.high, self.step)
        if any(isinstance(number, float) for number in numbers):
            return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)
        step = 1 if self.step is None else int(self.step)
        return trial.suggest_int(name, int(self.low), int(self.high), step=step, log=self.log)


class Space(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search space file."""

    base: str  # the preset with all that is not varied
    space: dict[str, list[Any] | Range]  # what each key may be
    proxy: Settings = {}  # of the short training alone

    def __post_init__(self) -> None:
        for key, choices in self.space.items():
            if isinstance(choices, list) and not choices:
                raise ValueError(f"{key} has no choices")

    def without(self, overrides: Sequence[str]) -> "Space":
        """The space with the keys of `key=value` overrides held fixed."""
        fixed = {override.partition("=")[0].strip() for override in overrides}
        kept = {key: value for key, value in self.space.items() if key not in fixed}
        return msgspec.structs.replace(self, space=kept)

    def draw(self, trial: BaseTrial) -> Settings:
        """Let a trial choose a value for every key."""
        settings: Settings = {}
        for key, dimension in self.space.items():
            if isinstance(dimension, Range):
                settings[key] = dimension.draw(trial, key)
                continue
            # A storage keeps scalars; lists and tables go as their text.
            chosen = json.loads(trial.suggest_categorical(key, list(map(json.dumps, dimension))))
            settings |= chosen if isinstance(chosen, dict) else {key: chosen}
        return settings


def read_space(path: Path | str = DEFAULT_SPACE) -> Space:
    """Read a search space.

    Raises:
        ValueError: bad TOML, an unknown key, a range that is none.
        OSError: the file cannot be read.
    """
    path = Path(path)
    try:
        space = msgspec.toml.decode(path.read_bytes(), type=Space)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    beside = path.parent / space.base
    is_file = space.base not in PRESETS and beside.suffix == ".toml"
    return msgspec.structs.replace(space, base=str(beside)) if is_file else space


def changed(config: Config, settings: Mapping[str, Any]) -> Config:
    """A configuration with settings changed, checked again.

    Raises:
        ValueError: a key that is not there, or a value that does not go.
    """
    tables = config.to_dict()
    for key, value in settings.items():
        *sections, last = key.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ValueError(f"{config.name}: {key}: {section} is a value, not a section")
        table[last] = value
    return config_from_dict(tables, where=config.name)
