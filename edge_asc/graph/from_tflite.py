"""A .tflite file of ours → the graph it was written from: `to_tflite` of it gives the same bytes.

So a file can be built upon where there is no torch: its last layer taken off, another put on.
Only what `to_tflite` writes is understood, in float32 and int8; names of inner values are gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_asc.budget.tflite.schema import Operator, Subgraph, Tensor, read_subgraphs
from edge_asc.budget.tflite.shapes import SAME
from edge_asc.graph.graph import Graph, Grid, Node

RELU = 1  # schema.fbs: ActivationFunctionType
FILE_AXIS = {0: 3, 1: 1, 2: 2}  # graph axis [C, M, F] -> file axis [1, M, F, C]
GRAPH_AXIS = {file_axis: axis for axis, file_axis in FILE_AXIS.items()}
PLAIN = {"MAXIMUM": "max", "LOGISTIC": "sigmoid", "RELU": "relu", "SPLIT": "split",
         "L2_NORMALIZATION": "l2_normalise",
         "TRANSPOSE": "transpose", "RESHAPE": "flatten"}  # fmt: skip
FUSED = {"ADD": "add", "MUL": "mul"}


def from_tflite(data: bytes) -> tuple[Graph, int]:
    """Read a file that `to_tflite` wrote.

    Returns:
        The folded graph, and the number of frames its input is declared with.

    Raises:
        ValueError: a damaged file, or one with operators or numbers that we do not write.
    """
    graph = read_subgraphs(data)[0]
    reader = _Reader(graph)
    for operator in graph.operators:
        reader.take(operator)
    return reader.finish()


@dataclass
class _Reader:
    """Turns operators into nodes, one after the other."""

    file: Subgraph
    nodes: list[Node] = field(default_factory=list)
    padded: dict[int, tuple[int, tuple[int, int]]] = field(default_factory=dict)
    flat: dict[int, str] = field(default_factory=dict)

    def take(self, operator: Operator) -> None:
        """Add what an operator stands for."""
        if operator.name in PLAIN:
            return self.add(PLAIN[operator.name], operator)
        if operator.name in FUSED:
            relu = operator.option(0, "b") == RELU
            return self.add(FUSED[operator.name], operator, **({"relu": True} if relu else {}))
        if operator.name not in READERS:
            raise ValueError(f"operator {operator.name}: none of those that edge-asc writes")
        return READERS[operator.name](self, operator)

    def add(self, op: str, operator: Operator, **attributes: Any) -> None:
        """Add a node whose inputs are those of the operator that are no constants."""
        inputs = [i for i in operator.inputs if self.file.tensors[i].data is None]
        outputs = tuple(map(self.name, operator.outputs))
        self.nodes.append(Node(op, tuple(map(self.name, inputs)), outputs, attributes))

    def name(self, tensor: int) -> str:
        """Of the value that lies in a tensor."""
        return f"v{tensor}"

    def numbers(self, tensor: int) -> np.ndarray:
        """A constant, in the file's layout."""
        found: Tensor = self.file.tensors[tensor]
        if found.data is None or found.dtype not in ("float32", "int8", "int32"):
            raise ValueError(f"weights in {found.dtype}: only float32 and int8 are read back")
        return np.frombuffer(found.data, found.dtype).reshape(found.shape).copy()

    def grid(self, tensor: int) -> Grid | None:
        """The grid of a value; None in a float file."""
        found = self.file.tensors[tensor]
        if not found.scales:
            return None
        (scale,), (zero_point,) = found.scales, found.zero_points
        return Grid(scale, zero_point)

    def weights(
        self, operator: Operator, layout: Callable[[np.ndarray], np.ndarray], source: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Tensors of a layer with weights, and the attribute that goes with integers."""
        _, weight, bias = operator.inputs
        tensors = {"weight": layout(self.numbers(weight)), "bias": self.numbers(bias)}
        scales, grid = self.file.tensors[weight].scales, self.grid(source)
        if not scales or grid is None:
            return tensors, {}
        tensors["weight_scale"] = np.full(len(tensors["bias"]), scales, np.float32)
        return tensors, {"input_scale": grid.scale}

    def flattened(self, tensor: int) -> str:
        """A vector out of `[1, 1, 1, C]`, for which the file needs no operator."""
        if len(self.file.tensors[tensor].shape) == 2:
            return self.name(tensor)
        if tensor not in self.flat:
            self.flat[tensor] = f"{self.name(tensor)}_flat"
            self.nodes.append(Node("flatten", (self.name(tensor),), (self.flat[tensor],)))
        return self.flat[tensor]

    def finish(self) -> tuple[Graph, int]:
        """The graph with the grids of all its values."""
        (source,) = self.file.inputs
        _, n_mels, n_frames, _ = self.file.tensors[source].shape
        outputs = {self.file.tensors[i].name: self.name(i) for i in self.file.outputs}
        used = {v for node in self.nodes for v in (*node.inputs, *node.outputs)}
        grids = {}
        for tensor in range(len(self.file.tensors)):
            grid = self.grid(tensor) if self.name(tensor) in used else None
            if grid is not None:
                grids[self.name(tensor)] = grid
                if tensor in self.flat:
                    grids[self.flat[tensor]] = grid
        return Graph(self.nodes, self.name(source), n_mels, outputs, grids), n_frames


def _pad(reader: _Reader, operator: Operator) -> None:
    source, widths = operator.inputs
    _, (mels, _), (frames, _), _ = reader.numbers(widths).tolist()
    reader.padded[operator.outputs[0]] = source, (mels, frames)


def _conv(reader: _Reader, operator: Operator) -> None:
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    source, padding = reader.padded.get(operator.inputs[0], (operator.inputs[0], (0, 0)))
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    tensors, attributes = reader.weights(operator, lambda w: w.transpose(order), source)
    weight = tensors["weight"]
    if operator.option(0, "b") == SAME:
        high, wide = weight.shape[2:]
        padding = (high - 1) // 2, (wide - 1) // 2
    attributes |= {
        "stride": (operator.positive(2), operator.positive(1)),
        "padding": padding,
        "groups": len(weight) if depthwise else 1,
        "relu": operator.option(4 if depthwise else 3, "b") == RELU,
    }
    names = (reader.name(source),), (reader.name(operator.outputs[0]),)
    reader.nodes.append(Node("conv", *names, attributes, tensors))


def _linear(reader: _Reader, operator: Operator) -> None:
    source = operator.inputs[0]
    value = reader.flattened(source)
    maker = next((o for o in reader.file.operators if source in o.outputs), None)
    reshaped = maker is not None and maker.name == "RESHAPE"
    shape = reader.file.tensors[maker.inputs[0]].shape[1:] if maker and reshaped else None

    def layout(weight: np.ndarray) -> np.ndarray:  # the file flattens [M, F, C], torch [C, M, F]
        if shape is None:
            return weight
        return weight.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(weight), -1)

    tensors, attributes = reader.weights(operator, layout, source)
    attributes["relu"] = operator.option(0, "b") == RELU
    reader.nodes.append(
        Node("linear", (value,), (reader.name(operator.outputs[0]),), attributes, tensors)
    )


def _max_pool(reader: _Reader, operator: Operator) -> None:
    reader.add(
        "max_pool",
        operator,
        kernel=(operator.positive(4), operator.positive(3)),
        stride=(operator.positive(2), operator.positive(1)),
        padding=(0, 0),
        ceil=operator.option(0, "b") == SAME,
    )


def _reduce(ops: dict[tuple[int, ...], str]) -> Callable[[_Reader, Operator], None]:
    def read(reader: _Reader, operator: Operator) -> None:
        axes = tuple(np.atleast_1d(reader.numbers(operator.inputs[1])).tolist())
        if axes not in ops:
            raise ValueError(f"{operator.name} over axes {axes}: not written by edge-asc")
        reader.add(ops[axes], operator)

    return read


def _concat(reader: _Reader, operator: Operator) -> None:
    is_vector = len(reader.file.tensors[operator.outputs[0]].shape) == 2
    reader.add("concat", operator, axis=0 if is_vector else GRAPH_AXIS[operator.option(0)])


def _leaky_relu(reader: _Reader, operator: Operator) -> None:
    options = operator.options
    at = options.at(0) if options else None
    slope = float(options.flat.number("f", at)) if options and at is not None else 0.0
    reader.add("leaky_relu", operator, slope=slope)


READERS: dict[str, Callable[[_Reader, Operator], None]] = {
    "PAD": _pad,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "FULLY_CONNECTED": _linear,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _reduce({(1, 2): "global_mean"}),
    "REDUCE_MAX": _reduce({(1, 2): "global_max", (3,): "channel_max"}),
    "CONCATENATION": _concat,
    "LEAKY_RELU": _leaky_relu,
}
