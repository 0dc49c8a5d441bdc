"""Tables of sizes: the figures are those of the counts, a row for each model."""

import csv
import json
from pathlib import Path

import pytest

from command import Cli
from edge_asc.budget.rules import RULES
from tiny_models import write_model


def test_a_row_for_each_model(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # short names stay on one line
    files = [Path("a.tflite"), Path("b.tflite")]
    for file, precision in zip(files, ("float32", "int8"), strict=True):
        write_model(file, precision=precision)
    made = tmp_path / "sizes.csv", tmp_path / "sizes.tex"
    code, out, err = cli("budget", *files, "--summary", "--csv", made[0], "--latex", made[1])
    assert code == 0, err
    lines = [line for line in out.splitlines() if ".tflite" in line]
    assert len(lines) == 4 and all(rule in out for rule in RULES)
    with made[0].open() as file:
        rows = list(csv.DictReader(file))
    code, out, _ = cli("budget", *files, "--rule", "all", "--json")
    for row, report in zip(rows, json.loads(out), strict=True):
        for name in ("parameters", "file_bytes", "macs_per_s", "peak_activation_bytes"):
            assert int(row[name]) == report[name]
        for rule, judged in report["rules"].items():
            assert (row[rule] == "inside") == judged["ok"]
    assert made[1].read_text().count(r"\\") == 6  # of sizes and of rules a header and two rows


def test_a_rule_that_is_broken_still_decides_the_exit_code(tmp_path: Path, cli: Cli) -> None:
    file = write_model(tmp_path / "a.tflite")
    made = tmp_path / "sizes.csv"
    code, _, _ = cli("budget", file, "amfm-full", "--csv", made, "--rule", "dcase2024")
    assert code == 3 and "over: bytes, MACs" in made.read_text()
