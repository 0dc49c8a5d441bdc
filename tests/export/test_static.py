"""Files without a dynamic axis: the same answers at one length, and one clear line at any other."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import edge_asc as ea
from command import Cli
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.tflite.schema import Subgraph, read_subgraphs
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.run import export_run
from edge_asc.export.static import of_length
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.export.write import static_files
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.graph.trunk import read_trunk
from edge_asc.quantize import qat
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import METADATA_KEY, entries_of, metadata_from_json, read_metadata
from edge_asc.runtime.sessions import OPENERS
from edge_asc.runtime.zoo.models import model_path
from networks import ANY_LENGTH, CASES, Case

OF_ANY_LENGTH = [case for case in CASES if case.name in ANY_LENGTH]
FLAT = ("full", "sequential", "conventional")  # of one length in any file
RATE_HZ = 8000  # of the run's features
NOISE = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE_HZ)).astype(np.float32)
ZOO = ["esc10-32k", "encoder"]


def graph_of(case: Case, precision: str) -> Graph:
    graph = case.graph()
    return qat.dummy_quantised(graph) if precision == "int8" else graph


def main_graph(data: bytes) -> Subgraph:
    return read_subgraphs(data)[0]


def arena_bytes(data: bytes) -> int:
    return inventory_of_file(data, audio_s=1.0).peak_activation_bytes


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("case", OF_ANY_LENGTH, ids=str)
def test_answers_are_those_of_the_dynamic_file(case: Case, precision: str) -> None:
    """Bit for bit: neither the order of tensors nor a copy of a padded map changes a number."""
    graph = graph_of(case, precision)
    dynamic = to_tflite(graph, case.n_frames)
    static = to_tflite(graph, case.n_frames, static=True)
    for tensor in main_graph(static).tensors:
        assert tensor.signature == tensor.shape
    assert -1 in main_graph(dynamic).tensors[main_graph(dynamic).inputs[0]].signature
    assert arena_bytes(static) <= arena_bytes(dynamic) * (1.5 if strides_far(case) else 1)
    both = OPENERS["litert"](static, 1), OPENERS["litert"](dynamic, 1)
    for features in case.inputs()[:, 0].numpy():
        ours, theirs = (session.run(features) for session in both)
        for name, logits in theirs.items():
            np.testing.assert_array_equal(ours[name], logits)


def strides_far(case: Case) -> bool:
    """Whether a copy of the padded input is written, which counts in a network so small."""
    return case.options.get("stem_stride", 2) > 3


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("case", [c for c in CASES if c.name not in FLAT], ids=str)
def test_a_static_file_read_and_written_again_is_the_same_file(case: Case, precision: str) -> None:
    file = to_tflite(graph_of(case, precision), case.n_frames, {"a": b"1"}, static=True)
    graph, n_frames = from_tflite(file)
    assert to_tflite(graph, n_frames, entries_of(file)) == file


@pytest.mark.parametrize("name", ZOO)
def test_also_a_real_network_of_the_zoo(name: str) -> None:
    data = model_path(name).read_bytes()
    graph, n_frames = from_tflite(data)
    static = to_tflite(graph, n_frames, entries_of(data), static=True)
    again, _ = from_tflite(static)
    assert to_tflite(again, n_frames, entries_of(static)) == static
    assert arena_bytes(static) <= arena_bytes(data)
    both = OPENERS["litert"](static, 1), OPENERS["litert"](data, 1)
    draw = np.random.default_rng(0)
    for _ in range(8):
        features = draw.standard_normal((graph.n_mels, n_frames)).astype(np.float32)
        ours, theirs = (session.run(features)["scene"] for session in both)
        np.testing.assert_array_equal(ours, theirs)


def test_an_onnx_file_takes_one_clip_of_one_length() -> None:
    case = OF_ANY_LENGTH[0]
    model = onnx.load_from_string(to_onnx(case.graph(), case.n_frames, static=True))
    sizes = [[d.dim_value for d in v.type.tensor_type.shape.dim]
             for v in (*model.graph.input, *model.graph.output)]  # fmt: skip
    assert sizes == [[1, 1, case.n_mels, case.n_frames], [1, 10]]


def test_examples_of_another_length() -> None:
    features = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert of_length(features, 3).tolist() == features[..., :3].tolist()
    assert of_length(features, 6)[0, 0].tolist() == [0, 1, 2, 3, 0, 1]


@pytest.fixture(scope="module")
def quantised(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(trained_run, tmp_path_factory.mktemp("static") / "run")
    quantize_run(folder, ptq=True, progress=False)
    return Path(folder)


@pytest.mark.parametrize("file_format", ["tflite", "onnx"])
def test_a_run_becomes_a_static_file(quantised: Path, file_format: Any, scenes: Path) -> None:
    (static,) = export_run(quantised, precision="int8", formats=[file_format], static=True)
    (dynamic,) = export_run(quantised, precision="int8", formats=[file_format])
    assert static.path.name == f"run-int8-static.{file_format}"
    metadata, other = read_metadata(static.path), read_metadata(dynamic.path)
    assert metadata.frames == ea.load(static.path).window_frames and other.frames is None
    assert metadata.clip_s == other.clip_s
    heard = [ea.load(file.path)(NOISE, RATE_HZ) for file in (static, dynamic)]
    assert len(heard[0].windows) == len(heard[1].windows) > 1  # longer than a window
    np.testing.assert_array_equal(heard[0].probabilities, heard[1].probabilities)
    found, expected = (evaluate(file.path, scenes, crops="3") for file in (static, dynamic))
    np.testing.assert_array_equal(found.scene, expected.scene)
    counted = inventory_of_file(static.path)
    assert counted.audio_s == metadata.clip_s and not counted.missing


def test_another_window(quantised: Path, tmp_path: Path) -> None:
    """The file hears what the network hears at that length, in streams and clips too."""
    run = ea.Run(quantised)
    dynamic = Classifier.load(run.export("int8", out=tmp_path).path)
    for window_s in (0.3, 1.0):
        file = run.export("int8", static=True, window_s=window_s, out=tmp_path, overwrite=True)
        static = Classifier.load(file.path)
        assert static.window_s == window_s and static.metadata.frames == static.window_frames
        features = static.frontend.features(NOISE[: static.window_samples])
        np.testing.assert_array_equal(static.logits(features)[0], dynamic.logits(features)[0])
        answers = static.stream(sample_rate_hz=RATE_HZ).feed(NOISE)
        assert answers[0].end_s == pytest.approx(window_s)
        short = static(NOISE[: static.window_samples // 2], RATE_HZ)
        assert len(short.windows) == 1  # filled up with silence


def test_other_lengths_are_one_clear_line(quantised: Path, scenes: Path, cli: Cli) -> None:
    (file,) = export_run(
        quantised, precision="int8", static=True, window_s=0.3, out=quantised / "short"
    )
    frames = read_metadata(file.path).frames
    with pytest.raises(ValueError, match=rf"a static file, which takes {frames} frames .* not 7$"):
        Classifier.load(file.path).logits(np.zeros((32, 7), np.float32))
    code, _, err = cli("evaluate", file.path, "--data", scenes, "--crops", "1")
    assert code == 1 and err.count("\n") == 1 and "a static file, which takes" in err
    code, _, err = cli("budget", file.path, "--frames", "7")
    assert code == 1 and err.count("\n") == 1 and "fixed shape" in err
    code, out, _ = cli("info", file.path)
    assert code == 0 and f"0.3 s; static: {frames} frames and no other number" in out


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--window", "1"], "--window goes with --static", 2),
        (["--static", "--window", "0"], "a window of 0 s; legal are 0.032 (", 1),
        (["--static", "--window", "0.01"], "a frame of the front end takes 32 ms) to 120 s", 1),
        (["--static", "--window", "121"], "to 120 s", 1),
        (["--static", "--window", "nan"], "to 120 s", 1),
    ],
)
def test_windows_that_cannot_be(
    options: list[str], said: str, code: int, quantised: Path, tmp_path: Path, cli: Cli
) -> None:
    found, _, err = cli("export", quantised, "--int8", "--out", tmp_path / "out", *options)
    assert found == code and said in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_a_static_file_on_the_command_line(quantised: Path, tmp_path: Path, cli: Cli) -> None:
    options = ("--static", "--window", "0.4", "--format", "all", "--json", "--out", tmp_path)
    code, out, err = cli("export", quantised, "--int8", "--rule", "edge-128k-ram256k", *options)
    assert code == 0, err
    assert [Path(file["file"]).name for file in json.loads(out)] == [
        "run-int8-static.tflite", "run-int8-static.onnx"]  # fmt: skip
    metadata = read_metadata(tmp_path / "run-int8-static.tflite")
    assert (metadata.clip_s, metadata.budget["rule"]) == (0.4, "edge-128k-ram256k")


def test_static_files_of_networks_of_ones_own(tmp_path: Path) -> None:
    """With and without what a file says of itself."""
    case = OF_ANY_LENGTH[0]
    graph, frontend = case.graph(), ea.FrontEnd(
        sample_rate_hz=8000, n_fft=512, win_length=256, hop_length=160, n_mels=case.n_mels,
        normalization="none",
    )  # fmt: skip
    labels = [f"scene {number}" for number in range(10)]
    examples = case.inputs(2, n_frames=80).numpy()
    file = ea.write_tflite(graph, tmp_path / "m.tflite", labels=labels, frontend=frontend,
                           window_s=1.0, static=True, examples=examples)  # fmt: skip
    assert file.parity["clips"] == 2
    assert read_metadata(file.path).frames == frontend.frames_in(1.0) == 51
    with pytest.raises(ValueError, match=r"a static file takes one length .*: say n_frames"):
        ea.write_tflite(graph, tmp_path / "none.tflite", static=True)
    assert not (tmp_path / "none.tflite").exists()
    bare = ea.write_onnx(graph, tmp_path / "m.onnx", n_frames=60, static=True)
    assert METADATA_KEY not in entries_of(bare.path.read_bytes())


def test_a_file_of_the_zoo_becomes_static(tmp_path: Path, cli: Cli) -> None:
    """No run is needed, and a name of its own keeps the file from the other's place."""
    code, out, err = cli("export", "esc10-32k", "--static", "--json", "--out", tmp_path)
    assert code == 0, err
    (written,) = json.loads(out)
    assert written["file"] == str(tmp_path / "esc10-32k-static.tflite")
    static, dynamic = Classifier.load(written["file"]), Classifier.load(model_path("esc10-32k"))
    assert static.metadata.calibration == dynamic.metadata.calibration
    assert static.metadata.frames == dynamic.window_frames == 251
    answers = [one(NOISE, RATE_HZ).probabilities for one in (static, dynamic)]
    np.testing.assert_array_equal(*answers)
    (other,) = static_files(static.path, formats=["onnx"], out=tmp_path / "again")
    assert other.path.name == "esc10-32k-static.onnx"


