"""Graph → .tflite bytes, written directly as a flatbuffer: no TensorFlow, no transposes.

Layout is `[1, M, F, C]`. The graph's numbers go into the file unchanged: float32, float16 (storage
only: kernels compute in float32), or int8 with the graph's own grids, weights of four bits packed
by two. The number of frames is dynamic wherever the network allows it. Table slots and enums:
TensorFlow Lite's schema.fbs.
"""

from collections.abc import Mapping
from functools import partial

from edge_asc.budget.tflite.arena import arena_of
from edge_asc.budget.tflite.schema import read_subgraphs
from edge_asc.budget.tflite.shapes import Shapes
from edge_asc.export.tflite.layers import EMITTERS
from edge_asc.export.tflite.writer import Writer
from edge_asc.graph.graph import Graph
from edge_asc.runtime.trust.digest import seal


def to_tflite(
    graph: Graph,
    n_frames: int,
    metadata: Mapping[str, bytes] | None = None,
    half: bool = False,
    static: bool = False,
) -> bytes:
    """The bytes of a folded graph as a `.tflite` file, for an interpreter.

    Args:
        graph: float or quantised; a quantised graph gives int8 input and outputs.
        n_frames: the length that the input is declared with.
        metadata: entries of `Model.metadata`.
        half: store a float graph's weights as float16.
        static: write no dynamic axis, as runtimes and compilers for microcontrollers ask for.

    Raises:
        ValueError: not folded, or an op that has no faithful form in the file.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> ea.to_tflite(ea.fold(ea.trace(net, n_mels=64)), n_frames=100)[4:8]
        b'TFL3'
    """
    graph.check_writable(n_frames)
    static = static or graph.has_fixed_length(n_frames)
    writer = partial(Writer, graph, n_frames, half, metadata or {}, static)
    first = _written(writer())
    data = first.finish()
    if static:  # of two orders the one that TensorFlow Lite Micro places in less memory
        other = _written(writer(n_reversed=len(first.tensors))).finish()
        data = min(data, other, key=_arena_bytes)
    return seal(data)


def _written(writer: Writer) -> Writer:
    for node in writer.graph.nodes:
        EMITTERS[node.op](writer, node)
    return writer


def _arena_bytes(data: bytes) -> int:
    return arena_of(Shapes(read_subgraphs(data)[0])) or 0
