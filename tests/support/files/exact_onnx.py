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
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray
Op = Callable[..., Any]


def exact_logits(data: bytes, x: Array) -> dict[str, tuple[Array, float]]:
    """Logits `[N, S]` and the step of their grid by output name, of features `[N, M, F]`."""
    graph = onnx.load_from_string(data).graph
    values: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    steps = {}
    values["x"] = x[:, None].astype(np.float64)
    for node in graph.node:
        values.update(_results(node, values))
        if node.op_type == "DequantizeLinear":
            steps[node.output[0]] = float(values[node.input[1]])
    flattened = {node.output[0]: node.input[0] for node in graph.node}
    return {o.name: (values[o.name], steps[flattened[o.name]]) for o in graph.output}


def largest_steps(ours: list[Array], exact: dict[str, tuple[Array, float]]) -> float:
    """The largest difference of a logit, in steps; heads in the order of the file's outputs."""
    pairs = zip(ours, exact.values(), strict=True)
    return max(float(np.abs(mine - logits).max()) / step for mine, (logits, step) in pairs)


def with_integers_out(data: bytes) -> bytes:
    """The file with all its uint8 values among its outputs, in the order of their nodes."""
    model = onnx.load_from_string(data)
    integers = set()
    for node in model.graph.node:
        made = node.op_type in ("QuantizeLinear", "QLinearConv")
        passed_on = node.op_type != "DequantizeLinear" and integers & {*node.input}
        if made or passed_on:
            integers.update(node.output)
            model.graph.output.extend(
                helper.make_tensor_value_info(name, TensorProto.UINT8, [None] * 4)
                for name in node.output
            )
    return bytes(model.SerializeToString())


def steps_of_each_op(data: bytes, x: Array, integers: list[Array]) -> dict[str, int]:
    """The largest difference of a value from what is exact for the node's own inputs, by op.

    Args:
        data: of `with_integers_out`.
        x: features `[N, M, F]`.
        integers: what the file's uint8 outputs were.
    """
    graph = onnx.load_from_string(data).graph
    names = [o.name for o in graph.output if o.type.tensor_type.elem_type == TensorProto.UINT8]
    found = dict(zip(names, integers, strict=True))
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    values["x"] = x[:, None].astype(np.float64)
    worst: dict[str, int] = {}
    for node in graph.node:
        for name, exact in _results(node, values):
            values[name] = found.get(name, exact)
            if name in found:
                apart = int(np.abs(found[name].astype(int) - exact).max())
                worst[node.op_type] = max(worst.get(node.op_type, 0), apart)
    return worst


def _results(node: onnx.NodeProto, values: dict[str, Array]) -> list[tuple[str, Array]]:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    results = OPS[node.op_type](*(values[name] for name in node.input), **attributes)
    return list(zip(node.output, results if len(node.output) > 1 else [results], strict=True))


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
    return _pooled(F.max_pool2d, x, window, ceil_mode=bool(window["ceil_mode"])).astype(x.dtype)


def _average_pool(x: Array, **window: Any) -> Array:
    return _pooled(F.avg_pool2d, x, window, count_include_pad=bool(window.get("count_include_pad")))


def _pooled(pool: Op, x: Array, window: dict[str, Any], **more: bool) -> Array:
    sizes = (tuple(window[key]) for key in ("kernel_shape", "strides"))
    pooled = pool(torch.from_numpy(x.astype(np.float64)), *sizes, tuple(window["pads"][:2]), **more)
    return pooled.numpy()  # type: ignore[no-any-return]


OPS: dict[str, Op] = {
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
    "QLinearConv": _convolve,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "Split": lambda x, axis: np.split(x, 2, axis),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Transpose": lambda x, perm: np.transpose(x, perm),
    "ReduceMean": lambda x, axes, keepdims=1: x.mean(tuple(axes), keepdims=bool(keepdims)),
    "ReduceMax": lambda x, axes: x.max(tuple(axes), keepdims=True),
    "Flatten": lambda x: x.reshape(len(x), -1),
    "Max": np.maximum,
    "Add": np.add,
    "Mul": np.multiply,
    "Relu": lambda x: np.maximum(x, 0),
    "LeakyRelu": lambda x, alpha: np.where(x < 0, alpha * x, x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "LpNormalization": lambda x, axis, p: x / np.linalg.norm(x, p, axis, keepdims=True),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
}
