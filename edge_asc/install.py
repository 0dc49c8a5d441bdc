"""How this edge-asc was installed, and the command that adds what it lacks.

The package may come from a checkout, a wheel, a repository's address or a package index. pip notes
which in `direct_url.json`, and only a command that names the same source works.
"""

import importlib.metadata
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

PROJECT = "edge-asc"
PACKAGE = Path(__file__).parent


def add_extra(extras: str, *options: str) -> str:
    """The command that adds extras, as `train` or `train,search`, to this installation.

    Options are pip's, as `--force-reinstall`.
    """
    editable, source = _source(extras)
    flags = [*options, *(["-e"] if editable else [])]
    return " ".join([pip(), "install", *flags, _quoted(source)])


def add_package(*words: str) -> str:
    """The command that adds a package of the index, perhaps with pip's options before it."""
    return " ".join([pip(), "install", *map(shlex.quote, words)])


def pip() -> str:
    """What to call for the Python that runs: `pip` may be another one's."""
    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip"
    return f"{shlex.quote(sys.executable)} -m pip"


def _source(extras: str) -> tuple[bool, str]:
    """Whether it runs from its source, and what pip is to install."""
    origin = _origin()
    if origin is None:
        if (PACKAGE.parent / "setup.cfg").is_file():  # a checkout that was never installed
            return True, f"{_from_here(PACKAGE.parent)}[{extras}]"
        return False, f"{PROJECT}[{extras}]"
    url = str(origin["url"])
    if url.startswith("file:"):
        editable = bool(origin.get("dir_info", {}).get("editable"))
        return editable, f"{_from_here(_local(url))}[{extras}]"
    if vcs := origin.get("vcs_info"):
        revision = f"@{vcs['requested_revision']}" if "requested_revision" in vcs else ""
        return False, f"{PROJECT}[{extras}] @ {vcs['vcs']}+{url}{revision}"
    return False, f"{PROJECT}[{extras}] @ {url}"


def _origin() -> dict[str, Any] | None:
    """What pip noted of the source; None of an index, or without an installation."""
    try:
        text = importlib.metadata.distribution(PROJECT).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    return json.loads(text) if text else None


def _local(url: str) -> Path:
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    return Path(url2pathname(urlparse(url).path))


def _from_here(path: Path) -> str:
    """A folder or wheel as pip takes it; where it is gone, as it would be called in its folder."""
    is_wheel = path.suffix == ".whl"
    if not path.exists() or (path.parent == Path.cwd() and is_wheel):
        return path.name if is_wheel else "."
    return "." if path == Path.cwd() else str(path)


def _quoted(source: str) -> str:
    """In quotes always: shells read `[` as a pattern."""
    quoted = shlex.quote(source)
    return quoted if quoted.startswith("'") else f"'{quoted}'"
