"""One attempt in a process of its own: what became of it, how long it took, how much it needed."""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

LIMIT_S = 20.0  # what takes longer hangs
MOST_BYTES = 4_000_000_000  # of address space: a fault should not take the machine with it

Outcome = Literal["done", "refused", "traceback", "signal", "hang"]


@dataclass(frozen=True)
class Attempt:
    """How it went.

    Attributes:
        outcome: done; refused, by ValueError or OSError; traceback, any other error; signal; hang.
        value: what it gave, if it is done; of JSON's types.
        said: the error, or the signal.
        peak_bytes: the most that it, or a process that it started, had in memory.
        seconds: by the clock.
    """

    outcome: Outcome
    value: Any
    said: str
    peak_bytes: int
    seconds: float


def attempt(work: Callable[[], Any], limit_s: float = LIMIT_S) -> Attempt:
    """Do something in a fork of this process; it should hold little memory, and no threads.

    What it prints goes nowhere.
    """
    begun_s = time.monotonic()
    reading, writing = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # native threads of libraries, idle
        pid = os.fork()
    if not pid:
        os.close(reading)
        _work(writing, work)
    os.close(writing)
    said = _read(reading, begun_s + limit_s)
    if said is None:
        _kill_group(pid)
    os.close(reading)
    _, status, usage = os.wait4(pid, 0)
    _kill_group(pid)  # what it may have left running
    outcome, value, words = _judged(said, status)
    return Attempt(outcome, value, words, 1024 * usage.ru_maxrss, time.monotonic() - begun_s)


def _work(writing: int, work: Callable[[], Any]) -> None:
    """In the fork: never returns."""
    outcome, value, said = "done", None, ""
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        value = work()
    except (ValueError, OSError) as error:
        outcome, said = "refused", f"{type(error).__name__}: {error}"
    except BaseException as error:  # of any kind: that is what is looked for
        outcome = "traceback"
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
    try:
        text = json.dumps([outcome, value, said[:2000]])
        with os.fdopen(writing, "w", errors="backslashreplace") as pipe:
            pipe.write(text)
    finally:
        os._exit(0)


def _read(reading: int, end_s: float) -> bytes | None:
    """What is said until the other end is closed; None: it stays open for too long."""
    parts = []
    while (left_s := end_s - time.monotonic()) > 0:
        if select.select([reading], [], [], left_s)[0]:
            part = os.read(reading, 1 << 16)
            if not part:
                return b"".join(parts)
            parts.append(part)
    return None


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _judged(said: bytes | None, status: int) -> tuple[Outcome, Any, str]:
    if said is None:
        return "hang", None, ""
    if os.WIFSIGNALED(status):
        return "signal", None, signal.Signals(os.WTERMSIG(status)).name
    if not said:
        return "signal", None, f"exit code {os.waitstatus_to_exitcode(status)} without a word"
    outcome, value, words = json.loads(said)
    return outcome, value, words
