"""Which network is this? A digest of what it computes, whoever wrote its file."""

import hashlib
from collections.abc import Iterator

from edge_asc.graph.graph import Graph, Node


def digest_of(graph: Graph) -> str:
    """SHA-256 over ops, what they read, their numbers and grids, in order.

    Names of values and of files' formats are no part of it, so a later writer leaves it alone.
    """
    places = {graph.input: 0}
    found = hashlib.sha256()
    for node in graph.nodes:
        for value in node.outputs:
            places[value] = len(places)
        for part in _parts(graph, node, places):
            found.update(part)
    return found.hexdigest()


def _parts(graph: Graph, node: Node, places: dict[str, int]) -> Iterator[bytes]:
    yield f"{node.op} {[places[value] for value in node.inputs]}".encode()
    for key, array in sorted(node.tensors.items()):
        yield f" {key} {array.dtype.str} {array.shape} ".encode()
        yield array.tobytes()
    for value in node.outputs:
        grid = graph.grids.get(value)
        yield f" {grid.scale!r} {grid.zero_point}".encode() if grid else b" real"
