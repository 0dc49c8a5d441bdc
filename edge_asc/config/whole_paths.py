"""Paths that settings and runs name, whole: what was given in a folder is found from any other."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_asc.config.base import OPTION
from edge_asc.config.schema import Config


def with_whole_paths(config: Config) -> Config:
    """The same settings; names that are no path (a list in the data set, the zoo's) stay names."""
    told = whole_paths(config.to_dict())
    options = {**config.model.options, **told["model"]["options"]}
    return msgspec.structs.replace(
        config,
        model=msgspec.structs.replace(config.model, options=options),
        data=msgspec.structs.replace(
            config.data, train_list=told["data"]["train_list"], unknown=told["data"]["unknown"]
        ),
        augment=msgspec.structs.replace(
            config.augment, impulse_responses=told["augment"]["impulse_responses"]
        ),
    )


def whole_paths(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of settings, and what else decides a run, with whole paths in place of relative ones.

    So a run that holds relative ones is the same as one that was asked for in the same folder.
    """
    found = {name: dict(v) if isinstance(v, Mapping) else v for name, v in tables.items()}
    _change(found.get("augment"), "impulse_responses", os.path.abspath)
    _change(found.get("data"), "train_list", _if_there)
    _change(found.get("data"), "unknown", os.path.abspath)
    _change(found.get("base"), "file", _if_there)
    _change(found.get("answers"), "file", os.path.abspath)
    _change(found, "init", os.path.abspath)
    if isinstance(model := found.get("model"), dict):
        model["options"] = {**model.get("options", {})}
        _change(model["options"], OPTION, _if_there)
    if isinstance(teachers := found.get("teachers"), list | tuple):
        found["teachers"] = [os.path.abspath(path) for path in teachers]
    return found


def _if_there(name: str) -> str:
    """A file's whole path; a name that is no file stays one."""
    return os.path.abspath(name) if Path(name).is_file() else name


def _change(table: Any, key: str, change: Any) -> None:
    if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
        table[key] = change(table[key])
