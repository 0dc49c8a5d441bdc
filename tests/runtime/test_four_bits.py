"""Weights of four bits in memory: the same integers as int8, and nothing else of the file moves."""

from copy import deepcopy
from functools import cache

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from edge_asc.budget.tflite.schema import read_subgraphs
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph, Grid, Node
from edge_asc.quantize import qat
from edge_asc.runtime import metadata as versions
from edge_asc.runtime.formats.four_bits import packed, unpacked
from edge_asc.runtime.formats.wide_onnx import wide_onnx
from edge_asc.runtime.formats.wide_tflite import wide_tflite
from edge_asc.runtime.metadata import Metadata, metadata_from_json, metadata_to_json
from edge_asc.runtime.sessions import OnnxSession, TFLiteSession, import_onnxruntime
from networks import CASES, Case

CASE: Case = next(case for case in CASES if case.name == "slim")
NUMBERS = st.lists(st.integers(-8, 7), max_size=99)


@cache
def graph() -> Graph:
    """A network every other layer of which has weights of four bits."""
    plain = CASE.graph()
    layers = [i for i, node in enumerate(plain.nodes) if node.op in ("conv", "linear")]
    return qat.dummy_quantised(plain, layers[::2])


def in_eight_bits(narrow: Graph) -> Graph:
    """The same integers, stored in a byte each."""
    wide = deepcopy(narrow)
    for node in wide.nodes:
        node.attributes.pop("weight_bits", None)
    return wide


@given(NUMBERS)
def test_what_is_packed_comes_back(numbers: list[int]) -> None:
    data = packed(np.array(numbers, np.int8))
    assert len(data) == (len(numbers) + 1) // 2
    assert unpacked(data, len(numbers)).tolist() == numbers


def test_other_counts_are_refused() -> None:
    for count in (0, 2, 5, 6):
        with pytest.raises(ValueError, match="in 2 bytes"):
            unpacked(b"ab", count)


def test_a_tflite_file_holds_the_same_integers_in_eight_bits() -> None:
    file = to_tflite(graph(), CASE.n_frames)
    wide = wide_tflite(file)
    assert "int4" in {tensor.dtype for tensor in read_subgraphs(file)[0].tensors}
    assert "int4" not in {tensor.dtype for tensor in read_subgraphs(wide)[0].tensors}
    again, n_frames = from_tflite(wide)
    for ours, theirs in zip(in_eight_bits(graph()).nodes, again.nodes, strict=True):
        assert ours.tensors.keys() == theirs.tensors.keys()
        for name, tensor in ours.tensors.items():
            assert (tensor == theirs.tensors[name]).all() and tensor.dtype.itemsize
    assert wide_tflite(wide) == wide and n_frames == CASE.n_frames


def test_an_onnx_file_holds_the_same_integers_in_eight_bits() -> None:
    file = to_onnx(graph(), CASE.n_frames)
    narrow, wide = (onnx.load_from_string(d).graph.initializer for d in (file, wide_onnx(file)))
    assert onnx.TensorProto.INT4 in {tensor.data_type for tensor in narrow}
    assert onnx.TensorProto.INT4 not in {tensor.data_type for tensor in wide}
    for a, b in zip(narrow, wide, strict=True):
        assert a.name == b.name
        assert (numpy_helper.to_array(a).astype(float) == numpy_helper.to_array(b)).all()
    onnx.checker.check_model(onnx.load_from_string(wide_onnx(file)), full_check=True)


def test_other_files_stay_as_they_are() -> None:
    wide = in_eight_bits(graph())
    tflite, onnx_file = to_tflite(wide, CASE.n_frames), to_onnx(wide, CASE.n_frames)
    assert wide_tflite(tflite) == tflite and wide_onnx(onnx_file) == onnx_file


def test_sessions_compute_what_eight_bits_compute() -> None:
    x = CASE.inputs(1)[0, 0].numpy()
    for session, write in ((OnnxSession, to_onnx), (_litert, to_tflite)):
        narrow, wide = (write(g, CASE.n_frames) for g in (graph(), in_eight_bits(graph())))
        ours, theirs = (session(data, 1).run(x)["scene"] for data in (narrow, wide))
        # Bit-equal by LiteRT; ONNX Runtime multiplies int8 weights by another kernel than uint8.
        assert np.abs(ours - theirs).max() <= 1.01 * graph().grids[graph().outputs["scene"]].scale


def _litert(data: bytes, threads: int) -> TFLiteSession:
    return TFLiteSession(Interpreter, data, threads)


def test_onnx_runtime_unpacks_the_same_numbers() -> None:
    """What other programs compute with the file is what ours do, bit by bit."""
    file, x = to_onnx(graph(), CASE.n_frames), CASE.inputs(1).numpy()
    theirs = import_onnxruntime().InferenceSession(file).run(["scene"], {"x": x})[0][0]
    assert (OnnxSession(file, 1).run(x[0, 0])["scene"] == theirs).all()


@pytest.mark.parametrize("widen", [wide_tflite, wide_onnx])
@given(st.data())
def test_damaged_bytes_raise_nothing(widen: object, data: st.DataObject) -> None:
    whole = _files()[widen is wide_onnx]
    at = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=20))
    changed = (wide_tflite, wide_onnx)[widen is wide_onnx](
        whole[:at] + junk + whole[at + len(junk) :]
    )
    assert len(changed) >= min(at, 8)


@cache
def _files() -> tuple[bytes, bytes]:
    return to_tflite(graph(), CASE.n_frames), to_onnx(graph(), CASE.n_frames)


def test_bytes_that_serve_something_else_too_are_left_alone() -> None:
    """Equal bytes lie in a file once: here those of 32 weights of four bits and of 16 of eight."""
    narrow = np.arange(32, dtype=np.int8).reshape(4, 8) % 7
    for second in (np.frombuffer(packed(narrow), np.int8), np.arange(16, dtype=np.int8)):
        nodes = [
            Node("flatten", ("x",), ("f",)),
            Node("linear", ("f",), ("g",), *_layer(narrow, weight_bits=4)),
            Node("linear", ("g",), ("y",), *_layer(second.reshape(4, 4))),
        ]
        grids = {value: Grid(1.0, 0) for value in "xfgy"}
        file = to_tflite(Graph(nodes, "x", 8, {"scene": "y"}, grids), 1)
        assert (wide_tflite(file) == file) == (second.tobytes() == packed(narrow))


def _layer(weight: np.ndarray, **bits: int) -> tuple[dict, dict]:
    n = len(weight)
    tensors = {"bias": np.zeros(n, np.int32), "weight_scale": np.ones(n, np.float32)}
    return {"input_scale": 1.0, **bits}, {"weight": weight, **tensors}


@pytest.mark.parametrize("precision", ["int4", "mixed"])
def test_older_readers_say_that_they_are_too_old(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"name": "n", "labels": ["a"], "frontend": {}, "clip_s": 1.0}
    said = metadata_to_json(Metadata(**fields, precision=precision))  # type: ignore[arg-type]
    plain = metadata_to_json(Metadata(**fields, precision="int8"))  # type: ignore[arg-type]
    assert metadata_from_json(said).precision == precision
    monkeypatch.setattr(versions, "SCHEMA", 1)
    with pytest.raises(ValueError, match="schema 2; this edge-asc reads 1 to 1: update edge-asc"):
        metadata_from_json(said)
    assert metadata_from_json(plain).precision == "int8"
