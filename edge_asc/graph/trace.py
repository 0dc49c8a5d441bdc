"""torch network → float graph, by symbolic tracing.

Works for any network made of the modules and functions in the tables below; another op is an error
that names it. Dropout and Identity vanish.
"""

import operator
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from edge_asc.graph.graph import Graph, Node

OUTPUT_NAMES = ("scene", "abstract")


@runtime_checkable
class HasGraph(Protocol):
    """A network that was made of a graph and says itself what it has become."""

    def to_graph(self, n_mels: int) -> Graph:
        """The float graph with the weights of now; ValueError where it takes other mels."""


def trace(network: nn.Module, n_mels: int) -> Graph:
    """Read the graph of a network in eval mode, batch norm still apart.

    Args:
        network: `[B, 1, M, F] ->` logits `[B, S]`, or a tuple of logits; left as it is.
        n_mels: M.

    Raises:
        ValueError: an op that the graph does not have.

    Example:
        >>> from torch import nn
        >>> layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        >>> net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3))
        >>> [node.op for node in ea.trace(net, n_mels=64).nodes]
        ['conv', 'affine', 'relu', 'global_mean', 'flatten', 'linear']
    """
    if isinstance(network, HasGraph):
        return network.to_graph(n_mels)
    training = network.training
    try:
        traced = fx.symbolic_trace(network.eval())
    finally:
        network.train(training)
    return _Reader(traced, n_mels).graph


