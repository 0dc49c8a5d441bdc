"""A launcher may have closed a standard stream: verbs work, and files keep their bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

import tiny_models


@pytest.mark.parametrize(
    ("closed", "prints"), [("<&-", True), ("2>&-", True), (">&-", False), ("<&- >&- 2>&-", False)]
)
def test_a_verb_runs_with_closed_streams(closed: str, prints: bool, tmp_path: Path) -> None:
    model = tiny_models.write_model(tmp_path / "tiny.tflite")
    command = f'"{sys.executable}" -m edge_asc info "{model}" {closed}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr + done.stdout
    assert ("tiny.tflite" in done.stdout) == prints


def test_a_closed_descriptor_is_given_to_no_file() -> None:
    code = (
        "import os, tempfile; from edge_asc.cli.standard_streams import open_closed;"
        "open_closed(); fd, _ = tempfile.mkstemp(); print('lost'); os.write(fd, b'kept');"
        "os._exit(fd if os.pread(fd, 9, 0) == b'kept' else 99)"
    )
    done = subprocess.run(["bash", "-c", f'"{sys.executable}" -c "{code}" >&-'], check=False)
    assert 3 <= done.returncode < 99