@pytest.fixture(scope="module")
def static_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (file,) = static_files(model_path("esc10-32k"), out=tmp_path_factory.mktemp("zoo"))
    return file.path


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ([], "is static already, for 5 s (251 frames)"),
        (["--window", "5"], "is static already, for 5 s (251 frames)"),
        (["--window", "2"], "for 5 s alone: give the dynamic file that it was made from"),
    ],
)
def test_a_static_file_is_not_made_static_again(
    window: list[str], said: str, static_file: Path, tmp_path: Path, cli: Cli
) -> None:
    code, _, err = cli("export", static_file, "--static", *window, "--out", tmp_path / "out")
    assert code == 1 and err.count("\n") == 1 and said in err
    assert not (tmp_path / "out").exists()


def test_nothing_is_built_upon_a_static_file(static_file: Path, tmp_path: Path, cli: Cli) -> None:
    """It says what to take in its place; what only listens to it works."""
    said = "a static file, which takes 251 frames alone: build upon the dynamic file"
    with pytest.raises(ValueError, match=said):
        read_trunk(static_file)
    for option in ("--add", "--encoder"):
        code, _, err = cli("teach", tmp_path, option, static_file, "--out", tmp_path / "my.tflite")
        assert code == 1 and err.count("\n") == 1 and said in err
    embedding = ea.load(static_file).embed(NOISE, sample_rate_hz=RATE_HZ)
    dynamic = ea.load("esc10-32k").embed(NOISE, sample_rate_hz=RATE_HZ)
    np.testing.assert_array_equal(embedding, dynamic)


