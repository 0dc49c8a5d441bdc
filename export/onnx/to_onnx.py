"""Graph → .onnx bytes, with operators that every runtime since onnxruntime 1.19 has.

Layout is `[N, C, M, F]` with batch and frames dynamic; input and outputs are float32. Linear layers
are written as convolutions over what they flatten. An int8 graph keeps its numbers as uint8 (zero
points moved by 128): convolutions are QLinearConv, splits, pools and concatenations run on the
integers, the other ops between DequantizeLinear and QuantizeLinear. Weights are uint8 as well: by
int8 ones ONNX Runtime multiplies in saturating 16 bits on x86 without VNNI (`unsigned_weights.py`).
float16 and weights of four bits are storage only: they are cast when the file is loaded.
"""

from collections.abc import Mapping

import onnx

from edge_asc.export.onnx.layers import EMITTERS
from edge_asc.export.onnx.writer import Writer
from edge_asc.graph.graph import Graph
from edge_asc.runtime.trust.digest import seal


def to_onnx(
    graph: Graph,
    n_frames: int,
    metadata: Mapping[str, bytes] | None = None,
    half: bool = False,
    static: bool = False,
) -> bytes:
    """The bytes of a folded graph as an `.onnx` file.

    Args:
        graph: float or quantised; inputs and outputs are float32 in either.
        n_frames: matters only where the network takes one length alone, or to a static file.
        metadata: entries of `metadata_props`, UTF-8.
        half: store a float graph's weights as float16.
        static: write no dynamic axis: batches of one clip, of so many frames.

    Raises:
        ValueError: not folded, or an op that has no faithful form in the file.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> len(ea.to_onnx(ea.fold(ea.trace(net, n_mels=64)), n_frames=100)) > 320
        True
    """
    graph.check_writable(n_frames)
    writer = Writer(graph, n_frames, half, static)
    for node in graph.nodes:
        EMITTERS[node.op](writer, node)
    model = writer.finish(metadata or {})
    onnx.checker.check_model(model, full_check=True)
    return seal(model.SerializeToString())
