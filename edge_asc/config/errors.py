"""One line for every way a configuration can be wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.suggest import nearest


def explain(root: type[Struct], message: str, tables: Mapping[str, Any]) -> str:
    """Turn msgspec's message into: key, what was found, what is legal.

    Args:
        root: the struct that `tables` should have become.
        message: of the ValidationError.
        tables: what it was converted from.
    """
    text, _, path = message.partition(" - at `")
    keys = re.findall(r"[\w-]+", path.removesuffix("`"))
    if unknown := re.search(r"unknown field `(.+)`", text):
        names = list(types_of(_section(root, keys)))
        return did_you_mean(keys, unknown.group(1), names, setting_names(root))
    if missing := re.search(r"missing required field `(.+)`", text):
        return f"{'.'.join([*keys, missing.group(1)])} is missing"
    found: Any = tables
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    expected = _legal(root, keys) if "enum" in text else text[0].lower() + text[1:].replace("`", "")
    return f"{'.'.join(keys)} = {found!r}: {expected}"


def _section(root: type[Struct], keys: Sequence[str]) -> type[Struct]:
    """Return the struct that the keys lead to."""
    section: Any = root
    for key in keys:
        section = types_of(section)[key]
    return section


def types_of(section: type[Struct]) -> dict[str, Any]:
    """The types of a struct's fields by name."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def did_you_mean(
    keys: Sequence[str], unknown: str, names: Sequence[str], elsewhere: Sequence[str] = ()
) -> str:
    """Name an unknown key, and what was meant.

    Args:
        keys: the sections that lead to it.
        unknown: the key.
        names: the keys of its section: the nearest is meant, if any is near.
        elsewhere: dotted keys, also of other sections: else the one that ends in the key.
    """
    line = f"unknown key {'.'.join([*keys, unknown])}"
    if near := nearest(unknown, names):
        return f"{line}; did you mean {'.'.join([*keys, near])}?"
    if same := [each for each in elsewhere if each.endswith(f".{unknown}")]:
        return f"{line}; did you mean {same[0]}?"
    return f"{line}; there are {', '.join(names)}"


def setting_names(root: type[Struct]) -> list[str]:
    """Full names of all settings: `train.epochs`, `frontend.n_mels`, `rule`."""
    names: list[str] = []
    for name, kind in types_of(root).items():
        section = FrontEnd.__dataclass_fields__ if name == "frontend" else _fields(kind)
        names += [f"{name}.{key}" for key in section] or [name]
    return names


def _fields(kind: Any) -> Sequence[str]:
    """Names of a section's fields; none of a value."""
    return getattr(kind, "__struct_fields__", ())


def _legal(root: type[Struct], keys: Sequence[str]) -> str:
    """Name the legal values of a key that takes one of a few."""
    legal = _section(root, keys).__args__  # type: ignore[attr-defined]
    return f"expected one of {', '.join(legal)}"
