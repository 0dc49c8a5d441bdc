"""A preset with other settings, given as Python values under short names."""

from os import PathLike
from typing import Any

from edge_asc.config.base import OPTION
from edge_asc.config.errors import setting_names, types_of
from edge_asc.config.preset_files import read_preset
from edge_asc.config.schema import Config, config_from_dict, put
from edge_asc.suggest import nearest

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
    tables = read_preset(str(name_or_path))
    where = str(tables["name"])
    for key, value in settings.items():
        try:
            put(tables, full_name(key), value)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return config_from_dict(tables, where=where)


def begun_with(config: Config, base: str | PathLike[str], init: object = None) -> Config:
    """A configuration that begins with this model file's weights; front end and window follow.

    Args:
        config: of a preset whose network begins with a base, as `encoder-base`.
        base: a name of the zoo, or the path of an int8 .tflite file.
        init: a run to begin with, which cannot be had as well.

    Raises:
        ValueError: another network, both, or the base is no model file of ours.
        OSError: it cannot be read.
    """
    if init is not None:
        raise ValueError(f"a run begins with the base {base} or with the run {init}, not with both")
    if not config.base:
        raise ValueError(
            f"{config.name}: its network {config.model.name} begins with no base; the preset"
            " encoder-base does"
        )
    tables = config.to_dict()
    tables["model"]["options"][OPTION] = str(base)
    if str(base) != config.base:
        del tables["frontend"], tables["data"]["crop_s"]
    return config_from_dict(tables, where=config.name)


def full_name(key: str, sections: tuple[str, ...] = SECTIONS) -> str:
    """`train.epochs` of `epochs`; a name with its section stays.

    Raises:
        ValueError: no such setting; says which is nearest.
    """
    if "." in key:
        return key  # `config_from_dict` checks it
    known = {name: name for name in types_of(Config)}
    for section in sections:  # of two with one short name, that of the first section counts
        for name in setting_names(Config):
            if name.startswith(f"{section}."):
                known.setdefault(name.partition(".")[2], name)
    if key in known:
        return known[key]
    near = nearest(key, known, likeness=0.0)  # there is always one
    raise ValueError(f"no setting {key!r}; did you mean {known[str(near)]}?")
