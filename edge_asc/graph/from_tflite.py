"""A .tflite file of ours → the graph it was written from: `to_tflite` of it gives the same bytes.

So a file can be built upon where there is no torch: its last layer taken off, another put on.
Only what `to_tflite` writes is understood; names of inner values are gone. What a float16 file
holds comes back as float32, to be written with `half`.
"""

from collections.abc import Callable

from edge_asc.budget.tflite.schema import Operator, read_subgraphs
from edge_asc.graph.graph import Graph
from edge_asc.graph.reading import layers, moves
from edge_asc.graph.reading.reader import Reader

PLAIN = {"LOGISTIC": "sigmoid", "RELU": "relu", "SPLIT": "split", "TANH": "tanh",
         "HARD_SWISH": "hardswish", "L2_NORMALIZATION": "l2_normalise", "ELU": "elu",
         "SQRT": "sqrt", "RSQRT": "rsqrt"}  # fmt: skip
FUSED = {"ADD": "add", "MUL": "mul", "DIV": "div"}


def from_tflite(data: bytes) -> tuple[Graph, int]:
    """Read a file that `to_tflite` wrote.

    Returns:
        The folded graph, and the number of frames its input is declared with.

    Raises:
        ValueError: a damaged file, or one with operators or numbers that we do not write.
    """
    graph = read_subgraphs(data)[0]
    reader = Reader(graph)
    for operator in graph.operators:
        _take(reader, operator)
    return reader.finish()


def _take(reader: Reader, operator: Operator) -> None:
    """Add what an operator stands for."""
    if operator.name in PLAIN:
        return reader.add(PLAIN[operator.name], operator)
    if operator.name in FUSED:
        taken = layers.bounds_taken(operator, 0)
        return reader.add(FUSED[operator.name], operator, **taken)
    if operator.name not in READERS:
        raise ValueError(f"operator {operator.name}: none of those that edge-asc writes")
    return READERS[operator.name](reader, operator)


READERS: dict[str, Callable[[Reader, Operator], None]] = {
    **dict.fromkeys(("PAD", "PADV2"), layers.pad),
    **dict.fromkeys(layers.CONVOLUTIONS, layers.conv),
    "DEQUANTIZE": layers.dequantize,
    "FULLY_CONNECTED": layers.linear,
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), layers.pool),
    "MEAN": layers.reduce({(1, 2): "global_mean"}, "axis_mean"),
    "REDUCE_MAX": layers.reduce({(1, 2): "global_max", (3,): "channel_max"}, "axis_max"),
    "MAXIMUM": layers.between("max", "low"),
    "MINIMUM": layers.between("min", "high"),
    "RELU6": layers.clip((0.0, 6.0)),
    "RELU_N1_TO_1": layers.clip((-1.0, 1.0)),
    "RESHAPE": moves.reshape,
    "TRANSPOSE": moves.transpose,
    "GATHER": moves.gather,
    "STRIDED_SLICE": moves.piece,
    "CONCATENATION": moves.concat,
    "LEAKY_RELU": layers.leaky_relu,
    "GELU": lambda reader, operator: reader.add(
        "gelu", operator, tanh=bool(operator.option(0, "b"))
    ),
}
