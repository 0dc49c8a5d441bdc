"""What is read back from a file is the graph it was written from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from edge_asc.export.tflite.operators import OPERATORS
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph, Node
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.quantize import qat
from edge_asc.quantize.half import round_to_half
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import METADATA_KEY, entries_of, metadata_from_json
from edge_asc.runtime.sessions import TFLiteSession
from edge_asc.runtime.zoo.models import zoo_models
from networks import CASES, Case
from own_networks import UnitLength

FLOAT = 1e-5  # float32 sums in another order, of logits of about 1
METADATA = {"edge_asc": '{"labels":["Straße"]}'.encode()}


def graph_of(case: Case, precision: str) -> Graph:
    """A file is the same bytes or not whatever its grids are: no ranges are measured for them."""
    graph = case.graph()
    if precision == "float16":
        return round_to_half(graph)
    if precision == "float32":
        return graph
    return qat.dummy_quantised(graph, every_other_layer(graph) if precision == "mixed" else ())


def every_other_layer(graph: Graph) -> list[int]:
    """Of all with weights, depthwise ones and heads among them."""
    layers = [i for i, node in enumerate(graph.nodes) if node.op in ("conv", "linear")]
    return [*layers[::2], layers[-1]]


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "mixed"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_read_and_written_again_is_the_same_file(case: Case, precision: str) -> None:
    half = precision == "float16"
    file = to_tflite(graph_of(case, precision), case.n_frames, METADATA, half)
    graph, n_frames = from_tflite(file)
    assert to_tflite(graph, n_frames, entries_of(file), half) == file


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


def test_an_operator_that_nobody_of_us_writes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = {"weight": np.ones((1, 4), np.float32), "bias": np.zeros(1, np.float32)}
    nodes = [Node("flatten", ("x",), ("f",)), Node("linear", ("f",), ("y",), {}, weight)]
    monkeypatch.setitem(OPERATORS, "FULLY_CONNECTED", (25, 8, 1))
    file = to_tflite(Graph(nodes, "x", 2, {"scene": "y"}), 2, METADATA)
    with pytest.raises(ValueError, match="SOFTMAX"):
        from_tflite(file)


class Flattened(nn.Module):
    """A map that lies frame by frame in a file, and number by number in the graph."""

    def __init__(self, behind: Callable[[Tensor, nn.Module], Any], n_read: int) -> None:
        super().__init__()
        self.stem, self.behind, self.head = nn.Conv2d(1, 4, 3, 4, 1), behind, nn.Linear(n_read, 3)

    def forward(self, x: Tensor) -> Any:
        return self.behind(self.stem(x), self.head)


N_MELS, N_FRAMES = 8, 21  # the stem leaves [4, 2, 6]
MAP, COLUMN = 4 * 2 * 6, 4 * 2
FLATTENED: dict[str, tuple[Callable[[Tensor, nn.Module], Any], int]] = {
    "linear": (lambda y, head: head(y.flatten(1)), MAP),
    "relu": (lambda y, head: head(y.flatten(1).relu()), MAP),
    "two readers": (lambda y, head: head(y.flatten(1)) + head(y.flatten(1).relu()), MAP),
    "logits": (lambda y, head: (head(y.flatten(1)), y.flatten(1)), MAP),
    "turned": (lambda y, head: head(y.permute(0, 3, 1, 2).flatten(1)), MAP),
    "turned, relu": (lambda y, head: head(y.permute(0, 3, 1, 2).flatten(1).relu()), MAP),
    "column": (lambda y, head: head(F.normalize(y.amax(3).flatten(1))), COLUMN),
    "column of logits": (lambda y, head: y.amax(3).flatten(1), COLUMN),
    "the same head twice": (lambda y, head: (head(y.flatten(1)),) * 2, MAP),
    "the same column twice": (lambda y, head: (y.amax(3).flatten(1),) * 2, COLUMN),
}


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", FLATTENED)
def test_what_is_flattened_is_read_in_its_order(name: str, precision: str) -> None:
    """Two round trips give the same bytes, and the same answers as the network's."""
    torch.manual_seed(0)
    network = Flattened(*FLATTENED[name]).eval()
    graph = fold(trace(network, N_MELS, N_FRAMES))
    graph = qat.dummy_quantised(graph) if precision == "int8" else graph
    file = to_tflite(graph, N_FRAMES, METADATA)
    once, n_frames = from_tflite(file)
    assert to_tflite(once, n_frames, METADATA) == file
    twice, _ = from_tflite(to_tflite(once, n_frames, METADATA))
    x = torch.randn(3, 1, N_MELS, N_FRAMES)
    with torch.no_grad():
        first = GraphNetwork(graph).eval()(x)
        heads = network(x) if isinstance(network(x), tuple) else (network(x),)
        for read in (once, twice):
            assert list(read.outputs) == list(graph.outputs)
            for ours, theirs in zip(GraphNetwork(read).eval()(x), first, strict=True):
                assert torch.equal(ours, theirs)
        if precision == "float32":
            said = TFLiteSession(Interpreter, file, 1).run(x[0, 0].numpy())
            for output, head in zip(graph.outputs, heads, strict=True):
                np.testing.assert_allclose(said[output], head[0], rtol=FLOAT, atol=FLOAT)
