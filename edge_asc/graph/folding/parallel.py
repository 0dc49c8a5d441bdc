"""Convolutions side by side become one: what trains as several kernels ships as their sum.

The sum of two convolutions of one map is the convolution with the sum of their kernels, the
smaller padded with zeros. Networks are trained with 3 x 3, 1 x 3, 3 x 1 and 1 x 1 kernels side by
side, each with batch norm of its own, for what that does to their training (Ding et al., "ACNet",
2019, and "RepVGG", 2021); the file has the one kernel alone.
"""

import numpy as np

from edge_asc.graph.graph import Graph, Node, bounds_of, dilation_of


def merge_parallel(graph: Graph, add: Node) -> bool:
    """Make one convolution of two whose sum an `add` is; False where there are none."""
    if add.op != "add" or bounds_of(add) or len(add.inputs) != 2:
        return False
    pair = [graph.producer(value) for value in add.inputs]
    found = [_as_convolution(node) for node in pair if node is not None and _mergeable(graph, node)]
    both = [node for node in found if node is not None]
    if len(both) != 2 or both[0].inputs != both[1].inputs:
        return False
    both = _of_as_many_groups(both)
    if not _on_one_raster(*both):
        return False
    merged = _sum(*both)
    merged.outputs = add.outputs
    graph.nodes[graph.nodes.index(add)] = merged
    graph.nodes = [node for node in graph.nodes if all(node is not old for old in pair)]
    return True


def _mergeable(graph: Graph, node: Node) -> bool:
    """Whether the sum is all that a convolution or an affine is for."""
    alone = len(graph.consumers(node.output)) == 1 and not graph.is_output(node.output)
    return alone and bounds_of(node) is None and not node.attributes.get("constant")


def _as_convolution(node: Node) -> Node | None:
    """The node itself, or an affine as a depthwise 1 x 1; None: neither."""
    if node.op == "conv":
        return node
    channels = np.size(node.tensors["scale"]) if node.op == "affine" else 1
    if channels == 1:  # of one number for all channels, however many these are
        return None
    attributes = {"stride": (1, 1), "padding": (0, 0), "groups": channels}
    shift = np.broadcast_to(node.tensors["shift"], channels)
    tensors = {"weight": node.tensors["scale"].reshape(-1, 1, 1, 1), "bias": shift}
    return Node("conv", node.inputs, node.outputs, attributes, tensors)


def _of_as_many_groups(pair: list[Node]) -> list[Node]:
    """The two, a depthwise one beside one over all channels written as such."""
    groups = [node.attributes.get("groups", 1) for node in pair]
    if groups[0] == groups[1] or min(groups) != 1:
        return pair
    return [_over_all_channels(node) if count > 1 else node
            for node, count in zip(pair, groups, strict=True)]  # fmt: skip


def _over_all_channels(node: Node) -> Node:
    """A convolution in groups as one with zeros between them."""
    weight, groups = node.tensors["weight"], node.attributes["groups"]
    filters, channels = len(weight) // groups, weight.shape[1]
    whole = np.zeros((len(weight), channels * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * filters, (group + 1) * filters)
        whole[rows, group * channels : (group + 1) * channels] = weight[rows]
    tensors = {"weight": whole, "bias": node.tensors["bias"]}
    return Node("conv", node.inputs, node.outputs, node.attributes | {"groups": 1}, tensors)


def _on_one_raster(a: Node, b: Node) -> bool:
    """Whether both look at the same places: their weights can be laid upon each other."""
    if a.attributes["stride"] != b.attributes["stride"]:
        return False
    if len(a.tensors["weight"]) != len(b.tensors["weight"]):
        return False
    if a.attributes.get("groups", 1) != b.attributes.get("groups", 1):
        return False
    if dilation_of(a) != (1, 1) or dilation_of(b) != (1, 1):
        return False
    return _reach(a) == _reach(b)


def _reach(node: Node) -> tuple[int, ...]:
    """By how much a map shrinks along mels and frames; alike where kernels share their middle."""
    kernel = node.tensors["weight"].shape[2:]
    return tuple(k - 2 * p for k, p in zip(kernel, node.attributes["padding"], strict=True))


def _sum(a: Node, b: Node) -> Node:
    """One convolution with the larger padding of the two along each axis."""
    padding = np.maximum(a.attributes["padding"], b.attributes["padding"])
    weight = sum(
        np.pad(node.tensors["weight"].astype(np.float64), [(0, 0), (0, 0), *_around(node, padding)])
        for node in (a, b)
    )
    tensors = {"weight": weight, "bias": a.tensors["bias"] + b.tensors["bias"]}
    attributes = a.attributes | {"padding": tuple(int(p) for p in padding)}
    return Node("conv", a.inputs, a.outputs, attributes, tensors)


def _around(node: Node, padding: np.ndarray) -> list[tuple[int, int]]:
    more = padding - np.asarray(node.attributes["padding"])
    return [(int(n), int(n)) for n in more]
