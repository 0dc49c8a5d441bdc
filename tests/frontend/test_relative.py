"""Relative features from training to a file's answer: no level of the recording changes it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command import Cli
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export.run import export_run
from small_run import LEARNS, train_run

# Quiet frames would lie at the usual floor, which no gain moves.
RELATIVE = ("frontend.relative=true", "frontend.log_floor=1e-12")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    folder = tmp_path_factory.mktemp("relative") / "run"
    run = train_run(folder, scenes, "compact-int8", *LEARNS, *RELATIVE)
    (exported,) = export_run(run, precision="float32", enforced=False)
    return exported.path


def test_run_and_file_give_the_same_answers(file: Path, scenes: Path) -> None:
    of_run, of_file = evaluate(file.parents[1], scenes), evaluate(file, scenes)
    # The two front ends differ in the last digits of float32.
    np.testing.assert_allclose(of_run.scene, of_file.scene, atol=1e-3)


def test_a_quieter_recording_gets_the_same_answer(file: Path, scenes: Path, tmp_path: Path) -> None:
    quieter = shutil.copytree(scenes, tmp_path / "quieter")
    for path in quieter.rglob("*.wav"):
        audio, rate_hz = soundfile.read(path)
        soundfile.write(path, audio / 16, rate_hz, subtype="DOUBLE")
    as_it_is, quiet = evaluate(file, scenes), evaluate(file, quieter)
    np.testing.assert_allclose(quiet.scene, as_it_is.scene, atol=1e-4)
    assert as_it_is.figures["accuracy"] > 0.3  # what knows nothing answers all clips alike


def test_the_file_says_so(file: Path, cli: Cli) -> None:
    status, out, _ = cli("info", str(file))
    assert status == 0
    assert "log-mel bins relative to their means" in out
