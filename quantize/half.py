"""float16: what storage in half precision does to a graph's weights."""

from copy import deepcopy

import numpy as np

from edge_asc.graph.graph import Graph


def round_to_half(graph: Graph) -> Graph:
    """The float graph with every weight and bias rounded to the nearest float16.

    Raises:
        ValueError: a number that float16 cannot hold.
    """
    graph = deepcopy(graph)
    for node in graph.nodes:
        for name, tensor in node.tensors.items():
            with np.errstate(over="ignore"):
                half = tensor.astype(np.float16)
            if not np.isfinite(half).all():
                raise ValueError(f"{node.output}: {name} beyond float16's range of +-65,504")
            node.tensors[name] = half.astype(np.float32)
    return graph
