"""What was not counted in full is never inside; recurrent ops are counted by hand here."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.onnx.reader import read_onnx
from edge_asc.budget.rules import RULES, OverBudget, enforce
from edge_asc.budget.tflite.arena import MOST_BUFFERS
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.cli.app import app
from onnx_files import OWN, ones
from onnx_files import onnx_model as onnx_of
from tflite_files import TFLiteFile, options


def counted(model: onnx.ModelProto, **asked: Any) -> Inventory:
    return read_onnx(model.SerializeToString(), **asked)


def is_inside(inventory: Inventory, rule: str = "dcase2024") -> bool:
    return all(verdict.ok for verdict in RULES[rule].measure(inventory))


T, B, IN, H = 50, 2, 6, 4


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers_of_onnx(kind: str, gates: int, directions: int) -> None:
    constants = {"w": ones(directions, gates * H, IN), "r": ones(directions, gates * H, H)}
    turn = "bidirectional" if directions == 2 else "forward"
    node = helper.make_node(kind, ["x", "w", "r"], ["y"], hidden_size=H, direction=turn)
    found = counted(onnx_of([node], constants, [T, B, IN]), audio_s=1.0)
    assert found.macs == T * B * directions * gates * H * (IN + H)
    assert found.parameters == directions * gates * H * (IN + H) and not found.missing
    last = helper.make_node(kind, ["x", "w", "r"], ["", "y"], hidden_size=H, direction=turn)
    assert counted(onnx_of([last], constants, [T, B, IN]), audio_s=1.0).macs == found.macs


@pytest.mark.parametrize(
    ("equation", "other", "macs"),
    [("bct,cd->bdt", (6, 9), 2 * 6 * 50 * 9), ("bct,bcs->bts", (2, 6, 7), 2 * 6 * 50 * 7)],
)
def test_einsum(equation: str, other: tuple[int, ...], macs: int) -> None:
    node = helper.make_node("Einsum", ["x", "w"], ["y"], equation=equation)
    found = counted(onnx_of([node], {"w": ones(*other)}, [2, 6, 50]), audio_s=1.0)
    assert found.macs == macs and not found.missing
    open_end = helper.make_node("Einsum", ["x", "w"], ["y"], equation="...ct,cd->...dt")
    assert counted(onnx_of([open_end], {"w": ones(6, 9)}, [2, 6, 50])).missing == {"work"}


def loop() -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("MatMul", ["s", "w"], ["t"]), helper.make_node("Identity", ["c"], ["d"])],
        "body",
        [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []),
         value("s", TensorProto.FLOAT, [4, 4])],
        [value("d", TensorProto.BOOL, []), value("t", TensorProto.FLOAT, [4, 4])],
    )  # fmt: skip
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
    constants = {"n": np.array(10_000), "w": ones(4, 4)}
    return onnx_of([node], constants, [4, 4])


@pytest.mark.parametrize(
    "model",
    [
        loop(),
        onnx_of([helper.make_node("Spell", ["x"], ["y"], domain=OWN)], {}, [1, 4]),
        # a name of ours in somebody else's domain
        onnx_of([helper.make_node("Relu", ["x"], ["y"], domain=OWN)], {}, [1, 4]),
        # an axis that only the data decide
        onnx_of([helper.make_node("NonZero", ["x"], ["i"]),
                 helper.make_node("Cast", ["i"], ["f"], to=1),
                 helper.make_node("MatMul", ["w", "f"], ["y"])], {"w": ones(3, 2)}, [4, 4]),
    ],
    ids=["loop", "unknown", "domain", "axis"],
)  # fmt: skip
def test_work_that_cannot_be_counted_is_not_inside(model: onnx.ModelProto) -> None:
    found = counted(model, audio_s=1.0)
    assert "work" in found.missing
    assert not is_inside(found) and is_inside(found, "edge-128k")
    with pytest.raises(OverBudget, match="MACs per second of audio: not measured"):
        enforce(found, RULES["dcase2024"])


@pytest.mark.parametrize("shape", [["N", 1, "T"], ["N", "T"], ["T"], [1, 1, 40, "F"]])
def test_a_length_that_nobody_gave(shape: list[Any], tmp_path: Path) -> None:
    model = onnx_of([helper.make_node("Relu", ["x"], ["y"])], {}, shape)
    found = counted(model)
    assert found.missing == {"work", "activations"} and "--frames and --seconds" in found.notes[0]
    said = counted(model, frames=16_000, audio_s=1.0)
    assert not said.missing and said.elementwise >= 16_000
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    line = ["budget", str(path), "--rule", "dcase2024"]
    assert CliRunner().invoke(app, line).exit_code == 3
    assert CliRunner().invoke(app, [*line, "--frames", "16000", "--seconds", "1"]).exit_code == 0
    assert CliRunner().invoke(app, ["budget", "nano", "--seconds", "1"]).exit_code == 1


def test_time_comes_first_before_a_recurrent_layer() -> None:
    constants = {"w": ones(1, 4 * H, IN), "r": ones(1, 4 * H, H)}
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=H)
    model = onnx_of([node], constants, ["T", 1, IN])
    assert counted(model).missing == {"work", "activations"}
    assert counted(model, frames=100, audio_s=1.0).macs == 100 * 4 * H * (IN + H)


def test_a_short_input_is_not_taken_for_a_second() -> None:
    """Its work is that of many inputs a second."""
    node = helper.make_node("Relu", ["x"], ["y"])
    for shape, seconds in (([1, 1, 40, 3], 0.03), ([1, 512], 0.032), ([1, 1, 40, 101], 1.0)):
        assert counted(onnx_of([node], {}, shape)).audio_s == pytest.approx(seconds)


def test_weights_in_another_file_are_no_small_file() -> None:
    model = onnx_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": ones(4, 2)}, [1, 4])
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "w.data")
    model.graph.initializer[0].ClearField("raw_data")
    found = counted(model, audio_s=1.0)
    assert found.missing == {"file"} and not is_inside(found, "edge-128k")
    assert is_inside(found)  # how many they are, the file says itself


def test_what_is_too_much_already_is_over_and_not_unknown() -> None:
    found = replace(counted(loop(), audio_s=1.0), audio_s=1e-9)
    values = {verdict.quantity: verdict.value for verdict in RULES["dcase2024"].measure(found)}
    assert values["MACs per second of audio"] == found.per_second(found.macs)


def recurrent_tflite(kind: str, inputs: dict[int, np.ndarray | None], n: int, **said: Any) -> bytes:
    file = TFLiteFile()
    x, y = file.tensor((1, T, IN) if "SEQUENCE" in kind else (1, IN)), file.tensor((1, H))
    names = [x] + [-1] * (n - 1)
    for position, array in inputs.items():
        names[position] = file.constant(array) if array is not None else file.tensor((1, H))
    file.op(kind, names, [y], options(said.pop("options"), **said) if said else None)
    file.graph.inputs, file.graph.outputs = [x], [y]
    return file.bytes()


def test_recurrent_layers_of_tflite() -> None:
    lstm = dict.fromkeys(range(2, 5), ones(H, IN)) | dict.fromkeys(range(6, 9), ones(H, H))
    lstm |= dict.fromkeys(range(13, 16), ones(H)) | {18: None, 19: None}
    found = read_tflite(recurrent_tflite("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm, 24), audio_s=1.0)
    assert found.macs == T * 3 * (H * IN + H * H) and not found.missing
    rnn = {1: ones(H, IN), 2: ones(H, H), 3: ones(H), 4: None}
    for kind, steps in (("RNN", 1), ("UNIDIRECTIONAL_SEQUENCE_RNN", T)):
        found = read_tflite(recurrent_tflite(kind, rnn, 5), audio_s=1.0)
        assert found.macs == steps * H * (IN + H) and found.parameters == H * (IN + H) + H


def test_filters_over_time_of_tflite() -> None:
    file = TFLiteFile()
    x, y = file.tensor((1, IN)), file.tensor((1, H))
    features, times = file.constant(ones(H, IN)), file.constant(ones(H, 10))
    file.op("SVDF", [x, features, times, -1, file.tensor((1, 10 * H))], [y])
    file.graph.inputs, file.graph.outputs = [x], [y]
    found = read_tflite(file.bytes(), audio_s=1.0)
    assert found.macs == H * (IN + 10) and not found.missing


def test_bytes_of_tflite_that_lie_elsewhere() -> None:
    file = TFLiteFile()
    x, y, weight = file.tensor((1, 4)), file.tensor((1, 2)), file.tensor((2, 4))
    file.graph.tensors[weight].externalBuffer = 1
    file.op("FULLY_CONNECTED", [x, weight, -1], [y])
    file.graph.inputs, file.graph.outputs = [x], [y]
    found = read_tflite(file.bytes(), audio_s=1.0)
    assert found.missing == {"file", "parameters"}
    assert not is_inside(found, "edge-128k") and not is_inside(found, "dcase2021a")


def test_memory_that_is_not_known_is_not_inside() -> None:
    """The peak of the main graph alone says nothing of a loop's body, nor a guess of a length."""
    no_length = onnx_of([helper.make_node("Relu", ["x"], ["y"])], {}, [1, 1, 40, "F"])
    found = replace(counted(no_length), file_bytes=1000)
    assert "activations" in found.missing and not is_inside(found, "edge-128k-ram256k")
    said = replace(counted(no_length, frames=50, audio_s=1.0), file_bytes=1000)
    assert not said.missing and is_inside(said, "edge-128k-ram256k")


def test_a_graph_too_large_to_plan_is_said_so() -> None:
    file = TFLiteFile()
    tensors = [file.tensor((1, 4)) for _ in range(MOST_BUFFERS + 1)]
    for x, y in pairwise(tensors):
        file.op("RELU", [x], [y])
    file.graph.inputs, file.graph.outputs = tensors[:1], tensors[-1:]
    found = read_tflite(file.bytes(), audio_s=1.0)
    assert found.missing == {"activations"} and not is_inside(found, "edge-128k-ram256k")
