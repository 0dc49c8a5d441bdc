"""From a trained run to files that keep their budget and agree with torch, or to no file at all."""

import json
import re
import shutil
import signal
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from command import Cli
from edge_asc.audio.decode import load_audio
from edge_asc.budget.rules import RULES, OverBudget
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export import run as exporter
from edge_asc.export.count import budget_of
from edge_asc.export.model_file import ModelFile
from edge_asc.export.parity import MOST_RELATIVE, MOST_STEPS, ParityError
from edge_asc.export.run import deployment_graph, export_run
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.graph import Graph
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Format, Metadata, Precision, Weights, read_metadata
from edge_asc.training.run_folder import read_run
from edge_asc.training.step import SceneModule
from warm_start import Started

FORMATS: tuple[Format, ...] = get_args(Format)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
N_TEST_CLIPS = 40  # of one fold


@pytest.fixture(scope="module", params=["qat", "ptq"])
def quantised_run(
    request: pytest.FixtureRequest, trained_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of the trained run with all weights; the folder bears the name of int8's method."""
    folder = shutil.copytree(trained_run, tmp_path_factory.mktemp("quantised") / request.param)
    quantize_run(folder, ptq=request.param == "ptq", progress=False)
    for weights in WEIGHTS[1:]:
        overrides = [f"quantize.weights={weights}"]
        quantize_run(folder, ptq=True, overrides=overrides, progress=False)
    return Path(folder)


@pytest.fixture(scope="module")
def files(quantised_run: Path) -> dict[str, ModelFile]:
    """A run's file of each precision and format, by name."""
    written = [
        file
        for precision in PRECISIONS
        for file in export_run(quantised_run, precision=precision, formats=FORMATS)
    ]
    return {file.path.name: file for file in written}


def files_in(folder: Path) -> list[str]:
    """All files below a folder, temporary ones too."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def test_parity_holds_every_file(quantised_run: Path, files: dict[str, ModelFile]) -> None:
    folder = quantised_run / "export"
    assert set(files_in(folder)) == {*files, "parity.json"}
    assert len(files) == len(FORMATS) * len(PRECISIONS)
    record = json.loads((folder / "parity.json").read_text())
    assert record == {name: file.parity for name, file in files.items()}
    for name, figures in record.items():
        assert figures["clips"] == 16
        assert figures["argmax_agreement"] >= 0.9  # a tie of two int8 logits may fall either way
        if any(weights in name for weights in WEIGHTS):
            assert figures["largest_difference_steps"] <= MOST_STEPS
        else:
            assert figures["largest_difference_relative"] <= MOST_RELATIVE
            assert figures["largest_difference_steps"] is None


def test_bytes_counted_are_the_bytes_written(
    quantised_run: Path, files: dict[str, ModelFile]
) -> None:
    for file in files.values():
        assert file.bytes == file.path.stat().st_size
        assert budget_of(str(file.path))[0].file_bytes == file.bytes
    for precision in PRECISIONS:
        written = [file.bytes for name, file in files.items() if precision in name]
        assert budget_of(str(quantised_run), precision)[0].file_bytes == max(written)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_float32_file_scores_as_torch(
    file_format: Format, quantised_run: Path, files: dict[str, ModelFile], scenes: Path
) -> None:
    from_torch = evaluate(quantised_run, scenes)
    from_file = evaluate(files[f"{quantised_run.name}-float32.{file_format}"].path, scenes)
    assert from_torch.figures["fold"] == from_file.figures["fold"] == 1
    assert from_torch.figures["accuracy"] >= 0.3  # chance is 0.1: there is something to disagree on
    # One clip, whose two best scenes may be as good as equal.
    assert (from_torch.scene.argmax(1) != from_file.scene.argmax(1)).sum() <= 1
    for key in ("correct", "clips"):
        assert from_torch.figures[key] == pytest.approx(from_file.figures[key], abs=1)


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_int8_file_scores_as_the_quantisation_said(
    file_format: Format, quantised_run: Path, files: dict[str, ModelFile], scenes: Path
) -> None:
    said = json.loads((quantised_run / "quantized" / "metrics.json").read_text())
    assert said["method"] == quantised_run.name
    assert said["epochs"] == (1 if said["method"] == "qat" else 0)
    found = evaluate(files[f"{quantised_run.name}-int8.{file_format}"].path, scenes).figures
    assert said["test"]["clips"] == found["clips"] == N_TEST_CLIPS
    # Of logits in steps of the grid, two are equal now and then.
    assert found["accuracy"] == pytest.approx(said["test"]["accuracy"], abs=1.01 / N_TEST_CLIPS)


def test_int8_files_agree_on_what_is_not_a_tie(
    quantised_run: Path, files: dict[str, ModelFile], scenes: Path
) -> None:
    classifiers = [Classifier.load(files[f"{quantised_run.name}-int8.{f}"].path) for f in FORMATS]
    frontend = classifiers[0].frontend
    clips = open_dataset(scenes).clips
    features = [frontend.features(load_audio(c.path, frontend.sample_rate_hz)) for c in clips]
    tflite, onnx = (np.stack([c.logits(f)[0] for f in features]) for c in classifiers)
    graph = deployment_graph(quantised_run, "int8")
    first, second = np.sort(tflite, axis=1)[:, :-3:-1].T
    clear = first - second > 1.01 * graph.grids[graph.outputs["scene"]].scale
    assert clear.sum() >= 150  # of 200: most clips are no tie
    assert (tflite.argmax(1) == onnx.argmax(1))[clear].mean() >= 0.99


def test_cards_are_complete(quantised_run: Path, files: dict[str, ModelFile]) -> None:
    described = read_run(quantised_run)
    for name, file in files.items():
        metadata = read_metadata(file.path)
        assert (metadata.name, metadata.labels) == ("compact-int8", described.labels)
        assert metadata.abstract_labels == described.abstract_labels != []
        frontend = FrontEnd.from_dict(metadata.frontend)
        assert frontend == described.front_end()
        assert len(frontend.mean) == len(frontend.std) == frontend.n_mels
        assert metadata.clip_s == 0.5
        assert name == f"{quantised_run.name}-{metadata.precision}{file.path.suffix}"
        assert metadata.budget == {"rule": "edge-128k", "enforced": True}
        assert metadata.warnings == []
        check_provenance(metadata, quantised_run.name)


def check_provenance(metadata: Metadata, method: str) -> None:
    keys = {"dataset", "data_licence", "fold", "seed", "date", "git", "edge_asc", "torch"}
    if metadata.precision in WEIGHTS:
        assert metadata.provenance["quantised"] == (
            method if metadata.precision == "int8" else "ptq"
        )
        keys |= {"quantised", "nncf"}
    assert set(metadata.provenance) == keys
    assert (metadata.provenance["fold"], metadata.provenance["seed"]) == (1, 0)
    assert metadata.provenance["torch"] == torch.__version__


def test_files_name_no_path_of_this_machine(files: dict[str, ModelFile], scenes: Path) -> None:
    places = [str(scenes.parent), str(Path.home()), str(Path(__file__).parents[2]), sys.prefix]
    for file in files.values():
        content = file.path.read_bytes()
        assert not [place for place in places if len(place) > 1 and place.encode() in content]


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default rule with a limit that nothing keeps."""
    rule = RULES["edge-128k"]
    limits = tuple(replace(limit, most=5000) for limit in rule.limits)
    monkeypatch.setitem(RULES, "edge-128k", replace(rule, limits=limits))


@pytest.mark.usefixtures("tight")
def test_over_budget_writes_nothing(run: Path) -> None:
    before = files_in(run)
    with pytest.raises(OverBudget, match=r"over edge-128k: whole file: [\d,]+ of at most 5,000"):
        export_run(run, precision="float32", formats=FORMATS)
    assert files_in(run) == before


def test_over_budget_of_the_command_is_exit_code_3(cli: Cli, run: Path) -> None:
    before = files_in(run)
    # That rule allows no weight outside int8.
    arguments = ("export", run, "--fp16", "--format", "all", "--rule", "dcase2022")
    code, out, err = cli(*arguments)
    assert (code, out) == (3, "")
    assert re.match(r"edge-asc: .* is over dcase2022: .*weights not in int8", err)
    assert "CONV_2D" in err and "peak activations" in err  # where the bytes are
    assert files_in(run) == before
    code, out, _ = cli(*arguments, "--no-enforce")
    assert code == 0
    for file_format in FORMATS:
        path = run / "export" / f"{run.name}-float16.{file_format}"
        assert f"{path}  {path.stat().st_size:,} bytes" in out
        metadata = read_metadata(path)
        assert metadata.budget == {"rule": "dcase2022", "enforced": False}
        assert any(
            line.startswith("over dcase2022: weights not in int8") for line in metadata.warnings
        )


@pytest.mark.usefixtures("tight")
def test_bytes_over_the_limit_are_told_with_what_would_fit(cli: Cli, run: Path) -> None:
    code, _, err = cli("export", run, "--fp32")
    assert code == 3
    assert "leave room for:" in err and "parameters in int8" in err


def test_a_file_never_takes_the_place_of_another(cli: Cli, run: Path) -> None:
    arguments = ("export", run, "--fp16", "--format", "all")
    path = run / "export" / f"{run.name}-float16.tflite"
    code, out, _ = cli(*arguments, "--json")
    assert code == 0
    written = json.loads(out)
    assert [each["file"] for each in written] == [str(path), str(path.with_suffix(".onnx"))]
    assert written[0]["file_bytes"] == path.stat().st_size
    record = json.loads((path.parent / "parity.json").read_text())
    assert record == {Path(each["file"]).name: each["parity"] for each in written}
    whole = path.read_bytes()
    assert cli(*arguments)[0] == 0  # the same once more
    path.write_bytes(b"calibrated")
    path.with_suffix(".onnx").unlink()
    code, out, err = cli(*arguments)
    assert (code, out) == (1, "")
    assert err == f"edge-asc: {path} is there and differs: --overwrite, or --out DIR\n"
    assert path.read_bytes() == b"calibrated"
    assert not path.with_suffix(".onnx").exists()  # all or none
    assert cli(*arguments, "--overwrite")[0] == 0
    assert path.read_bytes() == whole


def test_int8_needs_a_quantised_run(cli: Cli, run: Path) -> None:
    code, out, err = cli("export", run, "--int8")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"edge-asc: [^\n]*`edge-asc quantize [^\n]+`[^\n]*--ptq[^\n]*\n", err)
    assert not (run / "export").exists()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_that_disagrees_with_torch_is_not_left(
    file_format: Format,
    precision: Precision,
    quantised_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporter, "write_file", with_scenes_moved(exporter.write_file))
    with pytest.raises(ParityError, match=r"differs from torch by .* nothing was written"):
        export_run(quantised_run, precision=precision, formats=[file_format], out=tmp_path / "out")
    assert files_in(tmp_path) == []


