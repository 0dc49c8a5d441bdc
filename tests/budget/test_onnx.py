"""Counts of .onnx files: by hand, against the .tflite of the same graph, and of damaged bytes."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edge_asc.budget.onnx.operators import (
    MOVES,
    PER_INPUT,
    PER_OUTPUT,
    POOLS,
    QUANTISED,
    ROLES,
    UNPACKING,
    VARIADIC,
)
from edge_asc.budget.onnx.reader import MACS, read_onnx
from edge_asc.budget.onnx.stored import stored_tensor
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json
from networks import CASES, Case
from onnx_files import ones, onnx_model


def file_of(*given: Any, **more: Any) -> bytes:
    return onnx_model(*given, **more).SerializeToString()


def one_op(kind: str, shape: list[int], *constants: np.ndarray, **attributes: Any) -> bytes:
    names = {f"c{i}": array for i, array in enumerate(constants)}
    node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
    return file_of([node], names, shape)


# op, input shape, constants, attributes, MACs, elementwise operations, parameters
BY_HAND: list[tuple[str, list[int], list[np.ndarray], dict, int, int, int]] = [
    ("Conv", [1, 3, 8, 10], [ones(5, 3, 3, 3), ones(5)], {"strides": [2, 2], "pads": [1, 1, 1, 1]},
     4 * 5 * 5 * 27, 0, 140),
    ("Conv", [1, 6, 8, 10], [ones(6, 1, 3, 3)], {"group": 6}, 6 * 8 * 6 * 9, 0, 54),
    ("ConvTranspose", [1, 5, 4, 4], [ones(5, 2, 3, 3)], {}, 5 * 16 * 2 * 9, 0, 90),
    ("Gemm", [2, 7], [ones(4, 7), ones(4)], {"transB": 1}, 2 * 28, 0, 32),
    ("MatMul", [2, 3, 7], [ones(7, 4)], {}, 6 * 28, 0, 28),
    ("BatchNormalization", [1, 6, 8, 10], [ones(6)] * 4, {}, 12, 0, 12),
    ("MaxPool", [1, 4, 9, 8], [], {"kernel_shape": [3, 2], "strides": [3, 2]}, 0, 48 * 6, 0),
    ("GlobalAveragePool", [1, 4, 9, 8], [], {}, 0, 288, 0),
    ("ReduceMax", [1, 4, 9, 8], [], {"axes": [1]}, 0, 288, 0),
    ("Add", [1, 4, 9, 8], [ones(4, 1, 1)], {}, 0, 288, 4),
    ("Sigmoid", [1, 4, 9, 8], [], {}, 0, 288, 0),
    ("Reshape", [1, 4, 9, 8], [np.array([1, -1])], {}, 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "shape", "constants", "attributes", "macs", "elementwise", "parameters"),
    BY_HAND,
    ids=[f"{row[0]}-{i}" for i, row in enumerate(BY_HAND)],
)
def test_one_op_by_hand(
    kind: str,
    shape: list[int],
    constants: list[np.ndarray],
    attributes: dict,
    macs: int,
    elementwise: int,
    parameters: int,
) -> None:
    data = one_op(kind, shape, *constants, **attributes)
    inventory = read_onnx(data, audio_s=1.0)
    assert (inventory.macs, inventory.elementwise) == (macs, elementwise)
    assert inventory.parameters == parameters
    assert inventory.constant_bytes == sum(array.nbytes for array in constants)
    (layer,) = inventory.layers
    inputs = 4 * int(np.prod(shape))
    assert inventory.peak_activation_bytes == inputs + layer.output_bytes
    assert inventory.file_bytes == len(data) and not inventory.notes


def test_batch_norm_statistics_are_no_parameters() -> None:
    data = one_op("BatchNormalization", [1, 6, 8, 10], *[ones(6)] * 4)
    roles = [constant.role for constant in read_onnx(data, audio_s=1.0).constants]
    assert roles == ["norm", "norm", "statistics", "statistics"]


def test_weights_behind_unpacking_nodes() -> None:
    """int8 behind DequantizeLinear, float16 behind Cast: weights of the layer that reads them."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["w32"], axis=0),
        helper.make_node("Conv", ["x", "w32"], ["h"]),
        helper.make_node("Constant", [], ["v"], value=numpy_helper.from_array(
            np.array([1, 0, 2, -3, 4, 0], np.float16).reshape(6, 1, 1, 1))),
        helper.make_node("Cast", ["v"], ["v32"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["h", "v32"], ["y"], group=6),
    ]  # fmt: skip
    constants = {"w": np.arange(18, dtype=np.int8).reshape(6, 3, 1, 1), "scale": ones(6),
                 "zero": np.zeros(6, np.int8)}  # fmt: skip
    first, second = read_onnx(file_of(nodes, constants, [1, 3, 4, 5]), audio_s=1.0).layers
    assert (first.parameters, first.nonzero, first.macs) == (18, 17, 18 * 20)
    assert first.bytes_by_dtype == {"int8": 18 + 6, "float32": 24}
    assert [c.role for c in first.constants] == ["weight", "grid", "grid"]
    assert (second.parameters, second.nonzero) == (6, 4)
    assert second.bytes_by_dtype == {"float16": 12}


