"""Doctor's checks of Python and its packages."""

import importlib.metadata
import re
import struct
import sys
from collections.abc import Iterator

from edge_asc import __version__
from edge_asc.demo.doctor.findings import Finding, finding, run_python
from edge_asc.install import add_extra, add_package
from edge_asc.runtime.classifier import RUNTIMES, Runtime

IMPORT_LIMIT_S = 120.0  # of a slow card that reads the package for the first time
# Any runtime refuses such a model; one that cannot be imported, or crashes, does something else.
TRY_RUNTIME = """
from edge_asc.runtime.classifier import RUNTIMES
try:
    RUNTIMES["{name}"].open(bytes(64), 1)
except ImportError:
    raise
except Exception:
    pass
"""


def check_python() -> Iterator[Finding]:
    """Which Python, and how wide it is."""
    version = ".".join(map(str, sys.version_info[:3]))
    fact = f"{version}, {8 * struct.calcsize('P')}-bit, {sys.executable}"
    advice = "it runs with tflite-runtime; a 64-bit system has newer runtimes, and is faster"
    yield finding("Python", fact, (struct.calcsize("P") < 8, "warn", advice))
    yield Finding("edge-asc", "ok", __version__)


def check_runtimes() -> Iterator[Finding]:
    """Whether there is a runtime that starts."""
    usable = set()
    for name, runtime in RUNTIMES.items():
        found = _runtime(name, runtime)
        if found.verdict == "ok" and runtime.installed:
            usable.add(runtime.format)
        yield found
    if not usable:
        yield Finding("runtimes", "fail", "none can be used", add_package("ai-edge-litert"))


def _runtime(name: str, runtime: Runtime) -> Finding:
    check, runs = f"runtime {name}", f"runs .{runtime.format} files"
    if not runtime.installed:
        fact = f"not installed ({runs}; to have it: {add_package(runtime.package)})"
        return Finding(check, "ok", fact)
    if problem := runtime.problem:
        fact, _, cure = problem.partition(" (")
        return Finding(check, "fail", f"{runtime.version} {fact}", cure.removesuffix(")"))
    if problem := run_python(["-c", TRY_RUNTIME.format(name=name)], IMPORT_LIMIT_S).problem:
        cure = f"{add_package('--force-reinstall', runtime.package)}, or uninstall it"
        return Finding(check, "fail", f"{runtime.version} {problem}", cure)
    return Finding(check, "ok", f"{runtime.version}, {runs}")


def check_packages() -> Iterator[Finding]:
    """Whether what the extra `live` brings is there."""
    names = live_packages()
    missing = ", ".join(name for name in names if not _installed(name))
    fact = f"all of edge-asc[live]: {', '.join(names)}"
    if missing:
        fact = f"{missing} not installed: some outputs of `edge-asc live` are not to be had"
    yield finding("packages", fact, (bool(missing), "warn", add_extra("live")))


def live_packages() -> list[str]:
    """The packages of the extra `live`, as the installed edge-asc declares them."""
    declared = importlib.metadata.requires("edge-asc") or []
    wanted = [text for text in declared if re.search(r"extra == ['\"]live['\"]", text)]
    return [re.split(r"[^\w.-]", text)[0] for text in wanted]


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