def with_scenes_moved(write: Callable[..., bytes]) -> Callable[..., bytes]:
    """A writer that gives every scene the weights of its neighbour."""

    def write_other(graph: Graph, *arguments: Any) -> bytes:
        graph = deepcopy(graph)
        head = graph.producer(graph.outputs["scene"])
        assert head is not None
        head.tensors["weight"] = np.roll(head.tensors["weight"], 1, axis=0)
        return write(graph, *arguments)

    return write_other


def test_precision_and_rule_are_the_presets_unless_they_are_given(run: Path) -> None:
    path = run / "run.json"
    description = json.loads(path.read_bytes())
    description["config"] |= {"precision": "float16", "rule": "dcase2022"}
    path.write_text(json.dumps(description))
    (file,) = export_run(run, enforced=False)
    metadata = read_metadata(file)
    assert (metadata.precision, metadata.budget["rule"]) == ("float16", "dcase2022")
    (file,) = export_run(run, precision="float32", rule="edge-128k")
    metadata = read_metadata(file)
    assert (metadata.precision, metadata.budget["rule"]) == ("float32", "edge-128k")


def test_unknown_format_and_rule_are_told(run: Path) -> None:
    with pytest.raises(ValueError, match="format 'coreml' is not one of tflite, onnx"):
        export_run(run, precision="float32", formats=["coreml"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"precision 'int16' is not one of float32.*mean int8"):
        export_run(run, precision="int16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rule 'dcase1999' is not one of"):
        export_run(run, precision="float32", rule="dcase1999")


def test_quantising_twice_is_refused(cli: Cli, quantised_run: Path) -> None:
    before = (quantised_run / "quantized" / "weights.pt").read_bytes()
    code, out, err = cli("quantize", quantised_run, "--ptq")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"edge-asc: .*quantized is there already; delete it .*\n", err)
    assert quantize_run(quantised_run, resume=True) == quantised_run / "quantized"
    assert (quantised_run / "quantized" / "weights.pt").read_bytes() == before


