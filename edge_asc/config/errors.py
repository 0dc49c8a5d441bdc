"""One line for every way a configuration can be wrong."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct


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
        return _unknown_key(root, keys, unknown.group(1))
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
        section = {f.name: f.type for f in msgspec.structs.fields(section)}[key]
    return section


def _unknown_key(root: type[Struct], keys: Sequence[str], unknown: str) -> str:
    names = [f.name for f in msgspec.structs.fields(_section(root, keys))]
    return did_you_mean(keys, unknown, names)


def did_you_mean(keys: Sequence[str], unknown: str, names: Sequence[str]) -> str:
    """Name an unknown key, and the one of `names` that is nearest."""
    near = difflib.get_close_matches(unknown, names, n=1, cutoff=0.0)[0]
    return f"unknown key {'.'.join([*keys, unknown])}; did you mean {'.'.join([*keys, near])}?"


def _legal(root: type[Struct], keys: Sequence[str]) -> str:
    """Name the legal values of a key that takes one of a few."""
    types = {f.name: f.type for f in msgspec.structs.fields(_section(root, keys[:-1]))}
    return f"expected one of {', '.join(types[keys[-1]].__args__)}"
