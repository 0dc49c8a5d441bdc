"""Constants of a .tflite file, also those that it unpacks for the operators that read them."""

from edge_asc.budget.tflite.operators import UNPACKING
from edge_asc.budget.tflite.schema import Operator, Subgraph, Tensor


def unpacks_constant(op: Operator, stored: dict[int, Tensor]) -> bool:
    """Whether an operator only turns a stored constant into the type it is computed in."""
    return op.name in UNPACKING and bool(op.inputs) and op.inputs[0] in stored


def unpacked_constants(graph: Subgraph) -> dict[int, Tensor]:
    """Constants by tensor index; what DEQUANTIZE makes of one stands for it as it is stored."""
    stored = {i: tensor for i, tensor in enumerate(graph.tensors) if tensor.data is not None}
    for op in graph.operators:
        if unpacks_constant(op, stored):
            stored.update(dict.fromkeys(op.outputs, stored[op.inputs[0]]))
    return stored
