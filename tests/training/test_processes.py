"""Training as a program: killed without warning, or spread over two processes."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import small_training as program
from small_training import assert_same_weights, rows, small_network
from warm_start import Started

pytestmark = pytest.mark.slow

PROGRAM = Path(program.__file__)


def start(folder: Path, epochs: int, *more: str) -> Started:
    return Started(str(PROGRAM), folder, epochs, 1, *more, environment={"OMP_NUM_THREADS": "1"})


def finish(process: Started) -> None:
    assert process.ended() == 0, process.errors


def test_killed_process_resumes_to_the_same_weights(tmp_path: Path) -> None:
    epochs = 8
    killed = start(tmp_path / "killed", epochs)
    whole = start(tmp_path / "whole", epochs)
    deadline = time.monotonic() + 200
    while not (tmp_path / "killed" / "last.ckpt").exists():
        assert killed.runs() and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)  # into the next epoch, which takes a quarter of a second
    killed.kill()
    assert 1 <= len(rows(tmp_path / "killed")) < epochs
    finish(start(tmp_path / "killed", epochs, "resume"))
    finish(whole)
    files = [tmp_path / name / "final.pt" for name in ("killed", "whole")]
    weights = [torch.load(file, weights_only=True) for file in files]
    assert_same_weights(*weights)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    assert not list((tmp_path / "whole").glob(".*"))  # no temporary file stays


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    paths = [str(PROGRAM.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, PROGRAM, tmp_path, "3", "2", "gradnorm"]  # it starts itself again
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    losses = [float(r["train_loss"]) for r in rows(tmp_path)]
    assert len(losses) == 3 and all(map(math.isfinite, losses))
    weights = torch.load(tmp_path / "final.pt", weights_only=True)
    small_network().load_state_dict(weights)
    learnt = [float(rows(tmp_path)[-1][name]) for name in ("scene_weight", "abstract_weight")]
    assert sum(learnt) == pytest.approx(2) and learnt[0] != learnt[1]
    assert not torch.equal(weights["conv.weight"], small_network().conv.weight)
