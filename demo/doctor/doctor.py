"""`edge-asc doctor`: looks at everything live listening needs and says what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from edge_asc.demo.machine import ROOT
from edge_asc.runtime.metadata import one_line

__all__ = ["Finding", "as_dict", "examine", "failed", "finding_text", "summary"]


@dataclass(frozen=True)
class Patient:
    """What is looked at."""

    microphone: str | None = None  # to record from; None for the default
    record_s: float = RECORD_S  # for how long; 0: not at all
    root: Path = ROOT  # stands for `/`


Check = Callable[[Patient], Iterable[Finding]]
CHECK_WIDTH = 19  # of the longest name
CHECKS: dict[str, Check] = {
    "board": lambda patient: check_board(patient.root),
    "Python": lambda patient: check_python(),
    "runtimes": lambda patient: check_runtimes(),
    "packages": lambda patient: check_packages(),
    "clock": lambda patient: check_clock(patient.root),
    "disk": lambda patient: check_disk(patient.root),
    "memory": lambda patient: check_memory(patient.root),
    "heat": lambda patient: check_heat(patient.root),
    "power": lambda patient: check_power(patient.root),
    "sound cards": lambda patient: check_access(patient.root),
    "sound": lambda patient: check_sound(patient.microphone, patient.record_s),
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
    patient = Patient(microphone, RECORD_S if recording else 0.0, root)
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        for finding in _made(name, check, patient):
            findings.append(finding)
            on_finding(finding)
    return findings


def _made(name: str, check: Check, patient: Patient) -> Iterator[Finding]:
    try:
        yield from check(patient)
    except Exception as error:  # a strange machine must not keep the other checks from being made
        fact = f"could not be looked at: {type(error).__name__}: {one_line(error)}"
        yield Finding(name, "warn", fact, "please report this, with the output of edge-asc info")


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something cannot work."""
    return any(finding.verdict == "fail" for finding in findings)


def finding_text(finding: Finding) -> str:
    """A finding for people: a line, and one for the advice. Commands stay whole, to be copied."""
    line = f"{finding.verdict:4}  {finding.check:{CHECK_WIDTH}}  {finding.fact}"
    return f"{line}\n{'':{6 + CHECK_WIDTH}}  -> {finding.advice}" if finding.advice else line


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
