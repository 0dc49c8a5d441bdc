"""Files that are whole or absent: written under a temporary name, then moved into place.

And JSON as all files and verbs write it.
"""

import json
import logging
import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

_SURROGATES = re.compile("[\ud800-\udfff]")
_NUMBERS = re.compile(r"\[\n(?:[\s\d,.eE+-]|null)+\]")  # a list of numbers, spread over lines

log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the same folder; move it to `path` when the block ends well.

    Two processes may write the same file at once: each has its own temporary file and the last
    move wins with a whole file. When the block raises, nothing is left behind.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's 0600 would lock out a second user of a shared cache
        temporary.replace(path)
        log.debug("wrote %s", path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write readable JSON, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(as_json(value) + "\n", encoding="utf-8")


def as_json(value: Any) -> str:
    """Readable JSON of structs, dataclasses, tables, lists and numbers, numpy's too.

    JSON has no NaN and no infinity: they become null. A list of numbers stays on one line.

    Raises:
        TypeError: something that JSON has no form for.
    """
    plain = _finite(msgspec.to_builtins(value, enc_hook=_number))
    return _NUMBERS.sub(_on_one_line, json.dumps(plain, indent=2, ensure_ascii=False))


def shown(name: str) -> str:
    r"""A file's name as text: bytes of it that are no UTF-8 as ``\xff``.

    Python holds such bytes as halves of surrogate pairs, which no UTF-8 text may have.
    """
    content = name.encode("utf-8", "surrogateescape" if _is_name(name) else "backslashreplace")
    return content.decode("utf-8", "backslashreplace")


def _is_name(text: str) -> bool:
    return all("\udc80" <= character <= "\udcff" for character in _SURROGATES.findall(text))


def _finite(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value) if _SURROGATES.search(value) else value
    if isinstance(value, dict):
        return {_finite(key): _finite(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    """A number of numpy's, which knows what it is in Python."""
    try:
        return value.item()
    except (AttributeError, ValueError):
        raise TypeError(f"{type(value).__name__} has no form in JSON") from None


def _on_one_line(numbers: re.Match[str]) -> str:
    return " ".join(numbers.group().split()).replace("[ ", "[").replace(" ]", "]")
