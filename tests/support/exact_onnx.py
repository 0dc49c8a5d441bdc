"""Our int8 .onnx files in exact arithmetic: a second implementation, slow and plain.

Convolutions sum integers in float64, which is exact below 2^53; the other ops compute real numbers
in float64. What is left to kernels is which way they round what lies halfway between two steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

Array = np.ndarray
Op = Callable[..., Any]


def exact_logits(data: bytes, x: Array) -> dict[str, tuple[Array, float]]:
    """Logits `[N, S]` and the step of their grid by output name, of features `[N, M, F]`."""
    graph = onnx.load_from_string(data).graph
    values: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    steps = {}
    values["x"] = x[:, None].astype(np.float64)
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        results = OPS[node.op_type](*(values[name] for name in node.input), **attributes)
        values.update(zip(node.output, results if len(node.output) > 1 else [results], strict=True))
        if node.op_type == "DequantizeLinear":
            steps[node.output[0]] = float(values[node.input[1]])
    flattened = {node.output[0]: node.input[0] for node in graph.node}
    return {o.name: (values[o.name], steps[flattened[o.name]]) for o in graph.output}


def largest_steps(ours: list[Array], exact: dict[str, tuple[Array, float]]) -> float:
    """The largest difference of a logit, in steps; heads in the order of the file's outputs."""
    pairs = zip(ours, exact.values(), strict=True)
    return max(float(np.abs(mine - logits).max()) / step for mine, (logits, step) in pairs)


def _rounded(real: Array, zero_point: Array) -> Array:
    limits = np.iinfo(zero_point.dtype)
    grid = np.rint(real) + zero_point.astype(np.int64)
    return np.clip(grid, limits.min, limits.max).astype(zero_point.dtype)


def _quantise(x: Array, scale: Array, zero_point: Array) -> Array:
    return _rounded(x / np.float64(scale), zero_point)


def _dequantise(q: Array, scale: Array, zero_point: Array) -> Array:
    return (q.astype(np.float64) - zero_point) * np.float64(scale)


def _convolve(
    x: Array, x_scale: Array, x_zero: Array, w: Array, w_scale: Array, w_zero: Array,
    y_scale: Array, y_zero: Array, bias: Array | None = None,
    strides: tuple[int, ...] = (1, 1), pads: tuple[int, ...] = (0, 0, 0, 0), group: int = 1,
) -> Array:  # fmt: skip
    """QLinearConv: exact sums, scaled, rounded once."""
    signal = torch.from_numpy(x.astype(np.float64) - x_zero)
    weight = torch.from_numpy(w.astype(np.float64) - w_zero.reshape(-1, 1, 1, 1))
    offset = None if bias is None else torch.from_numpy(bias.astype(np.float64))
    sums = F.conv2d(signal, weight, offset, tuple(strides), tuple(pads[:2]), groups=group).numpy()
    factor = np.float64(x_scale) * w_scale.astype(np.float64) / np.float64(y_scale)
    return _rounded(np.rint(sums) * factor.reshape(-1, 1, 1), y_zero)


def _max_pool(x: Array, **window: Any) -> Array:
    pooled = F.max_pool2d(
        torch.from_numpy(x.astype(np.float64)),
        tuple(window["kernel_shape"]),
        tuple(window["strides"]),
        tuple(window["pads"][:2]),
        ceil_mode=bool(window["ceil_mode"]),
    )
    return pooled.numpy().astype(x.dtype)


OPS: dict[str, Op] = {
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
    "QLinearConv": _convolve,
    "MaxPool": _max_pool,
    "Split": lambda x, axis: np.split(x, 2, axis),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Transpose": lambda x, perm: np.transpose(x, perm),
    "ReduceMax": lambda x, axes: x.max(tuple(axes), keepdims=True),
    "Flatten": lambda x: x.reshape(len(x), -1),
    "Max": np.maximum,
    "Add": np.add,
    "Mul": np.multiply,
    "Relu": lambda x: np.maximum(x, 0),
    "LeakyRelu": lambda x, alpha: np.where(x < 0, alpha * x, x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
}
