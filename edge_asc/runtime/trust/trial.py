"""A graph from a file runs in a process of its own first: what it does to that, it does to nobody.

Inference runtimes are native code, and a damaged or a crafted graph can end them by a signal, with
the program around them, or take all memory there is. So a file is opened and asked once about a
window of noise by a child process, with a limit to its memory and its time. Only then does the
user's own process open it.

The child is a fork where that is safe (Linux, no other Python thread), which takes milliseconds;
else a new interpreter. Files that come with the package are not tried: they are part of it.
"""

import contextlib
import faulthandler
import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import Metadata
from edge_asc.runtime.sessions import OPENERS, import_runtime

LIMIT_S = 15.0
MOST_BYTES = 250_000_000  # beyond the file
FINE = "fine"
PACKAGE = Path(__file__).resolve().parents[2]
_CODE = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n');"
    "from edge_asc.runtime.trust.trial import child; child(*sys.argv[2:])"
)
_lock = threading.Lock()
_fine: set[tuple[bytes, str]] = set()  # digests of what ran well before, and how it was opened


def is_ours(path: Path) -> bool:
    """Whether a file came with the package: it is trusted as the code is."""
    return PACKAGE in path.resolve().parents


def features_shape(metadata: Metadata) -> tuple[int, int]:
    """`[M, F]` of a window."""
    frontend = FrontEnd.from_dict(metadata.frontend)
    return frontend.n_mels, frontend.frames_in(metadata.clip_s)


def try_file(path: Path, content: bytes, runtime: str, metadata: Metadata) -> None:
    """`try_graph` of what is about to be opened, unless the file came with the package."""
    if not is_ours(path):
        try_graph(content, runtime, features_shape(metadata))


def try_graph(content: bytes, runtime: str, shape: tuple[int, int]) -> None:
    """Run a model file once in a process of its own.

    Args:
        content: the file's bytes.
        runtime: a key of `OPENERS`.
        shape: of a window's features, `[M, F]`.

    Raises:
        ValueError: the runtime refuses the file, or dies of it.
    """
    key = hashlib.sha256(content).digest(), runtime
    with _lock:
        if key in _fine:
            return
        forks = sys.platform == "linux" and threading.active_count() == 1
        said = (_in_a_fork if forks else _in_an_interpreter)(content, runtime, shape)
        if said != FINE:
            raise ValueError(said)
        _fine.add(key)


def _in_a_fork(content: bytes, runtime: str, shape: tuple[int, int]) -> str:
    import_runtime(runtime)  # before its memory is limited
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads are native and idle
        pid = os.fork()
    if not pid:
        os.close(reading)
        _end(writing, content, runtime, shape)
    os.close(writing)
    try:
        said = _read_until(reading, time.monotonic() + LIMIT_S)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # it has said all, or is late
        _, status = os.waitpid(pid, 0)
    if said is None:
        return _late()
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return said or _died(code)


def _read_until(descriptor: int, end_s: float) -> str | None:
    """What is said there until it is closed; None where it stays open."""
    parts: list[bytes] = []
    poll = select.poll()  # select() takes no descriptor beyond 1023
    poll.register(descriptor, select.POLLIN)
    while (left_s := end_s - time.monotonic()) > 0:
        if not poll.poll(1000 * left_s):
            break
        if not (part := os.read(descriptor, 65_536)):
            return b"".join(parts).decode("utf-8", "replace")
        parts.append(part)
    return None


def _in_an_interpreter(content: bytes, runtime: str, shape: tuple[int, int]) -> str:
    path = "\n".join(sys.path)
    command = [sys.executable, "-c", _CODE, path, runtime, *map(str, shape)]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _late()
    return done.stdout.decode("utf-8", "replace") or _died(done.returncode)


def _late() -> str:
    return f"its graph did not end within {LIMIT_S:g} s"


def _died(code: int) -> str:
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"its graph makes the runtime crash ({how}): a damaged file, or not one to be trusted"


def child(runtime: str, mels: str, frames: str) -> NoReturn:
    """What a new interpreter does: the file comes on stdin, the finding goes to stdout."""
    content = sys.stdin.buffer.read()
    import_runtime(runtime)
    _end(os.dup(1), content, runtime, (int(mels), int(frames)))


def _end(writing: int, content: bytes, runtime: str, shape: tuple[int, int]) -> NoReturn:
    """Try the file, say how it went, and end, without what a process does at its end."""
    said = "it could not be tried"
    try:
        _be_modest(len(content))
        said = _try(content, runtime, shape)
    except BaseException as error:  # of any kind: it must not reach what this is a fork of
        said = " ".join(str(error).split()) or type(error).__name__
    finally:
        os.write(writing, said[:2000].encode("utf-8", "replace"))
        os._exit(0)


def _try(content: bytes, runtime: str, shape: tuple[int, int]) -> str:
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    OPENERS[runtime](content, 1).run(noise)
    return FINE


def _be_modest(file_bytes: int) -> None:
    """Say nothing, leave no core, and take no more memory than a model does."""
    import resource

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.disable()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:
            (now,) = (int(line.split()[1]) for line in status if line.startswith("VmData:"))
        most = 1024 * now + MOST_BYTES + 2 * file_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
