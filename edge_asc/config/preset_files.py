"""Presets by name, and how their files are read: TOML, each perhaps on the base of another."""

import logging
from pathlib import Path
from typing import Any

import tomllib

from edge_asc.suggest import nearest

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent / "presets"


def _presets() -> dict[str, Path]:
    """Path by name; a preset in a sub-folder is named `folder/file`."""
    paths = sorted(FOLDER.rglob("*.toml"), key=lambda path: (len(path.parts), path))
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in paths}


PRESETS = _presets()


def read_preset(name_or_path: str | Path) -> dict[str, Any]:
    """Tables of a preset, or of any TOML file, with a `name` in them.

    `base = "NAME"` takes another preset (or a file beside this one) and changes what this one says:
    sections are merged key by key, a key's value is replaced as a whole.

    Raises:
        ValueError: unknown preset, bad TOML, presets that are each other's base.
        OSError: the file cannot be read.
    """
    path = _path_of(str(name_or_path), Path())
    log.info("preset %s", path)
    names = {path: name for name, path in PRESETS.items()}
    return {"name": names.get(path, path.stem), **_with_base(path, ())}


def _path_of(name: str, folder: Path) -> Path:
    path = PRESETS.get(name, folder / name)
    if path.suffix != ".toml":
        if near := nearest(name, PRESETS):
            raise ValueError(f"no preset {name!r}; did you mean {near}?")
        raise ValueError(f"preset {name!r} is not one of {', '.join(PRESETS)}, nor a .toml file")
    return path


def _with_base(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        raise ValueError(f"{path}: a preset cannot be its own base")
    tables = _read(path)
    base = tables.pop("base", None)
    if base is None:
        return tables
    if not isinstance(base, str):
        raise ValueError(f"{path}: base = {base!r}: expected the name of a preset")
    below = _with_base(_path_of(base, path.parent), (*above, path))
    below.pop("name", None)
    return {key: _merged(below.get(key), tables.get(key)) for key in {**below, **tables}}


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **above}
    return below if above is None else above


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    except RecursionError:
        raise ValueError(f"{path}: brackets within brackets without end") from None
