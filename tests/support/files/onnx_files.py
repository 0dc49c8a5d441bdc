"""ONNX models as others write them, from `x` to `y`."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OWN = "own"  # the domain of operators that nobody knows


def onnx_model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    shape: list[Any],
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """A model with these nodes, whose input has a shape."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(OWN, 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    helper.set_model_props(model, metadata or {})
    return model


def ones(*shape: int) -> np.ndarray:
    """A constant, float32."""
    return np.ones(shape, np.float32)
