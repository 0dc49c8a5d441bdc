"""int8 .onnx files as they were before their weights became uint8; written by onnx."""

import numpy as np
import onnx
from onnx import numpy_helper


def signed_weights(data: bytes) -> bytes:
    """Our file with its weights as int8."""
    model = onnx.load_from_string(data)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QLinearConv":
            for name in (node.input[3], node.input[5]):
                numbers = numpy_helper.to_array(tensors[name])
                if numbers.dtype == np.uint8:
                    signed = (numbers.astype(np.int16) - 128).astype(np.int8)
                    tensors[name].CopyFrom(numpy_helper.from_array(signed, name))
    return bytes(model.SerializeToString())
