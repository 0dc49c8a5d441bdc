"""`edge-asc doctor`: looks at everything live listening needs and says what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from edge_asc import __version__
from edge_asc.demo.doctor.findings import Finding
from edge_asc.demo.doctor.python import check_packages, check_python, check_runtimes
from edge_asc.demo.doctor.recording import RECORD_S
from edge_asc.demo.doctor.sound import check_access, check_sound
from edge_asc.demo.doctor.system import (
    check_board,
    check_clock,
    check_disk,
    check_heat,
    check_memory,
    check_power,
)
from edge_asc.demo.hearing.machine import ROOT
from edge_asc.runtime.metadata import one_line
from edge_asc.shown import shown

__all__ = ["Finding", "as_dict", "examine", "failed", "finding_text", "summary"]


CHECK_WIDTH = 19  # of the longest name
Check = Callable[[], Iterable[Finding]]


def checks_of(microphone: str | None, record_s: float, root: Path) -> dict[str, Check]:
    """All checks by name, as `examine` makes them."""
    return {
        "board": lambda: check_board(root),
        "Python": check_python,
        "runtimes": check_runtimes,
        "packages": check_packages,
        "clock": lambda: check_clock(root),
        "disk": lambda: check_disk(root),
        "memory": lambda: check_memory(root),
        "heat": lambda: check_heat(root),
        "power": lambda: check_power(root),
        "sound cards": lambda: check_access(root),
        "sound": lambda: check_sound(microphone, record_s),
    }


def examine(
    microphone: str | None = None,
    recording: bool = True,
    root: Path = ROOT,
    on_finding: Callable[[Finding], Any] = lambda finding: None,
) -> list[Finding]:
    """Make every check; one that fails itself is a finding too.

    Args:
        microphone: to record from; None for the default.
        recording: whether to record at all.
        root: stands for `/`.
        on_finding: called with each finding as it comes.
    """
    findings: list[Finding] = []
    record_s = RECORD_S if recording else 0.0
    for name, check in checks_of(microphone, record_s, root).items():
        for finding in _made(name, check):
            findings.append(finding)
            on_finding(finding)
    return findings


def _made(name: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # a strange machine must not keep the other checks from being made
        fact = f"could not be looked at: {type(error).__name__}: {one_line(error)}"
        yield Finding(name, "warn", fact, "please report this, with the output of edge-asc info")


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something cannot work."""
    return any(finding.verdict == "fail" for finding in findings)


def finding_text(finding: Finding) -> str:
    """A finding for people: a line, and one for the advice. Commands stay whole, to be copied."""
    line = shown(f"{finding.verdict:4}  {finding.check:{CHECK_WIDTH}}  {finding.fact}")
    return f"{line}\n{'':{6 + CHECK_WIDTH}}  -> {shown(finding.advice)}" if finding.advice else line


def summary(findings: Iterable[Finding]) -> str:
    """One line for all."""
    verdicts = [finding.verdict for finding in findings]
    fails, warns = verdicts.count("fail"), verdicts.count("warn")
    if not fails and not warns:
        return f"all {len(verdicts)} checks are well"
    return f"{len(verdicts)} checks: {fails} fail, {warns} to look at"


def as_dict(findings: Sequence[Finding]) -> dict[str, Any]:
    """All findings as JSON has them."""
    return {
        "edge_asc": __version__,
        "ok": not failed(findings),
        "findings": [msgspec.structs.asdict(finding) for finding in findings],
    }
