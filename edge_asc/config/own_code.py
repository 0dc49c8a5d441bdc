"""Code of one's own that settings name: `package.module:Name`, imported and thereby run.

It is looked for where Python looks (installed, `PYTHONPATH`), then in the current folder. There
only what this user has named is imported, in a preset, by `--set` or in Python, now or before: a
run folder that somebody gave away may name a module that lies beside it. What a run names that is
not here is the file that this user meant by that name before, where there is just one.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from edge_asc.files import read_json, write_json

_AGREED: set[str] = set()  # names that were asked for in this process


def is_own(name: str) -> bool:
    """Whether a setting names code of one's own."""
    return ":" in name


def agree(name: str) -> None:
    """Note that the user has named this code, and so knows that it runs."""
    if is_own(name):
        _AGREED.add(name)


def imported(what: str, name: str) -> Any:
    """The class or function that a setting names.

    Args:
        what: the setting, for messages: `model`.
        name: `package.module:Name`.

    Raises:
        ValueError: no such module or name, it fails, or it is code that nobody here has named.
    """
    module, _, path = name.partition(":")
    if not (module and path):
        raise ValueError(f"{what} {name!r}: expected package.module:Name")
    found: Any = _module(what, name, module)
    for part in path.split("."):
        if not hasattr(found, part):
            file = getattr(sys.modules[module], "__file__", None)
            raise ValueError(f"{what} {name}: no {part} in {file or module}")
        found = getattr(found, part)
    file = _in_current_folder(module.partition(".")[0])
    if file is not None and name in _AGREED:
        _remember(name, file)
    return found


def failure(error: BaseException) -> str:
    """What somebody's code raised, and on which of its lines."""
    line = (str(error).strip() or "no reason given").splitlines()[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {line}{place}"


def _module(what: str, name: str, module: str) -> ModuleType:
    top = module.partition(".")[0]
    if not _is_found(top):
        _open_current_folder(what, name, top)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"{what} {name}: no module {error.name}, {_looked()}") from error
    except Exception as error:  # whatever somebody's code may raise
        raise ValueError(f"{what} {name}: importing {module} fails: {failure(error)}") from error


def _is_found(top: str) -> bool:
    if top in sys.modules:
        return True
    with suppress(ValueError, ImportError):
        return importlib.util.find_spec(top) is not None
    return False


def _looked() -> str:
    return f"nor is it in {Path.cwd()}; is its folder on PYTHONPATH?"


def _in_current_folder(top: str) -> Path | None:
    """A module's file or a package's folder, in the current folder."""
    candidates = (Path.cwd() / f"{top}.py", Path.cwd() / top)
    return next((path for path in candidates if path.exists()), None)


def _open_current_folder(what: str, name: str, top: str) -> None:
    """Let Python look in the current folder as well, last of all, if the user knows what is there.

    Raises:
        ValueError: nothing of that name is there, or nobody has named it.
    """
    file = _in_current_folder(top)
    if file is None and name not in _AGREED:  # of a run, which may lie elsewhere
        file = _named_before(what, name)
    if file is None:
        raise ValueError(f"{what} {name}: no module {top}, {_looked()}")
    if name not in _AGREED and str(file) not in _remembered().get(name, []):
        raise ValueError(
            f"{what} {name} is code in {file}, which would run as you, and which you have not named"
            f" before; where you know it, set PYTHONPATH={file.parent}"
        )
    sys.path.append(str(file.parent))


def _named_before(what: str, name: str) -> Path | None:
    """The file that this user meant by a name; None where it is gone or none was.

    Raises:
        ValueError: there are several.
    """
    files = [Path(file) for file in _remembered().get(name, []) if Path(file).exists()]
    if len(files) > 1:
        places = " or ".join(f"PYTHONPATH={file.parent}" for file in files)
        raise ValueError(f"{what} {name} was code in several folders; say which: {places}")
    return files[0] if files else None


def _memory() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "edge-asc" / "own-code.json"


def _remembered() -> dict[str, list[str]]:
    """Files by the names that this user has given them in settings."""
    with suppress(OSError, ValueError, RuntimeError):
        found = read_json(_memory())
        if isinstance(found, dict):
            return {k: v for k, v in found.items() if isinstance(v, list)}
    return {}


def _remember(name: str, file: Path) -> None:
    known = _remembered()
    if str(file) in known.get(name, []):
        return
    known[name] = [*known.get(name, []), str(file)]
    with suppress(OSError, RuntimeError):  # then it is asked again
        _memory().parent.mkdir(parents=True, exist_ok=True)
        write_json(_memory(), known)