def array(tensor: Tensor) -> np.ndarray:
    """Float32 numbers of a parameter."""
    return tensor.detach().float().cpu().numpy()


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """A size that torch lets one write as one number."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class _Reader:
    def __init__(self, traced: fx.GraphModule, n_mels: int) -> None:
        self.modules = dict(traced.named_modules())
        self.nodes: list[Node] = []
        self.names: dict[Any, Any] = {}  # fx node -> value name, or names where it has several
        for fx_node in traced.graph.nodes:
            self.read(fx_node)
        outputs = dict(zip(OUTPUT_NAMES, self.outputs, strict=False))
        self.graph = Graph(self.nodes, self.input, n_mels, outputs)

    def read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.input = self.names[node] = node.name
        elif node.op == "output":
            result = node.args[0]
            heads = [result] if isinstance(result, fx.Node) else result
            self.outputs = [self.names[value] for value in heads]  # type: ignore[union-attr]
        elif node.op == "call_module":
            self.read_module(node, self.modules[str(node.target)])
        else:
            self.read_function(node)

    def emit(self, op: str, node: fx.Node, *inputs: Any, **fields: Any) -> None:
        names = tuple(self.names[value] for value in inputs)
        self.nodes.append(Node(op, names, (node.name,), **fields))
        self.names[node] = node.name

    def read_module(self, node: fx.Node, module: nn.Module) -> None:
        x = node.args[0]
        if isinstance(module, nn.Identity | nn.Dropout | nn.Dropout2d):
            self.names[node] = self.names[x]
        elif (reader := MODULE_READERS.get(type(module))) is None:
            raise ValueError(f"layer {node.target}: {type(module).__name__} has no op in the graph")
        else:
            op, fields = reader(module)
            self.emit(op, node, x, **fields)

    def read_function(self, node: fx.Node) -> None:
        target = getattr(Tensor, node.target) if isinstance(node.target, str) else node.target
        reader = FUNCTION_READERS.get(target)
        if reader is None:
            raise ValueError(f"function {node.name}: {node.target} has no op in the graph")
        reader(self, node)


def _conv(conv: nn.Conv2d) -> tuple[str, dict]:
    if conv.dilation != (1, 1) or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        raise ValueError(f"{conv}: only plain zero-padded convolutions have an op in the graph")
    if conv.groups not in (1, conv.in_channels):
        raise ValueError(f"{conv}: groups must be 1 or the number of input channels")
    attributes = {"stride": conv.stride, "padding": conv.padding, "groups": conv.groups}
    return "conv", {"attributes": attributes, "tensors": _weights(conv)}


def _weights(layer: nn.Conv2d | nn.Linear) -> dict[str, np.ndarray]:
    bias = np.zeros(len(layer.weight), np.float32) if layer.bias is None else array(layer.bias)
    return {"weight": array(layer.weight), "bias": bias}


def _batch_norm(norm: nn.BatchNorm2d) -> tuple[str, dict]:
    if not (norm.affine and norm.track_running_stats):
        raise ValueError(f"{norm}: batch norm must have scale, shift and running statistics")
    mean, var, weight, bias = (
        t.detach().double().cpu().numpy()
        for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        if t is not None
    )
    scale = weight / np.sqrt(var + norm.eps)
    return "affine", {"tensors": {"scale": scale, "shift": bias - mean * scale}}


def _max_pool(pool: nn.MaxPool2d) -> tuple[str, dict]:
    if pair(pool.dilation) != (1, 1):
        raise ValueError(f"{pool}: only pooling without dilation has an op in the graph")
    return "max_pool", {"attributes": _window(pool) | {"ceil": pool.ceil_mode}}


def _avg_pool(pool: nn.AvgPool2d) -> tuple[str, dict]:
    if pool.ceil_mode or not pool.count_include_pad:
        raise ValueError(f"{pool}: average pooling must count its padding and round down")
    return "avg_pool", {"attributes": _window(pool)}


def _to_one_module(op: str) -> Callable[[Any], tuple[str, dict]]:
    def read(pool: nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) -> tuple[str, dict]:
        if pair(pool.output_size) != (1, 1):  # type: ignore[arg-type]
            raise ValueError(f"{pool}: only adaptive pooling to 1 x 1 has an op in the graph")
        return op, {}

    return read


def _flatten_module(flatten: nn.Flatten) -> tuple[str, dict]:
    if (flatten.start_dim, flatten.end_dim) != (1, -1):
        raise ValueError(f"{flatten}: only all axes but the first are flattened")
    return "flatten", {}


def _window(pool: Any) -> dict[str, tuple[int, int]]:
    return {name: pair(getattr(pool, f"{name}{end}"))
            for name, end in (("kernel", "_size"), ("stride", ""), ("padding", ""))}  # fmt: skip


MODULE_READERS: dict[type[nn.Module], Callable[[Any], tuple[str, dict]]] = {
    nn.Conv2d: _conv,
    nn.Linear: lambda linear: ("linear", {"tensors": _weights(linear)}),
    nn.BatchNorm2d: _batch_norm,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.AdaptiveAvgPool2d: _to_one_module("global_mean"),
    nn.AdaptiveMaxPool2d: _to_one_module("global_max"),
    nn.Flatten: _flatten_module,
    nn.ReLU: lambda module: ("relu", {}),
    nn.Sigmoid: lambda module: ("sigmoid", {}),
    nn.LeakyReLU: lambda module: ("leaky_relu", {"attributes": {"slope": module.negative_slope}}),
}


def _unary(op: str) -> Callable[[_Reader, fx.Node], None]:
    return lambda reader, node: reader.emit(op, node, node.args[0])


def _binary(op: str) -> Callable[[_Reader, fx.Node], None]:
    def read(reader: _Reader, node: fx.Node) -> None:
        values = [arg for arg in node.args if isinstance(arg, fx.Node)]
        factors = [arg for arg in node.args if isinstance(arg, int | float)]
        if not factors:
            reader.emit(op, node, *values)
        elif op == "mul":
            scale = {"scale": np.array(factors, np.float64), "shift": np.zeros(1)}
            reader.emit("affine", node, *values, tensors=scale)
        else:
            raise ValueError(f"function {node.name}: {op} with a constant has no op in the graph")

    return read


def _chunk(reader: _Reader, node: fx.Node) -> None:
    if node.args[1] != 2 or node.kwargs.get("dim") != 1:
        raise ValueError(f"function {node.name}: only chunk(2, dim=1) has an op in the graph")
    names = (f"{node.name}_a", f"{node.name}_b")
    reader.nodes.append(Node("split", (reader.names[node.args[0]],), names))
    reader.names[node] = names


def _getitem(reader: _Reader, node: fx.Node) -> None:
    whole, index = node.args
    reader.names[node] = reader.names[whole][index]


def _transpose(reader: _Reader, node: fx.Node) -> None:
    if node.args[1:] != (1, 3):
        raise ValueError(f"function {node.name}: only transpose(1, 3) has an op in the graph")
    reader.emit("transpose", node, node.args[0])


def _cat(reader: _Reader, node: fx.Node) -> None:
    axis = node.kwargs["dim"] - 1  # type: ignore[operator]
    reader.emit("concat", node, *node.args[0], attributes={"axis": axis})  # type: ignore[misc]


def _reduce(over_channels: str, over_map: str) -> Callable[[_Reader, fx.Node], None]:
    """A mean or maximum over channels, which stay an axis, or over mels and frames."""

    def read(reader: _Reader, node: fx.Node) -> None:
        dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        axes = sorted(d % 4 for d in ([dims] if isinstance(dims, int) else dims or ()))  # type: ignore[union-attr,operator]
        kept = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
        if axes == [1] and kept:
            reader.emit(over_channels, node, node.args[0])
        elif axes == [2, 3]:
            reader.emit(over_map, node, node.args[0])
            if not kept:
                pooled, name = node.name, f"{node.name}_flat"
                reader.nodes.append(Node("flatten", (pooled,), (name,)))
                reader.names[node] = name
        else:
            raise ValueError(
                f"function {node.name}: only over dims (2, 3), or over dim 1 with keepdim"
            )

    return read


def _flatten(reader: _Reader, node: fx.Node) -> None:
    start = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
    if start != 1 or len(node.args) > 2 or "end_dim" in node.kwargs:
        raise ValueError(f"function {node.name}: only flatten(1) has an op in the graph")
    reader.emit("flatten", node, node.args[0])


def _dropout(reader: _Reader, node: fx.Node) -> None:
    """Nothing, in a finished network."""
    if node.args[2] if len(node.args) > 2 else node.kwargs.get("training", True):
        raise ValueError(f"function {node.name}: dropout is on (training=self.training is missing)")
    reader.names[node] = reader.names[node.args[0]]


def _normalize(reader: _Reader, node: fx.Node) -> None:
    plain = {"p": 2.0, "dim": 1, "eps": 1e-12, "out": None}
    if node.args[1:] or plain | node.kwargs != plain:
        raise ValueError(f"function {node.name}: only normalize(x), by the length along dim 1")
    reader.emit("l2_normalise", node, node.args[0])


def _to_one(op: str) -> Callable[[_Reader, fx.Node], None]:
    def read(reader: _Reader, node: fx.Node) -> None:
        if node.args[1:] != (1,):
            raise ValueError(f"function {node.name}: only adaptive pooling to 1 x 1")
        reader.emit(op, node, node.args[0])

    return read


FUNCTION_READERS: dict[Any, Callable[[_Reader, fx.Node], None]] = {
    **dict.fromkeys((torch.max, torch.maximum), _binary("max")),
    **dict.fromkeys((operator.mul, torch.mul, Tensor.mul), _binary("mul")),
    **dict.fromkeys((operator.add, operator.iadd, torch.add, Tensor.add), _binary("add")),
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), _unary("relu")),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid), _unary("sigmoid")),
    **dict.fromkeys((torch.flatten, Tensor.flatten), _flatten),
    **dict.fromkeys((torch.mean, Tensor.mean), _reduce("channel_mean", "global_mean")),
    **dict.fromkeys((torch.amax, Tensor.amax), _reduce("channel_max", "global_max")),
    operator.getitem: _getitem,
    F.dropout: _dropout,
    F.normalize: _normalize,
    torch.cat: _cat,
    Tensor.chunk: _chunk,
    Tensor.transpose: _transpose,
    F.adaptive_avg_pool2d: _to_one("global_mean"),
    F.adaptive_max_pool2d: _to_one("global_max"),
}
