"""Float weights of a node → int8 weights, int32 biases and their scales; numpy alone."""

import numpy as np

from edge_asc.graph.graph import Grid, Node, per_channel


def quantise_node(node: Node, weight_scale: np.ndarray, input_grid: Grid) -> None:
    """Turn a node's float weight and bias into int8 in [-127, 127] and int32."""
    weight, bias = node.tensors["weight"], node.tensors["bias"].astype(np.float64)
    # A dead channel's tiny scale would throw its bias out of int32.
    least = np.abs(bias) / (input_grid.scale * 2**30)
    scale = np.maximum(weight_scale, least).astype(np.float32)
    steps = weight / per_channel(scale, weight.ndim)
    bias_scale = scale * np.float32(input_grid.scale)
    node.tensors = {
        "weight": np.clip(np.rint(steps), -127, 127).astype(np.int8),
        "bias": np.rint(bias / bias_scale).astype(np.int32),
        "weight_scale": scale,
    }
    node.attributes["input_scale"] = input_grid.scale