def test_a_static_float16_file_is_that_of_its_run(quantised: Path, tmp_path: Path) -> None:
    (dynamic,) = export_run(quantised, precision="float16", out=tmp_path)
    (static,) = export_run(quantised, precision="float16", out=tmp_path, static=True)
    (again,) = static_files(dynamic.path, out=tmp_path / "again")
    assert again.path.name == static.path.name
    assert again.path.read_bytes() == static.path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["encoder"], "an encoder, which knows no scenes", 1),
        (["nowhere"], "no model at nowhere", 1),
        (["ONNX"], ".onnx files are not read back: give the .tflite", 1),
        (["esc10-32k", "--int8"], "a file has its own precision and views", 2),
        (["esc10-128k", "--rule", "edge-128k-ram256k"], "activations at a time: 645,120 of", 3),
    ],
)
def test_files_that_cannot_become_static(
    arguments: list[str], said: str, code: int, quantised: Path, tmp_path: Path, cli: Cli
) -> None:
    if arguments == ["ONNX"]:
        (file,) = export_run(quantised, precision="int8", formats=["onnx"], out=tmp_path)
        arguments = [str(file.path)]
    found, _, err = cli("export", *arguments, "--static", "--out", tmp_path / "out")
    assert found == code and said in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_metadata_say_frames_only_where_there_is_one_number() -> None:
    said = entries_of(model_path("esc10-32k").read_bytes())[METADATA_KEY]
    assert b'"frames"' not in said
    with pytest.raises(ValueError, match="frames 0; there must be at least 1"):
        metadata_from_json(said.replace(b'{"schema":1', b'{"frames":0,"schema":1'))
