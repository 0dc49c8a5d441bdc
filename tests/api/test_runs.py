"""Runs as objects: what lies in the folder, and networks of one's own in place of a preset's."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

import edge_asc as ea
import own_networks
from edge_asc.config.schema import Config, load_preset
from edge_asc.export.parity import MOST_STEPS
from own_networks import Net, TwoHeads
from small_run import N_FRAMES, N_MELS, SMALL
from warm_start import Started

TESTS = str(Path(own_networks.__file__).parent)  # in which they can be imported


def small(*overrides: str) -> Config:
    """A preset on inputs so small that a run takes seconds."""
    return load_preset("nano", [*SMALL, *overrides])


def test_a_run_is_what_lies_in_its_folder(run: Path, scenes: Path) -> None:
    ours = ea.Run(run)
    assert ours.metrics == json.loads((run / "metrics.json").read_text())
    epochs = [row["epoch"] for row in ours.history]
    assert epochs == list(range(1, ours.config.train.epochs + 1))
    assert ours.history[-1]["train_loss"] < ours.history[0]["train_loss"]
    network = ours.network()
    weights = torch.load(run / "weights.pt", weights_only=True)
    assert not network.training
    assert all(torch.equal(v, weights[k]) for k, v in network.state_dict().items())
    found = ea.evaluate(ours, scenes)
    file = ours.quantize(ptq=True, range_clips=8, progress=False).export("int8")
    assert ours.metrics["int8"]["method"] == "ptq"
    settings = msgspec.json.decode((run / "quantized" / "quantize.json").read_bytes())
    assert settings["config"]["quantize"]["range_clips"] == 8
    assert file.parity["largest_difference_steps"] <= MOST_STEPS
    assert file.bytes == os.stat(file.path).st_size == ea.complexity(file).bytes
    dataset = ea.open_dataset(scenes)
    measured = ea.evaluate(file, dataset, fold=1)
    truth = [measured.labels.index(clip.label) for clip in measured.clips]
    assert measured.accuracy == (measured.scene.argmax(1) == truth).mean()
    assert found.accuracy > 0.2 < measured.accuracy  # it has learnt; chance is 0.1
    with pytest.raises(ValueError, match=r"did you mean quantize\.epochs"):
        ours.quantize(epoch=3)


@pytest.mark.slow
def test_an_importable_network_of_ones_own_is_known_to_the_command(
    scenes: Path, tmp_path: Path
) -> None:
    run = ea.train(small(), scenes, fold=1, model=Net, out=tmp_path, name="own", progress=False)
    assert run.config.model.name == "own_networks:Net"
    assert isinstance(run.network(), Net)
    for verb in (["quantize", "--ptq"], ["export", "--int8"]):
        done = Started("edge_asc", verb[0], run.path, *verb[1:])
        assert done.ended() == 0, done.errors
    (file,) = (run.path / "export").glob("*.tflite")
    assert len(ea.load(file).labels) == 10
    done = Started("edge_asc", "export", run.path, "--int8", without=[TESTS])
    assert done.ended() == 1 and done.errors.count("\n") == 1
    assert "is its folder on PYTHONPATH?" in done.errors


@pytest.mark.slow
def test_an_object_is_found_again_in_its_process(scenes: Path, tmp_path: Path) -> None:
    mine = Net(10)
    before = {k: v.clone() for k, v in mine.state_dict().items()}
    options = {"fold": 1, "out": tmp_path, "name": "own", "progress": False}
    run = ea.train(small(), scenes, model=mine, **options)
    assert all(torch.equal(v, before[k]) for k, v in mine.state_dict().items())  # a copy trained
    trained = run.network()
    assert isinstance(trained, Net) and not torch.equal(trained.out.weight, mine.out.weight)
    file = run.quantize(ptq=True, progress=False).export("int8")
    assert file.parity["argmax_agreement"] > 0.8
    ours, theirs = ea.evaluate(run, scenes), ea.evaluate(file, scenes, fold=1)
    truth = [ours.labels.index(clip.label) for clip in ours.clips]
    assert ours.accuracy == (ours.scene.argmax(1) == truth).mean()
    assert (ours.scene.argmax(1) == theirs.scene.argmax(1)).mean() > 0.8
    assert ea.train(small(), scenes, model=mine, resume=True, **options).path == run.path
    code = """
import sys
import edge_asc as ea
try:
    ea.Run(sys.argv[1]).network()
except ValueError as error:
    print(error)
import own_networks
print(type(ea.Run(sys.argv[1], model=own_networks.Net(10)).network()).__name__)
"""
    done = Started(code, run.path)
    assert done.ended() == 0, done.errors
    error, name = done.output.splitlines()
    assert "was an object of the process that trained it" in error and name == "Net"


def test_a_network_that_does_not_fit_is_refused_before_features(
    scenes: Path, tmp_path: Path
) -> None:
    def refused(model: Any, *overrides: str) -> str:
        with pytest.raises(ValueError) as caught:
            ea.train(small(*overrides), scenes, fold=1, model=model, out=tmp_path, progress=False)
        return str(caught.value)

    assert "gives logits [[1, 7]], the labels ask for [1, 10]" in refused(Net(7))
    assert "gives logits [[1, 10]], the labels ask for [1, 10] and [1, " in refused(
        Net, "model.abstract=true"
    )
    assert f"does not take [1, 1, {N_MELS}, {N_FRAMES}" in refused(
        torch.nn.Sequential(torch.nn.Conv2d(3, 10, 1), torch.nn.AdaptiveAvgPool2d(1))
    )
    assert "made a int, not a torch module" in refused(lambda: 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_heads_of_ones_own(scenes: Path, tmp_path: Path) -> None:
    config = small("model.abstract=true")
    run = ea.train(config, scenes, fold=1, model=TwoHeads, out=tmp_path, progress=False)
    assert len(run.network()(torch.zeros(1, 1, N_MELS, N_FRAMES))) == 2
    file = run.quantize(ptq=True, progress=False).export()
    assert len(ea.load(file).metadata.abstract_labels) == run.network().abstract.out_features
