"""Files that are whole or absent: written under a temporary name, then moved into place.

And JSON as all files and verbs write it.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import logging
import math
import os
import re
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

_SURROGATES = re.compile("[\ud800-\udfff]")
LEFT_S = 24 * 3600.0
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{6})-(\d+)-[a-z0-9_]{8}(?:\.\w+)?")
# Characters that a terminal obeys, beside those below the blank: further control characters, line
# and paragraph separators, marks that turn the writing direction, and the halves of surrogate pairs
# by which Python holds file names that are no text.
ACTS = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ACTS = re.compile(f"[{ACTS}]")
_looked_at: set[Path] = set()  # a cache holds thousands of files: once for each folder
_NUMBERS = re.compile(r"\[\n(?:[\s\d,.eE+-]|null)+\]")  # a list of numbers, spread over lines

log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the same folder; move it to `path` when the block ends well.

    Two processes may write the same file at once: each has its own temporary file and the last
    move wins with a whole file. When the block raises, nothing is left behind. What a process left
    that was killed meanwhile goes with the next one's first file in that folder.

    A link stays one, and its target is written. A pipe or a device stays as well: all that was
    written goes to it at once.

    Raises:
        OSError: the folder cannot be written, or `path` is one; names `path`.
    """
    asked = Path(path)
    is_stream = _is_stream(asked)
    path = Path(os.path.realpath(asked)) if asked.is_symlink() and not is_stream else asked
    with contextlib.ExitStack() as stack:
        with _naming(asked):
            temporary = _beside_nothing(path, stack) if is_stream else _beside(path)
        try:
            with _naming(asked, temporary):
                yield temporary
                if is_stream:
                    _pour(temporary, path)
                else:
                    temporary.chmod(0o644)  # mkstemp's 0600 would lock out others of a shared cache
                    temporary.replace(path)
            log.debug("wrote %s", path)
        finally:
            temporary.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Whether a path leads to no file: a pipe, a device, an open output of this process.

    Raises:
        OSError: it is a folder, or a link without end.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    target = path.parent / (os.readlink(path) if path.is_symlink() else path.name)
    return not stat.S_ISREG(mode) or os.path.realpath(target.parent).startswith("/proc/")


def _beside(path: Path) -> Path:
    """A new empty file in the same folder, which is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    if path.parent not in _looked_at:
        _looked_at.add(path.parent)
        remove_left(path.parent)
    prefix = f".{path.name}.{_here()}-{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    return Path(name)


def _beside_nothing(path: Path, stack: contextlib.ExitStack) -> Path:
    """A new empty file among temporary files, of the name that is asked for."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-asc-"))
    temporary = Path(folder) / path.name
    temporary.touch()
    return temporary


def _pour(temporary: Path, stream: Path) -> None:
    descriptor = os.open(stream, os.O_WRONLY | os.O_APPEND)
    with temporary.open("rb") as source, os.fdopen(descriptor, "wb") as sink:
        shutil.copyfileobj(source, sink)


@contextmanager
def _naming(asked: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let errors name the file that was asked for, which is what people know."""
    try:
        yield
    except OSError as error:
        if temporary is None or error.filename in (temporary, str(temporary)):
            error.filename, error.filename2 = str(asked), None
        raise


@functools.cache
def _here() -> str:
    """Six digits for the machine, or the container, in which a process number means something."""
    with contextlib.suppress(OSError):
        return _short(socket.gethostname() + os.readlink("/proc/self/ns/pid"))
    return _short(socket.gethostname())


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:6]


def remove_left(folder: Path) -> None:
    """Delete temporary files of `atomic_write` whose process has ended."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (found := _TEMPORARY.fullmatch(entry.name)) and _is_left(entry, *found.groups()):
                Path(entry).unlink(missing_ok=True)


def _is_left(entry: "os.DirEntry[str]", where: str, process: str) -> bool:
    """Nobody knows of a process elsewhere; what is a day old is nobody's work any more."""
    if where != _here():
        return time.time() - entry.stat().st_mtime > LEFT_S
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:  # there, and somebody else's
        return False
    return False


def write_json(path: Path | str, value: Any) -> None:
    """Write readable JSON, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(as_json(value) + "\n", encoding="utf-8")


def is_held_elsewhere(descriptor: int) -> bool:
    """Take an open file or folder for this process until it is closed; whether another has it.

    On a file system without locks nobody can tell, and nobody has it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        log.info("a file system without locks")
    return False


def read_json(path: Path | str, of: Any = Any) -> Any:
    """What a JSON file holds, of a type where one is given.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none; the message names the file.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=of)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def as_json(value: Any) -> str:
    """Readable JSON of structs, dataclasses, tables, lists and numbers, numpy's too.

    JSON has no NaN and no infinity: they become null. A list of numbers stays on one line.

    Raises:
        TypeError: something that JSON has no form for.
    """
    plain = _finite(msgspec.to_builtins(value, enc_hook=_number))
    text = _NUMBERS.sub(_on_one_line, json.dumps(plain, indent=2, ensure_ascii=False))
    return inert(text)


def inert(json_text: str) -> str:
    """JSON in which what would act on a terminal that shows it is escaped, as JSON may."""
    return _ACTS.sub(lambda found: f"\\u{ord(found.group()):04x}", json_text)


def utf8(name: str) -> str:
    r"""A file's name as text: bytes of it that are no UTF-8 as ``\xff``.

    Python holds such bytes as halves of surrogate pairs, which no UTF-8 text may have.
    """
    content = name.encode("utf-8", "surrogateescape" if _is_name(name) else "backslashreplace")
    return content.decode("utf-8", "backslashreplace")


def _is_name(text: str) -> bool:
    return all("\udc80" <= character <= "\udcff" for character in _SURROGATES.findall(text))


def _finite(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value) if _SURROGATES.search(value) else value
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
