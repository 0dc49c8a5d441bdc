"""What comes from outside is shown and not obeyed."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from command import Cli
from edge_asc.demo.events import Decision, Notice
from edge_asc.demo.outputs.log.format import FORMATS, Entry
from edge_asc.demo.outputs.log.summary import Summary, print_summary
from edge_asc.demo.outputs.plain import PlainOutput

HOSTILE = "rain\x1b]0;title\x07\x1b[2J\x9b31m\u202egnp\x7f\r\x08"


def obeyed(text: str) -> list[str]:
    """Characters that a terminal does not show, other than the ends of lines."""
    return [c for c in text if not c.isprintable() and c != "\n"]


def test_lines_of_decisions_and_notices() -> None:
    out, notes = io.StringIO(), io.StringIO()
    output = PlainOutput(out=out, notes=notes)
    output.on_decision(
        Decision(
            time_s=0,
            position_s=0,
            scene=HOSTILE,
            abstract=HOSTILE,
            changed=True,
            confidence=1,
            probabilities={},
        )
    )
    output.on_notice(Notice(time_s=0, text=f"{HOSTILE}: went\naway"))
    assert obeyed(out.getvalue() + notes.getvalue()) == []
    assert (out.getvalue() + notes.getvalue()).count("\n") == 2


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_lines_of_a_log(suffix: str) -> None:
    time = "2026-05-04T12:00:05.000+02:00"
    entry = Entry(time=time, event="notice", state="listening", scene=HOSTILE, text=HOSTILE)
    line = FORMATS[suffix].to_line(entry).decode()
    assert "\x1b" not in line
    assert line.count("\n") == 1


def test_the_sum_of_a_log() -> None:
    import datetime

    summary = Summary(days={datetime.date(2026, 5, 4): {HOSTILE: 60.0}})
    summary.left_out.append(Path(f"{HOSTILE}.zst"))
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=200))
    assert obeyed(file.getvalue()) == []


@pytest.mark.parametrize("verb", [["live", "--source"], ["info"], ["log", "summary"]])
def test_a_path_in_an_error(verb: list[str], cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli(*verb, tmp_path / f"{HOSTILE}.jsonl")
    assert code != 0
    assert obeyed(out + err) == []
