"""Nothing that trains, draws or quantises leaves a file in the home folder, or opens a socket."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        print("SOCKET", event, arguments[1:], flush=True)
sys.addaudithook(watch)
"""
WORK = {
    "a picture": "from edge_asc.plotting import *; save_figure(new_figure(1, 1), sys.argv[1])",
    "NNCF": "from edge_asc.quantize.nncf_setup import import_nncf; import_nncf()",
    "an answer": (
        "import numpy as np, edge_asc as ea;"
        "ea.load('esc10-32k')(np.zeros(44100, np.float32), 44100)"
    ),
}


@pytest.mark.parametrize("work", WORK)
def test_the_home_folder_stays_empty(work: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MPL", "NNCF"))}
    environment = {**kept, "HOME": str(home), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", WATCHED + WORK[work], str(tmp_path / "p.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "SOCKET" not in done.stdout
    assert not list(home.rglob("*"))
