"""Tiny files of both formats with metadata of one's choice."""

import numpy as np
import onnx

from edge_asc.runtime.metadata import Metadata
from edge_asc.runtime.trust.digest import seal
from tflite_files import TFLiteFile

METADATA = Metadata(
    name="compact-int8",
    labels=["airport", "tram (Straßenbahn)"],
    abstract_labels=["indoor", "transport"],
    frontend={"sample_rate_hz": 44100, "mean": [0.5, 1e-9]},
    clip_s=5.0,
    precision="int8",
    provenance={"fold": 1, "versions": {"torch": "2.13"}},
    warnings=["over budget"],
)


def tflite_with(metadata: dict[str, bytes]) -> bytes:
    file = TFLiteFile()
    x = file.tensor((1, 4), name="x")
    weight = file.constant(np.ones((2, 4), np.float32))
    y = file.tensor((1, 2), name="scene")
    file.op("FULLY_CONNECTED", [x, weight, -1], [y])
    file.graph.inputs, file.graph.outputs = [x], [y]
    for name, data in metadata.items():
        file.metadata(name, data)
    return seal(file.bytes())


def onnx_with(metadata: dict[str, bytes]) -> bytes:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["scene"])],
        "g",
        [value("x", onnx.TensorProto.FLOAT, [1, 2])],
        [value("scene", onnx.TensorProto.FLOAT, [1, 2])],
    )
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, {k: v.decode() for k, v in metadata.items()})
    return seal(model.SerializeToString())


WRITERS = {"tflite": tflite_with, "onnx": onnx_with}
