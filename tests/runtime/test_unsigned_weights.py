"""int8 weights become uint8 ones: the same network, and nothing else of the file moves."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from command import Cli
from edge_asc.runtime.formats.unsigned_weights import has_signed_weights, unsigned_weights
from edge_asc.runtime.sessions import OnnxSession, import_onnxruntime
from old_onnx import signed_weights

onnxruntime = import_onnxruntime()
ROOT = Path(__file__).parents[2]
FILES = sorted(
    [*ROOT.glob("edge_asc/runtime/zoo/*/*.onnx"), *ROOT.glob("recipes/artifacts/**/*.onnx")]
)
SIGNED = np.arange(-127, 127, dtype=np.int8).reshape(2, 127, 1, 1)


def file_of(
    weight: np.ndarray = SIGNED, x_type: type = np.uint8, typed: bool = False, twice: bool = False
) -> bytes:
    """One convolution `[N, C, M, F]` → `[N, 2, M, F]`, scales 1; `twice`: its weight is read."""
    n, zero = len(weight), 128 if weight.dtype == np.uint8 else 0
    constants = {"s": np.float32(1), "z": x_type(3), "w": weight, "t": np.float32(64),
                 "ws": np.ones(n, np.float32), "wz": np.full(n, zero, weight.dtype)}  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "t", "z"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "t", "z"], ["y"]),
    ]
    if twice:
        nodes.append(helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["u"], axis=0))
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    if typed:
        numbers = weight.reshape(-1).tolist()
        tensors[2] = helper.make_tensor("w", TensorProto.INT8, weight.shape, numbers)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weight.shape[1], "M", "F"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2, "M", "F"])
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"edge_asc": "{}"})
    return bytes(model.SerializeToString())


def test_the_numbers_are_the_same_and_unsigned() -> None:
    old = file_of()
    assert has_signed_weights(old)
    new = unsigned_weights(old)
    assert onnx.load_from_string(new) == onnx.load_from_string(
        file_of((SIGNED.astype(int) + 128).astype(np.uint8))
    )
    assert len(new) == len(old) and not has_signed_weights(new)
    onnx.checker.check_model(onnx.load_from_string(new), full_check=True)


@pytest.mark.parametrize(
    "options",
    [
        {"x_type": np.int8},  # by int8 activations nothing saturates
        {"twice": True},
        {"typed": True},
        {"weight": (SIGNED.astype(int) + 128).astype(np.uint8)},
    ],
)
def test_another_file_stays_as_it_is(options: dict) -> None:
    data = file_of(**options)
    assert unsigned_weights(data) == data


@given(st.data())
def test_damaged_bytes_change_no_length_and_raise_nothing(data: st.DataObject) -> None:
    whole = file_of()
    cut = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=20))
    damaged = whole[:cut] + junk + whole[cut + len(junk) :]
    assert len(unsigned_weights(damaged)) == len(damaged)


def test_the_session_opens_old_files_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ONNX Runtime gets to see, whatever the processor makes of it."""
    seen = []
    real = onnxruntime.InferenceSession

    def spy(content: bytes, *arguments: Any, **named: Any) -> onnxruntime.InferenceSession:
        seen.append(content)
        return real(content, *arguments, **named)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    old = file_of(SIGNED[:, :1])
    OnnxSession(old, 1)
    assert seen == [unsigned_weights(old)] != [old]


def test_shipped_files_hold_unsigned_weights() -> None:
    assert [path for path in FILES if has_signed_weights(path.read_bytes())] == []
    assert len(FILES) > len(list(ROOT.glob("edge_asc/runtime/zoo/*/*.onnx"))) > 0


def test_info_warns_of_an_old_file(tmp_path: Path, cli: Cli) -> None:
    (shipped, *_) = ROOT.glob("edge_asc/runtime/zoo/*/*.onnx")
    path = tmp_path / "old.onnx"
    path.write_bytes(signed_weights(shipped.read_bytes()))
    assert unsigned_weights(path.read_bytes()) == shipped.read_bytes()
    _, out, _ = cli("info", path)
    assert out.splitlines()[-1].split()[:3] == ["warning", "int8", "weights:"]
    assert "int8 weights" not in cli("info", shipped)[1]