def test_quantised_convolution() -> None:
    shape = {"s": ones(1)[0], "z": np.uint8(3), "w": np.ones((5, 3, 3, 3), np.int8),
             "ws": ones(5), "wz": np.zeros(5, np.int8), "b": np.ones(5, np.int32)}  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "s", "z", "b"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    constants = {name: np.asarray(array) for name, array in shape.items()}
    inventory = read_onnx(file_of(nodes, constants, [1, 3, 8, 10]), audio_s=1.0)
    assert inventory.parameters == 5 * 27 + 5
    assert inventory.macs == 6 * 8 * 5 * 27
    assert [(c.role, c.dtype) for c in inventory.constants if c.role in ("weight", "bias")] == [
        ("weight", "int8"), ("bias", "int32")]  # fmt: skip
    assert "float32" in inventory.notes[0]


def test_a_weight_at_its_zero_point_is_zero() -> None:
    """As many are not zero as in the same layer with int8 weights."""
    signed = np.array([[0, 1], [-128, 0], [3, 4]], np.int8).reshape(3, 2, 1, 1)
    found = []
    for weight, zero in ((signed, 0), ((signed.astype(np.int16) + 128).astype(np.uint8), 128)):
        constants = {"s": ones(1)[0], "z": np.uint8(3), "w": weight, "ws": ones(3),
                     "wz": np.full(3, zero, weight.dtype)}  # fmt: skip
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            helper.make_node("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "s", "z"], ["r"]),
            helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
        ]
        arrays = {name: np.asarray(array) for name, array in constants.items()}
        inventory = read_onnx(file_of(nodes, arrays, [1, 2, 8, 10]), audio_s=1.0)
        found.append((inventory.parameters, inventory.nonzero))
    assert found == [(6, 4), (6, 4)]


def test_bodies_and_functions_are_counted() -> None:
    value = helper.make_tensor_value_info
    weight = numpy_helper.from_array(ones(3, 3, 1, 1), "w")
    body = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["h"])], "b", [],
        [value("h", TensorProto.FLOAT, [1, 3, 4, 5])], [weight])  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["k"])], "o", [],
        [value("k", TensorProto.FLOAT, [1, 3, 4, 5])])  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=other)
    data = file_of([node], {"c": np.array(True)}, [1, 3, 4, 5])
    inventory = read_onnx(data, audio_s=1.0)
    assert (inventory.macs, inventory.elementwise, inventory.parameters) == (180, 60, 9)
    assert "branch" in inventory.notes[0]

    function = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])],
        [helper.make_opsetid("", 17)])  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="own")],
        "g",
        [value("x", TensorProto.FLOAT, [1, 7])],
        [value("y", TensorProto.FLOAT, [1, 7])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=opsets)
    assert read_onnx(model.SerializeToString(), audio_s=1.0).elementwise == 7


def test_unknown_ops_and_external_weights_are_said() -> None:
    data = file_of([helper.make_node("Spell", ["x"], ["y"], domain="own")], {}, [1, 4])
    assert read_onnx(data, audio_s=1.0).notes == (
        "work of Spell is not counted (unknown op or shape)",
    )
    after = [helper.make_node("Spell", ["x"], ["h"], domain="own"),
             helper.make_node("Relu", ["h"], ["y"])]  # fmt: skip
    assert "Relu, Spell" in read_onnx(file_of(after, {}, [1, 4]), audio_s=1.0).notes[0]
    model = onnx.load_from_string(one_op("MatMul", [1, 4], ones(4, 2)))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    inventory = read_onnx(model.SerializeToString(), audio_s=1.0)
    assert (inventory.parameters, inventory.constant_bytes) == (8, 0)
    assert "another file" in inventory.notes[0]


