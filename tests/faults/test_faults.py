"""A seeded share of each fault of `bench/faults`: nothing that should not have happened.

In processes of their own, as the programs there must be: they fork.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from virtual_mic import MISSING

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "faults"
LIMIT_S = 600
SEED = 20_000  # another one than that of the published table
SHARE = {"bits": 500, "graphs": 60, "metadata": 80, "audio": 250, "kills": 6}
SHARE |= {"idle": 120, "half": 30, "microphone": 3, "controls": 1}


@pytest.mark.parametrize("name", SHARE)
def test_nothing_goes_wrong(name: str, tmp_path: Path) -> None:
    if name == "microphone" and MISSING is not None:
        pytest.skip(MISSING)  # names the sound server that is not installed
    found = tmp_path / "found.json"
    words = [name, "--tries", SHARE[name], "--seed", SEED, "--json", found]
    done = subprocess.run(
        [sys.executable, PROGRAM, *map(str, words)],
        env={**os.environ, "EDGE_ASC_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counted = json.loads(found.read_text())["counts"]
    assert sum(counted.values()) >= SHARE[name]


def test_the_table_has_a_row_for_each_fault_that_was_tried(tmp_path: Path) -> None:
    found = {"fault": "x", "tries": 7, "counts": {"refused": 6, "answered": 1}, "wrong": 1}
    (tmp_path / "bits.json").write_text(json.dumps(found))
    command = [sys.executable, PROGRAM, "table", tmp_path]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (row,) = printed.splitlines()[2:]
    assert "| 7 | 0 answered, 0 signals | **1 wrong.** 1 answered, 0 signals; 6 refused |" in row
