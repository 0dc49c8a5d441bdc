"""Runs that become one: what their networks say together, and what does not go together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from command import Cli
from edge_asc.config.schema import load_preset
from edge_asc.data.open import open_dataset
from edge_asc.export.run import export_run
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.classifier import Classifier
from edge_asc.training.inputs.examples import load_examples
from edge_asc.training.placement import Placement
from edge_asc.training.run import train
from edge_asc.training.run_folder import load_network, read_run
from edge_asc.training.start_from.members import join_runs
from small_run import SMALL

SAME = ("data.val_fraction=0",)


def trained(
    folder: Path, scenes: Path, *overrides: str, fold: int = 1, seed: int = 0, **more: Path
) -> Path:
    config = load_preset("nano", [*SMALL, *SAME, *overrides])
    return train(
        config, open_dataset(scenes), fold, folder, seed=seed, progress=False,
        placement=Placement(accelerator="cpu"), **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> list[Path]:
    """One network begun twice, and two that went on from the first."""
    root = tmp_path_factory.mktemp("members")
    wider = "model.options={channels = [8, 8, 12], reduction = 4}"
    first = trained(root / "first", scenes)
    return [
        first,
        trained(root / "second", scenes, wider, seed=1),
        trained(root / "on1", scenes, seed=1, init=first),
        trained(root / "on2", scenes, seed=2, init=first),
    ]


@torch.no_grad()
def test_together_they_say_the_mean(runs: list[Path], tmp_path: Path) -> None:
    both = join_runs(runs[:2], tmp_path / "both")
    x = torch.from_numpy(load_examples(both))[:, None]
    said = [load_network(run)(x) for run in (*runs[:2], both)]
    for a, b, mean in zip(*said, strict=True):
        torch.testing.assert_close(mean, (a + b) / 2)
    run = read_run(both)
    assert [part["seed"] for part in run.provenance["joined"]] == [0, 1]
    assert run.settings().model.name == "members"


def test_their_file_agrees_and_is_less_than_two(runs: list[Path], tmp_path: Path) -> None:
    both = join_runs(runs[:2], tmp_path / "both")
    quantize_run(both, ptq=True, progress=False)
    (file,) = export_run(both, precision="int8")
    alone = 0
    for run in runs[:2]:
        if not (run / "quantized").exists():
            quantize_run(run, ptq=True, progress=False)
        alone += export_run(run, precision="int8")[0].path.stat().st_size
    assert file.path.stat().st_size < alone  # one front end, one card
    assert Classifier.load(file.path).labels == read_run(both).labels


@torch.no_grad()
def test_a_mean_of_weights_is_one(runs: list[Path], tmp_path: Path) -> None:
    mean = load_network(join_runs(runs[2:], tmp_path / "mean", average=True)).state_dict()
    a, b = (load_network(run).state_dict() for run in runs[2:])
    for name, value in mean.items():
        if value.is_floating_point():
            np.testing.assert_allclose(value, (a[name] + b[name]) / 2, rtol=1e-6)
    with_trunk = join_runs([runs[0], runs[2]], tmp_path / "trunk", average=True)
    assert load_network(with_trunk).state_dict().keys() == mean.keys()
    began = {read_run(run).init for run in (*runs[2:], tmp_path / "mean", with_trunk)}
    assert began == {str(runs[0])}
    assert read_run(join_runs(runs[1:3], tmp_path / "members")).init == ""


def test_what_does_not_go_together_is_said(
    runs: list[Path], tmp_path: Path, scenes: Path, cli: Cli
) -> None:
    mels = trained(tmp_path / "mels", scenes, "frontend.n_mels=24")
    fold = trained(tmp_path / "fold", scenes, fold=2)
    split = trained(tmp_path / "split", scenes, "data.val_fraction=0.25", seed=5)
    both = join_runs(runs[:2], tmp_path / "both")
    nested = join_runs([both, runs[2]], tmp_path / "nested")
    wrong = {
        (runs[0],): "join takes two runs or more, found 1",
        (runs[0], runs[1], runs[0]): "join takes each run once",
        (both, runs[1]): "join takes each run once",
        (runs[0], nested): "join takes each run once",
        (runs[0], mels): "do not hear the same features: n_mels, mean, std",
        (runs[0], fold): "do not go together: fold: 1 and 2",
        (runs[0], split): "train with data.val_fraction=0",
        (runs[0], tmp_path / "none"): "is not a run folder",
        (runs[0], runs[1], "--average"): "needs runs with one --init",
    }
    for words, message in wrong.items():
        out = tmp_path / "out"
        code, _, said = cli("join", *words, "--out", out)
        assert code == 1 and said.count("\n") == 1
        assert message in said
        assert not out.exists()
    code, _, said = cli("join", *runs[:2], "--out", runs[0])
    assert code == 1 and "holds a run already" in said


def test_a_joined_run_was_not_trained(runs: list[Path], tmp_path: Path, cli: Cli) -> None:
    both = join_runs(runs[:2], tmp_path / "both")
    code, _, said = cli("train", "--like", both, "--out", tmp_path, "--name", "again")
    assert code == 1 and said.count("\n") == 1
    assert "was joined, not trained" in said and all(str(run) in said for run in runs[:2])
    assert not (tmp_path / "again").exists()
