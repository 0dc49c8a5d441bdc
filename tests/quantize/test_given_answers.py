"""int8 training that learns from answers in a file: what it takes them for, resumed, refused."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.training.step import SceneModule
from small_training import Stop, assert_same_weights, rows

SETTINGS = ("--set", "quantize.epochs=2", "--set", "quantize.batch_size=16")
STOP_AT = 12  # the step, in the second epoch


def answers(path: Path, data: Path, scene: int) -> Path:
    """Teachers that know one scene alone."""
    dataset = open_dataset(data)
    names = [str(clip.path.relative_to(dataset.root)) for clip in dataset.clips]
    logits = np.zeros((len(names), len(dataset.labels)))
    logits[:, scene] = 8.0
    np.savez(path, names=np.array(names), logits=logits)
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(run / "quantized" / "weights.pt", weights_only=True)
    return found


@pytest.mark.slow
def test_the_int8_network_learns_what_it_is_answered(
    run: Path, scenes: Path, tmp_path: Path, cli: Cli
) -> None:
    given = answers(tmp_path / "a.npz", scenes, 3)
    rates = ("quantize.epochs=3", "quantize.learning_rate=3e-2", "train.distill_weight=1.0")
    settings = [word for rate in rates for word in ("--set", rate)]
    code, _, err = cli("quantize", run, "--answers", given, *settings)
    assert code == 0, err
    said = json.loads((run / "quantized" / "quantize.json").read_text())
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    assert said["answers"] == {"file": str(given), "sha256": digest} and said["teachers"] == []
    metrics = json.loads((run / "quantized" / "metrics.json").read_text())
    confusion = np.array(metrics["test"]["confusion"])
    assert confusion[:, 3].sum() > 0.9 * confusion.sum()
    assert cli("export", run, "--int8")[0] == 0


@pytest.mark.slow
def test_resumed_it_ends_as_uninterrupted_and_with_the_same_answers(
    run: Path, scenes: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = answers(tmp_path / "a.npz", scenes, 3)
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    assert cli("quantize", whole, "--answers", given, *SETTINGS)[0] == 0
    step, steps = SceneModule.training_step, []

    def stopping(self: SceneModule, batch: Any, index: int) -> Any:
        steps.append(index)
        if len(steps) == STOP_AT:
            raise Stop
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(SceneModule, "training_step", stopping)
        with pytest.raises(Stop):
            cli("quantize", run, "--answers", given, *SETTINGS)
    assert (run / "quantized" / "last.ckpt").is_file()
    code, _, err = cli("quantize", run, "--resume", "--answers", answers(given, scenes, 4))
    assert code == 1 and "was started with other answers, not with" in err
    answers(given, scenes, 3)
    moved = given.rename(tmp_path / "moved.npz")
    code, _, err = cli("quantize", run, "--resume")
    assert code == 1 and "a.npz" in err and err.count("\n") == 1
    code, _, err = cli("quantize", run, "--resume", "--answers", moved)
    assert code == 0, err
    assert_same_weights(weights(whole), weights(run))
    assert rows(whole / "quantized") == rows(run / "quantized")


def test_what_does_not_go_is_one_line(run: Path, scenes: Path, tmp_path: Path, cli: Cli) -> None:
    given = answers(tmp_path / "a.npz", scenes, 3)
    code, _, err = cli("quantize", run, "--ptq", "--answers", given)
    assert code == 2 and "nothing to learn with --answers" in err
    code, _, err = cli("quantize", run, "--answers", given, "--teacher", run)
    assert (code, err) == (1, "edge-asc: give teachers or their answers, not both\n")
    few = tmp_path / "few.npz"
    np.savez(few, names=np.array(["none.wav"]), logits=np.zeros((1, 10)))
    code, _, err = cli("quantize", run, "--answers", few)
    assert code == 1 and "no answer for" in err and err.count("\n") == 1
    assert not (run / "quantized").exists()
