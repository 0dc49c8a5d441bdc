"""Channels and mels that are joined for layers over frames: the layers read the map instead.

A 1-D convolution of `[C · M, 1, F]` is one over all mels of `[C, M, F]`, and moves nothing. So a
`regroup` goes towards the outputs, past what treats each number or each frame alike, until a layer
takes it in. What is left is written by the files as it is.
"""

from dataclasses import replace

from edge_asc.graph.folding.maps import ONE_VALUE
from edge_asc.graph.graph import Graph, Node, Shape

FRAMES = 2
ONE_ROW = {"global_mean": "axis_mean", "global_max": "axis_max"}  # over frames: there is one mel
WINDOWS = frozenset({"max_pool", "avg_pool", "mean_pool"})


def sink_regroups(graph: Graph) -> None:
    """Move each `regroup` behind its readers, or into them, while all of them allow it."""
    while any(_sunk(graph, node) for node in graph.nodes if node.op == "regroup"):
        pass


def _sunk(graph: Graph, regroup: Node) -> bool:
    (source,), result = regroup.inputs, regroup.output
    shapes = graph.shapes()
    before, after = shapes[source], shapes[result]
    readers = graph.consumers(result)
    if graph.is_output(result) or not readers:
        return False
    if not all(_allows(reader, after) for reader in readers):
        return False
    for reader in readers:
        reader.inputs = (source,)
        if reader.op == "conv":
            _over_all_mels(reader, before)
        elif reader.op not in ("flatten", "regroup"):
            _change_places(graph, reader, regroup)
        elif reader.op == "regroup" and reader.attributes["channels"] == before[0]:
            _take_out(graph, reader)
    graph.nodes.remove(regroup)
    return True


def _allows(reader: Node, shape: Shape) -> bool:
    """Whether a reader of a regrouped value of this shape computes the same in front of it."""
    a, one_row = reader.attributes, shape[1] == 1
    if reader.op == "conv":
        weight = reader.tensors["weight"]
        return one_row and a["groups"] == 1 and weight.shape[2] == 1 and a["padding"][0] == 0
    if reader.op == "affine":
        return all(tensor.size == 1 for tensor in reader.tensors.values())
    if reader.op in WINDOWS:
        return (a["kernel"][0], a["stride"][0], a["padding"][0]) == (1, 1, 0)
    if reader.op == "pad":
        return not any(map(any, a["widths"][:FRAMES]))
    if reader.op in ("axis_mean", "axis_max", "cut"):
        return bool(a["axis"] == FRAMES)
    return (
        reader.op in ("flatten", "regroup")
        or (reader.op in ONE_VALUE and reader.op != "l2_normalise")
        or (reader.op in ONE_ROW and one_row)
    )


def _over_all_mels(conv: Node, shape: Shape) -> None:
    """Its kernel becomes as high as the map, which leaves one row."""
    weight = conv.tensors["weight"]
    conv.tensors["weight"] = weight.reshape(len(weight), *shape[:2], weight.shape[3])
    conv.attributes["stride"] = (1, conv.attributes["stride"][1])
    if "dilation" in conv.attributes:
        conv.attributes["dilation"] = (1, conv.attributes["dilation"][1])


def _change_places(graph: Graph, reader: Node, regroup: Node) -> None:
    """The reader computes first, and its result is regrouped."""
    result = reader.output
    reader.outputs = (f"{result}_unjoined",)
    if reader.op in ONE_ROW:
        reader.op, reader.attributes = ONE_ROW[reader.op], {"axis": FRAMES}
    behind = replace(regroup, inputs=reader.outputs, outputs=(result,))
    graph.nodes.insert(graph.nodes.index(reader) + 1, behind)


def _take_out(graph: Graph, node: Node) -> None:
    (source,) = node.inputs
    for reader in graph.nodes:
        reader.inputs = tuple(source if v == node.output else v for v in reader.inputs)
    graph.outputs = {k: source if v == node.output else v for k, v in graph.outputs.items()}
    graph.nodes.remove(node)