@pytest.mark.parametrize(
    ("numbers", "dtype", "bits", "nonzero"),
    [
        ([1, 0, -2, 3, 0], "INT4", 4, 3),
        ([1.0, -0.0, 0.5], "BFLOAT16", 16, 2),
        ([1, 0, 7], "INT8", 8, 2),
        ([0.5, 0.0], "DOUBLE", 64, 1),
        ([b"a", b"b"], "STRING", 0, 0),
    ],
)
def test_types(numbers: list, dtype: str, bits: int, nonzero: int) -> None:
    tensor = helper.make_tensor("t", getattr(TensorProto, dtype), [len(numbers)], numbers)
    stored = stored_tensor(tensor)
    assert (stored.bits, stored.nonzero) == (bits, nonzero)


_OF_ONNXRUNTIME = """
DynamicQuantizeLSTM DynamicQuantizeMatMul FusedConv FusedGemm FusedMatMul MatMulIntegerToFloat
MatMulNBits QGemm QuickGelu TransposeMatMul
"""
OF_ONNXRUNTIME = frozenset(_OF_ONNXRUNTIME.split())


def test_operators_exist() -> None:
    """All standard, but for those of onnxruntime's own that quantisation brings."""
    standard = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    named = PER_OUTPUT | PER_INPUT | POOLS | MOVES | VARIADIC | QUANTISED | UNPACKING
    others = (named | ROLES.keys() | MACS.keys()) - standard
    assert others <= OF_ONNXRUNTIME | {name for name in others if name[:7] == "QLinear"}


def test_length_comes_from_the_metadata() -> None:
    front_end = FrontEnd(sample_rate_hz=8000, n_fft=256, win_length=256, hop_length=200, n_mels=40)
    metadata = Metadata(name="t", labels=["a"], frontend=front_end.to_dict(), clip_s=2.0,
                     precision="float32")  # fmt: skip
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    entries = {METADATA_KEY: metadata_to_json(metadata).decode()}
    data = file_of([node], {"w": ones(2, 1, 1, 1)}, ["N", 1, 40, "F"], entries)
    inventory = read_onnx(data)
    assert (inventory.input_shape, inventory.audio_s) == ((1, 1, 40, 81), 2.0)
    assert inventory.macs == 2 * 40 * 81
    assert read_onnx(data, frames=41).audio_s == 1.0
    unknown = file_of([node], {"w": ones(2, 1, 1, 1)}, ["N", 1, 40, "F"])
    assert "unknown length" in read_onnx(unknown, audio_s=1.0).notes[0]
    fixed = file_of([node], {"w": ones(2, 1, 1, 1)}, [1, 1, 40, 50])
    with pytest.raises(ValueError, match=r"model\.onnx: input of fixed shape"):
        read_onnx(fixed, frames=41)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_formats_hold_the_same_network(case: Case) -> None:
    """One float graph, two writers, two readers: equal parameters and convolution work."""
    graph = case.graph()
    ours = read_onnx(to_onnx(graph, case.n_frames), frames=case.n_frames)
    theirs = read_tflite(to_tflite(graph, case.n_frames), frames=case.n_frames)
    assert ours.macs == theirs.macs
    assert (ours.parameters, ours.nonzero) == (theirs.parameters, theirs.nonzero)
    assert ours.bytes_by_dtype["float32"] == theirs.bytes_by_dtype["float32"]


def test_file_errors_name_the_file(tmp_path: Any) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(one_op("Relu", [1, 4])[:-4])
    with pytest.raises(ValueError, match=r"broken\.onnx: "):
        inventory_of_file(path)


VICTIMS = [one_op(kind, shape, *constants, **attributes)
           for kind, shape, constants, attributes, *_ in BY_HAND]  # fmt: skip


@settings(max_examples=300, deadline=2000)
@given(st.sampled_from(VICTIMS), st.data())
def test_damaged_file_is_counted_or_complained_of(victim: bytes, data: st.DataObject) -> None:
    damaged = bytearray(victim)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.sampled_from([0, 1, 2, 8, 0x12, 0x7F, 0x80, 0xFF]))
    end = data.draw(st.sampled_from([len(damaged), len(damaged) // 2, len(damaged) - 5]))
    try:
        inventory_of_file(bytes(damaged[:end]))
    except ValueError as error:
        assert str(error).startswith("model: ") and "\n" not in str(error)
