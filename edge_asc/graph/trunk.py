"""The part of a .tflite file of ours in integers that turns features into an embedding.

An encoder's file ends there. Of a classifier's file the last layer is taken off.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph, Node
from edge_asc.runtime.metadata import Metadata, file_format, metadata_of

SCENE = "scene"


@dataclass(frozen=True)
class Trunk:
    """What is built upon.

    Attributes:
        graph: quantised, without a head; its output `scene` is the embedding.
        n_frames: that its input is declared with.
        metadata: what the file says.
    """

    graph: Graph
    n_frames: int
    metadata: Metadata

    @property
    def value(self) -> str:
        """The graph's value that is the embedding."""
        return self.graph.outputs[SCENE]

    @property
    def size(self) -> int:
        """Numbers of an embedding."""
        return self.graph.shapes(self.n_frames)[self.value][0]


def read_trunk(path: Path) -> Trunk:
    """Read a file that can be built upon.

    Raises:
        ValueError: no .tflite file of ours in integers, a static one, or its last layer cannot be
            taken off.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    metadata = metadata_of(data, str(path))
    if file_format(data) != "tflite":
        raise ValueError(f"{path}: no .tflite file, which alone can be built upon")
    if metadata.frames is not None:
        only = f"a static file, which takes {metadata.frames} frames alone"
        raise ValueError(f"{path}: {only}: build upon the dynamic file that it was made from")
    graph, n_frames = from_tflite(data)
    if not graph.is_quantised:
        raise ValueError(f"{path}: is {metadata.precision}; an int8 file can be built upon")
    kept = graph if metadata.kind == "encoder" else without_head(graph, str(path))
    return Trunk(kept, n_frames, metadata)


def without_head(graph: Graph, name: str = "model") -> Graph:
    """A classifier's graph up to what its last layer reads.

    Raises:
        ValueError: that layer is not linear, or reads mels and frames.
    """
    last = graph.producer(graph.outputs[SCENE])
    if last is None or last.op != "linear":
        raise ValueError(f"{name}: its last layer is not linear, so it cannot be taken off")
    (value,) = last.inputs
    before = graph.producer(value)
    if before is not None and before.op == "flatten" and graph.has_fixed_length():
        raise ValueError(f"{name}: its last layer reads mels and frames; it takes one length alone")
    return _ending_with(graph, value)


def without_length(graph: Graph) -> Graph:
    """An encoder's graph without the division of its embeddings by their length, if it has one."""
    last = graph.producer(graph.outputs[SCENE])
    if last is None or last.op != "l2_normalise":
        return graph
    (value,) = last.inputs
    return _ending_with(graph, value)


def _ending_with(graph: Graph, value: str) -> Graph:
    """The part of a graph that a value needs, with that value as its output."""
    kept = _upstream(graph, value)
    used = {v for node in kept for v in (*node.inputs, *node.outputs)}
    grids = {v: grid for v, grid in graph.grids.items() if v in used}
    return replace(graph, nodes=kept, outputs={SCENE: value}, grids=grids)


def _upstream(graph: Graph, value: str) -> list[Node]:
    """The nodes that a value needs, in their order."""
    needed, kept = {value}, []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            needed |= set(node.inputs)
            kept.append(node)
    return kept[::-1]
