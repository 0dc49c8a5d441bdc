"""Model files whose weights lie in another file: which one that is, a folder or a name decides.

ONNX Runtime takes them from the folder it was started in. No file of ours has any.
"""

from collections.abc import Iterator

from edge_asc.runtime.formats.flatbuffer import Flat
from edge_asc.runtime.formats.protobuf import ProtoError, fields

# schema.fbs: slots
SUBGRAPHS, TENSORS, EXTERNAL_BUFFER, EXTERNAL_GROUPS = 2, 0, 10, 8
# onnx.proto: by message, the fields that lead on to tensors, and what they lead to
LEADS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION, EXTERNAL = 13, 14, 1
MOST_LEVELS = 64  # of graphs inside nodes inside graphs


def weights_elsewhere(data: bytes, file_format: str) -> bool:
    """Whether a tensor's numbers lie in another file.

    Raises:
        ValueError: a damaged file.
    """
    if file_format == "onnx":
        return any(map(_is_external, _tensors(memoryview(data), "model", 0)))
    model = Flat(data).root()
    if model.at(EXTERNAL_GROUPS) is not None:
        return True
    graphs = model.tables(SUBGRAPHS)
    return any(t.integer(EXTERNAL_BUFFER, "I") for g in graphs for t in g.tables(TENSORS))


def _tensors(message: memoryview, kind: str, level: int) -> Iterator[memoryview]:
    if kind == "tensor":
        yield message
        return
    if level > MOST_LEVELS:
        raise ProtoError(f"graphs within graphs, more than {MOST_LEVELS} levels")
    for number, value in fields(message):
        if number in LEADS[kind] and isinstance(value, memoryview):
            yield from _tensors(value, LEADS[kind][number], level + 1)


def _is_external(tensor: memoryview) -> bool:
    return any(
        number == EXTERNAL_DATA or (number == DATA_LOCATION and value == EXTERNAL)
        for number, value in fields(tensor)
    )
