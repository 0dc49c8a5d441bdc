"""Float weights of a node → integer weights, int32 biases and their scales; numpy alone.

Integers of four bits go from -7 to 7, as those of eight go from -127 to 127.
"""

import numpy as np

from edge_asc.graph.graph import Grid, Node, per_channel


def most_of(bits: int) -> int:
    """The largest weight of so many bits; the smallest is its negative."""
    return 2 ** (bits - 1) - 1


def quantise_node(node: Node, weight_scale: np.ndarray, input_grid: Grid, bits: int = 8) -> None:
    """Turn a node's float weight and bias into integers of 8 or 4 bits, held as int8, and int32."""
    weight, bias = node.tensors["weight"], node.tensors["bias"].astype(np.float64)
    # A dead channel's tiny scale would throw its bias out of int32.
    least = np.abs(bias) / (input_grid.scale * 2**30)
    scale = np.maximum(weight_scale, least).astype(np.float32)
    steps = weight / per_channel(scale, weight.ndim)
    bias_scale = scale * np.float32(input_grid.scale)
    node.tensors = {
        "weight": np.clip(np.rint(steps), -most_of(bits), most_of(bits)).astype(np.int8),
        "bias": np.rint(bias / bias_scale).astype(np.int32),
        "weight_scale": scale,
    }
    node.attributes["input_scale"] = input_grid.scale
    if bits != 8:
        node.attributes["weight_bits"] = bits
