"""A model of ours is one file: weights that another file holds are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_asc.runtime.formats.protobuf import field
from edge_asc.runtime.metadata import METADATA_KEY, metadata_of, metadata_to_json
from edge_asc.runtime.trust.elsewhere import weights_elsewhere
from tflite_files import TFLiteFile
from tiny_models import metadata


def outside(name: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.ones((2, 2), np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")
    return tensor


def model(*nodes: onnx.NodeProto, constants: tuple[TensorProto, ...] = ()) -> bytes:
    value = helper.make_tensor_value_info("x", 1, [2, 2])
    graph = helper.make_graph(list(nodes), "g", [value], [value], list(constants))
    made = helper.make_model(graph)
    helper.set_model_props(made, {METADATA_KEY: metadata_to_json(metadata()).decode()})
    return made.SerializeToString()


def in_a_branch() -> bytes:
    body = helper.make_graph([], "then", [], [], [outside("w")])
    return model(helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body))


def in_a_node() -> bytes:
    return model(helper.make_node("Constant", [], ["y"], value=outside("w")))


@pytest.mark.parametrize(
    "data", [model(constants=(outside("w"),)), in_a_branch(), in_a_node()], ids=str
)
def test_of_any_place_in_a_graph(data: bytes) -> None:
    assert weights_elsewhere(data, "onnx")
    with pytest.raises(ValueError, match=r"^m: weights lie in another file"):
        metadata_of(data, "m")


def test_weights_inside_are_no_such_thing() -> None:
    inside = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    assert not weights_elsewhere(model(constants=(inside,)), "onnx")


def test_of_a_tflite_file(tmp_path: Path) -> None:
    file = TFLiteFile()
    x = file.tensor((1, 4), name="x")
    file.graph.inputs = file.graph.outputs = [x]
    assert not weights_elsewhere(file.bytes(), "tflite")
    file.graph.tensors[x].externalBuffer = 1
    assert weights_elsewhere(file.bytes(), "tflite")


def test_graphs_within_graphs_have_an_end() -> None:
    graph = b""
    for _ in range(200):  # an attribute holds a graph, a node the attribute, a graph the node
        for number in (6, 5, 1):
            graph = field(number, graph)
    with pytest.raises(ValueError, match="levels"):
        weights_elsewhere(field(7, graph), "onnx")
