"""A preset with other settings, given as Python values under short names."""

import difflib
from collections.abc import Iterator
from os import PathLike
from typing import Any

from edge_asc.config.errors import types_of
from edge_asc.config.preset_files import PRESETS, read_preset
from edge_asc.config.schema import Config, config_from_dict, put
from edge_asc.frontend.front_end import FrontEnd

# Where a name without a section is looked for: `epochs` is that of training.
SECTIONS = ("train", "data", "augment", "frontend", "model", "quantize")


def preset(name_or_path: str | PathLike[str], **settings: Any) -> Config:
    """Read a preset, or a TOML file of one's own, and change settings of it.

    Args:
        name_or_path: a name of `edge_asc.config.schema.PRESETS`, or the path of a `.toml` file.
        settings: by their full names (`**{"data.crop_s": 2.0}`), or by their last part where that
            says which: `epochs=40` is `train.epochs`, `n_mels=40` is `frontend.n_mels`.

    Returns:
        The checked configuration, frozen: `config.train.epochs`, `config.model.name`, …

    Raises:
        ValueError: an unknown preset or setting (with the nearest name), a wrong type, or a value
            out of range.
        OSError: the file cannot be read.

    Example:
        >>> cfg = ea.preset("esc10/32k", epochs=40, **{"data.crop_s": 2.0})
        >>> cfg.train.epochs, cfg.data.crop_s
        (40, 2.0)
        >>> ea.preset("esc10/32k", epoch=40)
        Traceback (most recent call last):
        ValueError: esc10/32k: no setting 'epoch'; did you mean train.epochs?
    """
    name = str(name_or_path)
    if not name.endswith(".toml") and name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PRESETS)}"
        raise ValueError(f"no preset {name!r}, and no .toml file; {hint}")
    tables = read_preset(name)
    where = str(tables["name"])
    for key, value in settings.items():
        try:
            put(tables, full_name(key), value)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return config_from_dict(tables, where=where)


def full_name(key: str, sections: tuple[str, ...] = SECTIONS) -> str:
    """`train.epochs` of `epochs`; a name with its section stays.

    Raises:
        ValueError: no such setting; says which is nearest.
    """
    if "." in key:
        return key  # `config_from_dict` checks it
    known = dict(_names(sections))
    if key in known:
        return known[key]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    raise ValueError(f"no setting {key!r}; did you mean {known[near]}?")


def setting_names() -> list[str]:
    """Full names of all settings: `train.epochs`, `frontend.n_mels`, `rule`."""
    return [full for _, full in _names(SECTIONS)]


def _names(sections: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Short and full name of every setting; of two with one short name, the last counts."""
    structs = types_of(Config)
    for section in reversed(sections):
        is_frontend = section == "frontend"
        fields = FrontEnd.__dataclass_fields__ if is_frontend else types_of(structs[section])
        yield from ((name, f"{section}.{name}") for name in fields)
    yield from ((name, name) for name in structs)