# Two epochs of eight steps; the process is killed in the second, after the checkpoint of the first.
KILLED = """
import os, signal
from edge_asc.cli.app import main
from edge_asc.training.step import SceneModule
step, steps = SceneModule.training_step, []
def training_step(*arguments):
    steps.append(0)
    if len(steps) == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
SceneModule.training_step = training_step
main()
"""
SETTINGS = ("--set", "quantize.epochs=2", "--set", "quantize.batch_size=16")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every training step in this process."""
    counted: list[int] = []
    step = SceneModule.training_step

    def training_step(self: SceneModule, batch: Any, index: int) -> Any:
        counted.append(index)
        return step(self, batch, index)

    monkeypatch.setattr(SceneModule, "training_step", training_step)
    return counted


def test_killed_quantisation_resumes_to_the_same_weights(
    cli: Cli, run: Path, tmp_path: Path, steps: list[int]
) -> None:
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    code, _, _ = cli("quantize", whole, *SETTINGS)
    assert code == 0
    n_steps = len(steps)
    killed = Started(KILLED, "quantize", run, *SETTINGS)
    assert killed.ended() == -signal.SIGKILL, killed.errors
    assert (run / "quantized" / "last.ckpt").is_file()
    assert not (run / "quantized" / "weights.pt").exists()
    code, out, err = cli("export", run, "--int8")
    assert (code, out) == (1, "") and "edge-asc quantize" in err
    code, _, err = cli("quantize", run, *SETTINGS)
    assert code == 1 and "was interrupted: go on with --resume" in err
    code, _, err = cli("quantize", run, "--resume", "--set", "quantize.epochs=5")
    assert code == 1 and "was started with other settings" in err
    code, out, _ = cli("quantize", run, "--resume")  # the settings are those it was started with
    assert code == 0 and "accuracy" in out
    assert len(steps) - n_steps == n_steps // 2  # the second epoch alone
    expected, found = (
        torch.load(folder / "quantized" / "weights.pt", weights_only=True)
        for folder in (whole, run)
    )
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name
    assert set(files_in(run / "quantized")) == set(files_in(whole / "quantized"))
