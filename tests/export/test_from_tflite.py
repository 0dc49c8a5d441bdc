"""What is read back from a file is the graph it was written from."""

from pathlib import Path

import numpy as np
import pytest

from edge_asc.export.to_tflite import OPERATORS, to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph, Node
from edge_asc.graph.trace import trace
from edge_asc.quantize import qat
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import METADATA_KEY, entries_of, metadata_from_json
from edge_asc.runtime.zoo.models import zoo_models
from networks import CASES, Case
from own_networks import UnitLength

METADATA = {"edge_asc": '{"labels":["Straße"]}'.encode()}


def graph_of(case: Case, precision: str) -> Graph:
    """A file is the same bytes or not whatever its grids are: no ranges are measured for them."""
    graph = case.graph()
    return qat.dummy_quantised(graph) if precision == "int8" else graph


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_read_and_written_again_is_the_same_file(case: Case, precision: str) -> None:
    file = to_tflite(graph_of(case, precision), case.n_frames, METADATA)
    graph, n_frames = from_tflite(file)
    assert to_tflite(graph, n_frames, entries_of(file)) == file


@pytest.mark.parametrize("name", [model.name for model in zoo_models()])
def test_also_those_of_the_zoo(name: str) -> None:
    path: Path = next(model.tflite for model in zoo_models() if model.name == name)
    data = path.read_bytes()
    graph, n_frames = from_tflite(data)
    metadata = metadata_from_json(entries_of(data)[METADATA_KEY])
    again = with_metadata(to_tflite(graph, n_frames, entries_of(data)), metadata)
    assert again == with_metadata(data, metadata)


def test_a_length_of_1_is_read_back() -> None:
    graph = qat.dummy_quantised(fold(trace(UnitLength(), 40)))
    file = to_tflite(graph, 51, METADATA)
    again, n_frames = from_tflite(file)
    assert to_tflite(again, n_frames, entries_of(file)) == file
    assert [node.op for node in again.nodes][-2:] == ["l2_normalise", "linear"]


def test_equal_scales_of_a_layer_are_written_once() -> None:
    """Those of weights and biases."""
    case = next(case for case in CASES if case.name == "slim")
    graph = graph_of(case, "int8")
    layer = max(graph.nodes, key=lambda node: len(node.tensors.get("bias", ())))
    own_scales = to_tflite(graph, case.n_frames)
    scale = layer.tensors["weight_scale"]
    scale[:] = scale.max()
    file = to_tflite(graph, case.n_frames)
    assert len(file) < len(own_scales) - 4 * len(scale)
    again, n_frames = from_tflite(file)
    assert to_tflite(again, n_frames) == file


def test_halved_weights_are_refused_in_one_line() -> None:
    file = to_tflite(CASES[0].graph(), CASES[0].n_frames, METADATA, half=True)
    with pytest.raises(ValueError, match="DEQUANTIZE"):
        from_tflite(file)


def test_an_operator_that_nobody_of_us_writes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = {"weight": np.ones((1, 4), np.float32), "bias": np.zeros(1, np.float32)}
    nodes = [Node("flatten", ("x",), ("f",)), Node("linear", ("f",), ("y",), {}, weight)]
    monkeypatch.setitem(OPERATORS, "FULLY_CONNECTED", (25, 8, 1))
    file = to_tflite(Graph(nodes, "x", 2, {"scene": "y"}), 2, METADATA)
    with pytest.raises(ValueError, match="SOFTMAX"):
        from_tflite(file)
