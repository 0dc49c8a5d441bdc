"""A torch module that runs a graph: float to be trained, or quantised as the files compute it.

Every node is a module of its own (`n0`, `n1`, …) that calls one torch function, so that NNCF names
its ops after nodes and the way back from a trained module to the graph is a table look-up.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.graph.graph import Graph, Grid, Node, bounds_of, per_channel, piece_of, turn_of


def module_name(index: int) -> str:
    """Name of the module that runs a graph's node."""
    return f"n{index}"


class Rounding(torch.autograd.Function):
    """`torch.fake_quantize_per_tensor_affine` to int8: the same numbers in a third of the time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float, zero_point: int) -> Tensor:
        """Round to the nearest of the grid's 256 numbers."""
        steps = (x * float(np.float32(1) / np.float32(scale))).round_()
        kept = steps.clamp(-128 - zero_point, 127 - zero_point)
        ctx.save_for_backward(kept == steps)
        return kept.mul_(scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Let the gradient pass inside the grid's range."""
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None


def fake_quantise(x: Tensor, grid: Grid) -> Tensor:
    """Round to the grid's 256 numbers; gradients pass inside its range."""
    if x.is_meta:  # counted, not computed
        return x
    return cast(Tensor, Rounding.apply(x, grid.scale, grid.zero_point))


class GraphNetwork(nn.Module):
    """`[B, 1, M, F]` → tuple of logits, as the network that the graph was traced from.

    A quantised graph runs on dequantised weights and rounds each value to its grid, which is what
    the integer kernels compute up to their rounding of the last step. So does a float graph with
    the values whose grids are known.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for index, node in enumerate(graph.nodes):
            self.add_module(module_name(index), make_module(node))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits in the order of `graph.outputs`."""
        values = self.values(x)
        return tuple(values[name] for name in self.graph.outputs.values())

    def values(self, x: Tensor) -> dict[str, Tensor]:
        """Every value of the graph by name, for ranges and tests."""
        values = {self.graph.input: self._on_grid(self.graph.input, x)}
        for index, node in enumerate(self.graph.nodes):
            results = self.get_submodule(module_name(index))(*(values[v] for v in node.inputs))
            for name, result in zip(node.outputs, _as_tuple(results), strict=True):
                values[name] = self._on_grid(name, result)
        return values

    def _on_grid(self, name: str, x: Tensor) -> Tensor:
        grid = self.graph.grids.get(name) or self.graph.known_grids.get(name)
        return x if grid is None else fake_quantise(x, grid)

    @torch.no_grad()
    def trained_graph(self) -> Graph:
        """The graph with the weights that this module holds now."""
        graph = deepcopy(self.graph)
        for index, node in enumerate(graph.nodes):
            for name in node.tensors:
                tensor = getattr(self.get_submodule(module_name(index)), name)
                node.tensors[name] = tensor.detach().float().cpu().numpy().copy()
        return graph


RELU = (0.0, math.inf)


def l2_normalise(x: Tensor) -> Tensor:
    """Divide `[B, C, …]` by its length along C; zeros stay."""
    return torch.div(x, torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min(1e-12))


def _as_tuple(values: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (values,) if isinstance(values, Tensor) else tuple(values)


class Convolution(nn.Module):
    """A `conv` or `linear` node; its weights are parameters unless the node says constant."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        weight, bias = (torch.from_numpy(t) for t in dequantised(node))
        trainable = not node.attributes.get("constant")
        self.weight = nn.Parameter(weight, requires_grad=trainable)
        self.bias = nn.Parameter(bias, requires_grad=trainable)
        self.window = {k: node.attributes[k] for k in ("stride", "padding", "groups", "dilation")
                       if k in node.attributes}  # fmt: skip
        self.bounds = bounds_of(node)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, then keep within the bounds that the node holds."""
        if self.window:
            y = F.conv2d(x, self.weight, self.bias, **self.window)
        else:
            y = F.linear(x, self.weight, self.bias)
        return within(y, self.bounds)


def within(x: Tensor, bounds: tuple[float, float] | None) -> Tensor:
    """The numbers, none beyond the bounds."""
    if bounds is None:
        return x
    return F.relu(x) if bounds == RELU else F.hardtanh(x, *bounds)


def dequantised(node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias as float32, whether the node holds floats or integers."""
    weight, bias = node.tensors["weight"], node.tensors["bias"]
    if "weight_scale" in node.tensors:
        scale = node.tensors["weight_scale"].astype(np.float64)
        weight = weight * per_channel(scale, weight.ndim)
        bias = bias * (scale * node.attributes["input_scale"])
    return weight.astype(np.float32), bias.astype(np.float32)


def as_float(graph: Graph) -> Graph:
    """A quantised graph with float weights, which can learn; it goes on rounding its values."""
    graph = deepcopy(graph)
    for node in graph.nodes:
        if "weight_scale" in node.tensors:
            node.tensors = dict(zip(("weight", "bias"), dequantised(node), strict=True))
            del node.attributes["input_scale"]
            node.attributes.pop("weight_bits", None)
    graph.grids, graph.known_grids = {}, graph.grids
    return graph


TensorFunction = Callable[..., Tensor | Sequence[Tensor]]


class Function(nn.Module):
    """A node without tensors."""

    def __init__(self, function: TensorFunction) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor | Sequence[Tensor]:
        """Call the function."""
        return self.function(*inputs)


def make_module(node: Node) -> nn.Module:
    """The module that runs one node of a folded graph."""
    if node.op in ("conv", "linear"):
        return Convolution(node)
    if node.op == "max_pool":
        kernel, stride, padding = (node.attributes[k] for k in ("kernel", "stride", "padding"))
        ceil = node.attributes["ceil"]
        return Function(lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil))
    if node.op == "mean_pool":
        return Function(_mean_pool(node))
    if node.op in MADE:
        return Function(MADE[node.op](node))
    function, bounds = FUNCTIONS[node.op], bounds_of(node)
    if node.op in ("add", "mul", "div") and bounds:
        return Function(lambda a, b: within(cast(Tensor, function(a, b)), bounds))
    return Function(function)


def _axis(node: Node) -> int:
    return node.attributes["axis"] + 1  # the batch axis comes first


def _mean_pool(node: Node) -> TensorFunction:
    kernel, stride, padding, ceil = (
        node.attributes[k] for k in ("kernel", "stride", "padding", "ceil")
    )
    return lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, count_include_pad=False)


def _gelu(node: Node) -> TensorFunction:
    form = "tanh" if node.attributes["tanh"] else "none"
    return lambda x: F.gelu(x, approximate=form)


def _take(node: Node) -> TensorFunction:
    axis, indices = _axis(node), torch.tensor(node.attributes["indices"])
    return lambda x: x.index_select(axis, indices.to(x.device))


def _pad(node: Node) -> TensorFunction:
    widths = [width for axis in reversed(node.attributes["widths"]) for width in axis]
    return lambda x: F.pad(x, widths)


def _transpose(node: Node) -> TensorFunction:
    order = [0, *(axis + 1 for axis in turn_of(node))]
    return lambda x: torch.permute(x, order)


def _regroup(node: Node) -> TensorFunction:
    channels = node.attributes["channels"]
    return lambda x: x.reshape(len(x), channels, -1, x.shape[3])


def _cut(node: Node) -> TensorFunction:
    where = *[slice(None)] * _axis(node), piece_of(node)
    return lambda x: x[where]


# Functions of a node's attributes.
MADE: dict[str, Callable[[Node], TensorFunction]] = {
    "concat": lambda node: lambda *parts: torch.cat(parts, dim=_axis(node)),
    "leaky_relu": lambda node: lambda x: F.leaky_relu(x, node.attributes["slope"]),
    "clip": lambda node: lambda x: within(x, bounds_of(node)),
    "axis_mean": lambda node: lambda x: torch.mean(x, dim=_axis(node), keepdim=True),
    "axis_max": lambda node: lambda x: torch.amax(x, dim=_axis(node), keepdim=True),
    "gelu": _gelu,
    "take": _take,
    "pad": _pad,
    "transpose": _transpose,
    "regroup": _regroup,
    "cut": _cut,
}

FUNCTIONS: dict[str, TensorFunction] = {
    "split": lambda x: torch.chunk(x, 2, dim=1),
    "max": torch.max,
    "min": torch.min,
    "add": torch.add,
    "mul": torch.mul,
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
    "l2_normalise": l2_normalise,
    "global_mean": lambda x: F.adaptive_avg_pool2d(x, 1),
    "global_max": lambda x: F.adaptive_max_pool2d(x, 1),
    "channel_max": lambda x: torch.max(x, dim=1, keepdim=True)[0],
    "flatten": lambda x: torch.flatten(x, 1),
    "unflatten": lambda x: x[:, :, None, None],
    "tanh": torch.tanh,
    "hardswish": F.hardswish,
    "elu": F.elu,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "div": torch.div,
}
