"""What `edge-asc doctor` says of one thing it looked at."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str  # what it is, in a word or two
    verdict: Verdict  # "warn": it works, but not as it should; "fail": it cannot work
    fact: str  # what was found
    advice: str = ""  # what to do about it; empty when all is well


Trouble = tuple[bool, Verdict, str]  # whether it is there, how bad it is, what to do about it


def finding(check: str, fact: str, *troubles: Trouble) -> Finding:
    """The first of the troubles that is there, else that all is well."""
    for there, verdict, advice in troubles:
        if there:
            return Finding(check, verdict, fact, advice)
    return Finding(check, "ok", fact)


class Ended(msgspec.Struct, frozen=True):
    """How a process of Python's ended."""

    lines: list[str]  # what it printed
    problem: str | None  # why it ended badly, in one line; None when it did not


def run_python(arguments: Sequence[str], timeout_s: float) -> Ended:
    """Run Python in a process of its own: what crashes or hangs there harms nobody here."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = printed.decode(errors="replace") if isinstance(printed, bytes) else printed
        return Ended(text.splitlines(), f"hangs: no end after {timeout_s:.0f} s")
    return Ended(done.stdout.splitlines(), _problem(done.returncode, done.stderr))


def _problem(status: int, complaints: str) -> str | None:
    if status == 0:
        return None
    if status < 0:
        return f"crashes: {signal.Signals(-status).name}"
    said = [line for line in complaints.splitlines() if line.strip()]
    return said[-1].strip() if said else f"ends with status {status}"
