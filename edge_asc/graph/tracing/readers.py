"""torch's operations (`aten`) → nodes of the graph.

A reader gets the recorder, what the operation gave, and its arguments as torch passes them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.graph import Node, output_shape
from edge_asc.graph.tracing.layout import Live, coordinates, filled
from edge_asc.graph.tracing.recorder import Reader, Recorder

CHANNELS, MELS, FRAMES = 0, 1, 2
WHOLE_MAP = (MELS, FRAMES)


def array(tensor: Tensor) -> np.ndarray:
    """Float32 numbers of a parameter."""
    return tensor.detach().float().cpu().numpy()


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A size that torch lets one write as one number."""
    if isinstance(value, int):
        return (value, value)
    return (value[0], value[-1])


# Layers with weights


def _constant(recorder: Recorder, tensor: Tensor) -> np.ndarray:
    if recorder.is_live(tensor):
        recorder.refuse("bmm")
    return array(tensor)


def _convolution(
    recorder: Recorder,
    result: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> None:
    kernels = _constant(recorder, weight)
    if transposed or x.ndim not in (3, 4):
        recorder.refuse("a convolution that is transposed or over three axes")
    if along_frames := x.ndim == 3:  # over one axis
        kernels = kernels[:, :, None]
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
        value, axes = recorder.picked(x)
        value = recorder.arranged(value, axes, (CHANNELS, FRAMES))
    else:
        value = recorder.map(x)
    attributes: dict[str, Any] = {
        "stride": pair(stride), "padding": pair(padding), "groups": groups
    }  # fmt: skip
    if pair(dilation) != (1, 1):
        attributes["dilation"] = pair(dilation)
    tensors = {"weight": kernels, "bias": _bias(recorder, bias, len(kernels))}
    name = recorder.emit("conv", value, attributes=attributes, tensors=tensors)
    recorder.hold(result, name, (CHANNELS, FRAMES) if along_frames else (0, 1, 2))


def _bias(recorder: Recorder, bias: Tensor | None, size: int) -> np.ndarray:
    return np.zeros(size, np.float32) if bias is None else _constant(recorder, bias)


def _addmm(
    recorder: Recorder, result: Tensor, bias: Tensor, x: Tensor, weight: Tensor, **scales: Any
) -> None:
    _mm(recorder, result, x, weight, bias)


def _mm(
    recorder: Recorder, result: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> None:
    matrix = _constant(recorder, weight)
    if not recorder.is_live(x):
        recorder.refuse("bmm")
    tensors = {"weight": np.ascontiguousarray(matrix.T)}
    tensors["bias"] = _bias(recorder, bias, len(tensors["weight"]))
    if len(x) == recorder.n_clips:
        name = recorder.emit("linear", recorder.vector(x), tensors=tensors)
        recorder.hold(result, name, (CHANNELS,))
    else:
        _linear_at_each_place(recorder, result, x, tensors)


def _linear_at_each_place(
    recorder: Recorder, result: Tensor, x: Tensor, tensors: dict[str, np.ndarray]
) -> None:
    """A linear layer along one axis at all places `[B · places, in]`: a convolution of size 1."""
    live = recorder.live[id(x)]
    value, index = live.value, recorder.index_of(live)
    shape = recorder.shapes[value]
    clip, *at = coordinates(index, (recorder.n_clips, *shape))
    steps = torch.arange(x.shape[1])
    along = [a for a, c in enumerate(at) if len(steps) == shape[a] and bool((c == steps).all())]
    along = [a for a in along if a != FRAMES]
    if len(shape) == 1 or not along:
        recorder.refuse("reshaping")
    order = (along[0], *(axis for axis in range(3) if axis != along[0]))
    value = value if order == (0, 1, 2) else recorder.once("transpose", value, order=order)
    weight = {"weight": tensors["weight"][:, :, None, None], "bias": tensors["bias"]}
    window = {"stride": (1, 1), "padding": (0, 0), "groups": 1}
    name = recorder.emit("conv", value, attributes=window, tensors=weight)
    n_out, high, wide = recorder.shapes[name]
    places = at[order[1]][:, :1] * wide + at[order[2]][:, :1]
    outputs = clip[:, :1] * n_out + torch.arange(n_out)
    recorder.live[id(result)] = Live(name, outputs * high * wide + places)


def _batch_norm(
    recorder: Recorder,
    result: Sequence[Tensor],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> None:
    if mean is None or var is None or training:
        recorder.refuse("batch norm without running statistics")
    deviation = np.sqrt(var.detach().double().cpu().numpy() + eps)
    scale = (1.0 if weight is None else weight.detach().double().cpu().numpy()) / deviation
    shift = -mean.detach().double().cpu().numpy() * scale
    if bias is not None:
        shift = shift + bias.detach().double().cpu().numpy()
    _affine(recorder, result[0], x, scale, shift)


def _batch_norm_no_training(
    recorder: Recorder, result: Sequence[Tensor], *given: Any, **options: Any
) -> None:
    x, weight, bias, mean, var, momentum, eps = given
    _batch_norm(recorder, result, x, weight, bias, mean, var, False, momentum, eps)


def _affine(
    recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any, dim: int = 1
) -> None:
    """`scale · x + shift`; either is one number, or one for each along a dim of the tensor."""
    tensors = {"scale": np.atleast_1d(np.asarray(scale, np.float64)),
               "shift": np.atleast_1d(np.asarray(shift, np.float64))}  # fmt: skip
    if max(map(np.size, tensors.values())) == 1:
        (value,), axes = recorder.together([x])
        recorder.hold(result, recorder.emit("affine", value, tensors=tensors), axes)
        return
    value, known = recorder.picked(x)
    axes = filled(known)
    value = recorder.arranged(value, known, axes)
    along = axes[dim - 1]
    if along == FRAMES:
        recorder.refuse("a constant for each frame")
    order = (1, 0, 2)
    if along == MELS:
        value = recorder.once("transpose", value, order=order)
    value = recorder.emit("affine", value, tensors=tensors)
    if along == MELS:
        value = recorder.once("transpose", value, order=order)
    recorder.hold(result, value, axes)


# One number at a time


def _unary(op: str, **attributes: Any) -> Reader:
    def read(recorder: Recorder, result: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
        _elementwise(recorder, result, x, op, **attributes)

    return read


def _elementwise(recorder: Recorder, result: Tensor, x: Tensor, op: str, **attributes: Any) -> None:
    (value,), axes = recorder.together([x])
    recorder.hold(result, recorder.emit(op, value, attributes=attributes), axes)


def _clip(recorder: Recorder, result: Tensor, x: Tensor, low: Any = None, high: Any = None) -> None:
    if id(x) in recorder.lengths:  # so that nothing is divided by zero
        recorder.lengths[id(result)] = recorder.lengths[id(x)]
        return
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        recorder.refuse("clamp")
    low = -math.inf if low is None else float(low)
    high = math.inf if high is None else float(high)
    if (low, high) == (0.0, math.inf):
        _elementwise(recorder, result, x, "relu")
    else:
        _elementwise(recorder, result, x, "clip", low=low, high=high)


def _clamp(recorder: Recorder, result: Tensor, x: Tensor, min: Any = None, max: Any = None) -> None:
    _clip(recorder, result, x, min, max)


def _hard_tanh(
    recorder: Recorder, result: Tensor, x: Tensor, low: float = -1.0, high: float = 1.0
) -> None:
    _clip(recorder, result, x, low, high)


def _hard_sigmoid(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    (value,), axes = recorder.together([x])
    line = {"scale": np.full(1, 1 / 6), "shift": np.full(1, 0.5)}
    value = recorder.emit("affine", value, tensors=line)
    bounds = {"low": 0.0, "high": 1.0}
    recorder.hold(result, recorder.emit("clip", value, attributes=bounds), axes)


def _silu(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    (value,), axes = recorder.together([x])
    recorder.hold(result, recorder.emit("mul", value, recorder.emit("sigmoid", value)), axes)


def _leaky_relu(recorder: Recorder, result: Tensor, x: Tensor, slope: float = 0.01) -> None:
    _elementwise(recorder, result, x, "leaky_relu", slope=float(slope))


def _prelu(recorder: Recorder, result: Tensor, x: Tensor, weight: Tensor) -> None:
    slopes = array(weight).reshape(-1)
    if slopes.min() < 0 or slopes.max() > 1:
        recorder.refuse("a slope outside 0 to 1")
    if len(set(slopes.tolist())) == 1:
        _leaky_relu(recorder, result, x, float(slopes[0]))
        return
    (value,), axes = recorder.together([x])  # the larger of x and slope · x
    line = {"scale": slopes.astype(np.float64), "shift": np.zeros(1)}
    flat = recorder.emit("affine", value, tensors=line)
    recorder.hold(result, recorder.emit("max", value, flat), axes)


# Two tensors


def _add(
    recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1, sign: float = 1.0
) -> None:
    factor = float(alpha) * sign
    if not recorder.is_live(b):
        _with_constant(recorder, result, a, 1.0, _numbers(b) * factor)
    elif not recorder.is_live(a):
        _with_constant(recorder, result, b, factor, _numbers(a))
    else:
        _binary(recorder, result, "add", a, b, factor)


def _subtract(recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
    _add(recorder, result, a, b, alpha, -1.0)


def _subtract_from(recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
    if alpha != 1 or recorder.is_live(b):
        recorder.refuse("rsub")
    _with_constant(recorder, result, a, -1.0, _numbers(b))


def _multiply(recorder: Recorder, result: Tensor, a: Any, b: Any) -> None:
    if not recorder.is_live(b):
        _with_constant(recorder, result, a, _numbers(b), 0.0)
    elif not recorder.is_live(a):
        _with_constant(recorder, result, b, _numbers(a), 0.0)
    else:
        _binary(recorder, result, "mul", a, b)


def _divide(recorder: Recorder, result: Tensor, a: Any, b: Any, rounding_mode: Any = None) -> None:
    if id(b) in recorder.lengths and recorder.is_live(a):
        _by_length(recorder, result, a, recorder.lengths[id(b)])
    elif recorder.is_live(b) or rounding_mode is not None:
        recorder.refuse("division by computed numbers")
    else:
        _with_constant(recorder, result, a, 1 / _numbers(b), 0.0)


def _negate(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    _affine(recorder, result, x, -1.0, 0.0)


def _between(op: str) -> Reader:
    return lambda recorder, result, a, b: _binary(recorder, result, op, a, b)


def _binary(
    recorder: Recorder, result: Tensor, op: str, a: Tensor, b: Tensor, factor: float = 1.0
) -> None:
    if a.ndim != b.ndim:
        recorder.refuse(f"{op} of tensors with {a.ndim} and {b.ndim} dims")
    (left, right), axes = recorder.together([a, b])
    if factor != 1.0:
        line = {"scale": np.full(1, factor), "shift": np.zeros(1)}
        right = recorder.emit("affine", right, tensors=line)
    recorder.hold(result, recorder.emit(op, left, right), axes)


def _numbers(constant: Any) -> np.ndarray:
    if isinstance(constant, Tensor):
        return constant.detach().double().cpu().numpy()
    return np.asarray(constant, np.float64)


def _with_constant(recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any) -> None:
    """A line through constants, which differ along one dim at most."""
    scale, shift = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
    size = max(scale.size, shift.size)
    if size == 1:
        _affine(recorder, result, x, scale.reshape(-1), shift.reshape(-1))
        return
    many = scale if scale.size > 1 else shift
    dims = [d - many.ndim + x.ndim for d, n in enumerate(many.shape) if n > 1]
    if len(dims) != 1 or dims[0] < 1 or many.size != x.shape[dims[0]] or result.shape != x.shape:
        recorder.refuse("a constant that differs along several dims")
    _affine(recorder, result, x, scale.reshape(-1), shift.reshape(-1), dims[0])


def _length(
    recorder: Recorder,
    result: Tensor,
    x: Tensor,
    order: float = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> None:
    if order != 2 or not dim or [d % x.ndim for d in dim] != [1] or not keepdim:
        recorder.refuse("linalg_vector_norm")
    recorder.lengths[id(result)] = x


def _by_length(recorder: Recorder, result: Tensor, x: Tensor, measured: Tensor) -> None:
    if x is not measured:
        recorder.refuse("division by computed numbers")
    (value,), axes = recorder.together([x])
    recorder.hold(result, recorder.emit("l2_normalise", value), axes)


def _concatenate(
    recorder: Recorder, result: Tensor, tensors: Sequence[Tensor], dim: int = 0
) -> None:
    if dim % result.ndim == 0:
        recorder.refuse("reshaping")
    values, axes = recorder.together(tensors)
    axis = axes[dim % result.ndim - 1]
    name = recorder.emit("concat", *values, attributes={"axis": axis})
    recorder.hold(result, name, axes)


def _stack(recorder: Recorder, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> None:
    parts = [tensor.unsqueeze(dim) for tensor in tensors]
    for tensor, part in zip(tensors, parts, strict=True):
        if not recorder.is_live(tensor):
            recorder.refuse("a constant in the place of a value")
        live = recorder.live[id(tensor)]
        recorder.live[id(part)] = Live(live.value, recorder.index_of(live).unsqueeze(dim))
    recorder.kept.append(parts)
    _concatenate(recorder, result, parts, dim)


# Reductions and pools


def _reduction(one_number: str, along: str, over_channels: str) -> Reader:
    """A mean or maximum over any dims; results with indices give the numbers first."""

    def read(
        recorder: Recorder,
        result: Any,
        x: Tensor,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
        **_: Any,
    ) -> None:
        numbers = result if isinstance(result, Tensor) else result[0]
        dims = [dim] if isinstance(dim, int) else list(dim or ())
        reduced = sorted({d % x.ndim for d in dims})
        if not reduced or 0 in reduced:
            recorder.refuse("a mean or maximum over all clips")
        whole = recorder.joined(x)
        if whole is not None and reduced == [2]:
            value, places, gone = whole, (CHANNELS, MELS), set(WHOLE_MAP)
        else:
            value, axes = recorder.picked(x)
            places = filled(axes)
            value = recorder.arranged(value, axes, places)
            gone = {places[d - 1] for d in reduced if axes[d - 1] is not None}
        value = _reduced(recorder, value, gone, (one_number, along, over_channels))
        kept = [places[d - 1] for d in range(1, x.ndim) if keepdim or d not in reduced]
        recorder.hold(numbers, value, tuple(kept))

    return read


def _reduced(recorder: Recorder, value: str, axes: set[int], ops: tuple[str, str, str]) -> str:
    if len(recorder.shapes[value]) == 1:
        value = recorder.once("unflatten", value)
    one_number, along, over_channels = ops
    if CHANNELS in axes:
        value = recorder.emit(over_channels, value)
    axes = axes - {CHANNELS}
    _, n_mels, _ = recorder.shapes[value]
    if axes == set(WHOLE_MAP) or (axes == {FRAMES} and n_mels == 1):
        return recorder.emit(one_number, value)
    for axis in sorted(axes):
        value = recorder.emit(along, value, attributes={"axis": axis})
    return value


def _sum(
    recorder: Recorder, result: Tensor, x: Tensor, dim: Any = None, *rest: Any, **more: Any
) -> None:
    """So many times the mean, where the number is known: not over frames."""
    dims = [dim] if isinstance(dim, int) else list(dim or ())
    size = math.prod(x.shape[d] for d in dims)
    _, axes = recorder.picked(x)
    if any(axes[d % x.ndim - 1] == FRAMES for d in dims if d % x.ndim):
        recorder.refuse("a sum over frames")
    mean = torch.empty_like(result)
    recorder.kept.append(mean)
    READERS["mean"](recorder, mean, x, dim, *rest, **more)
    _affine(recorder, result, mean, float(size), 0.0)


def _max_pool(
    recorder: Recorder,
    result: Sequence[Tensor],
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> None:
    if pair(dilation) != (1, 1):
        recorder.refuse("pooling with dilation")
    window = _window(kernel, stride, padding)
    attributes = window | {"ceil": ceil_mode}
    if ceil_mode and window != _window(2, 2, 0):
        recorder.refuse("a maximum that rounds up")
    name = recorder.emit("max_pool", recorder.map(x), attributes=attributes)
    recorder.hold(result[0], name, (0, 1, 2))


def _avg_pool(
    recorder: Recorder,
    result: Tensor,
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> None:
    value, window = recorder.map(x), _window(kernel, stride, padding)
    padded = any(window["padding"])
    if window["kernel"] == recorder.shapes[value][1:] and not padded:
        recorder.hold(result, recorder.emit("global_mean", value), (0, 1, 2))
        return
    if ceil_mode or divisor_override is not None or (padded and not count_include_pad):
        recorder.refuse("average pooling that rounds up or leaves its padding out")
    recorder.hold(result, recorder.emit("avg_pool", value, attributes=window), (0, 1, 2))


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, tuple[int, int]]:
    return {"kernel": pair(kernel), "stride": pair(stride or kernel), "padding": pair(padding)}


def _adaptive(one_number: str, along: str, pool: str) -> Reader:
    """To one number along mels, frames or both; mels also to a part of what they are."""

    def read(recorder: Recorder, result: Any, x: Tensor, size: Any) -> None:
        numbers = result if isinstance(result, Tensor) else result[0]
        value = recorder.map(x)
        _, n_mels, n_frames = recorder.shapes[value]
        mels, frames = pair(size)
        if (mels, frames) == (1, 1):
            value = recorder.emit(one_number, value)
        elif frames not in (1, n_frames) or n_mels % mels:
            recorder.refuse("adaptive pooling to such a size")
        else:
            if mels == 1 < n_mels:
                value = recorder.emit(along, value, attributes={"axis": MELS})
            elif mels < n_mels:
                value = recorder.emit(pool, value, attributes=_by_mels(pool, n_mels // mels))
            if frames == 1 < n_frames:
                value = recorder.emit(along, value, attributes={"axis": FRAMES})
        recorder.hold(numbers, value, (0, 1, 2))

    return read


def _by_mels(pool: str, size: int) -> dict[str, Any]:
    window: dict[str, Any] = {"kernel": (size, 1), "stride": (size, 1), "padding": (0, 0)}
    return window | {"ceil": False} if pool == "max_pool" else window


def _pad(
    recorder: Recorder, result: Tensor, x: Tensor, widths: Sequence[int], value: float = 0.0
) -> None:
    if value != 0 or min(widths) < 0:
        recorder.refuse("padding with other numbers than zero")
    (source,), axes = recorder.together([x])
    around = [(0, 0), (0, 0), (0, 0)]
    for position in range(len(widths) // 2):
        dim = x.ndim - 1 - position
        if dim == 0:
            recorder.refuse("reshaping")
        around[axes[dim - 1]] = (widths[2 * position], widths[2 * position + 1])
    name = recorder.emit("pad", source, attributes={"widths": tuple(around)})
    recorder.hold(result, name, axes)


def _halves(recorder: Recorder, result: Sequence[Tensor], x: Tensor, *_: Any, **__: Any) -> None:
    """Channels in two halves; `Recorder.take` sends no other split."""
    (value,), axes = recorder.together([x])
    if axes[0] != CHANNELS:
        recorder.refuse("reshaping")
    name = f"split_{len(recorder.nodes)}"
    node = Node("split", (value,), (f"{name}_a", f"{name}_b"))
    recorder.nodes.append(node)
    shape = output_shape(node, [recorder.shapes[value]])
    for half, tensor in zip(node.outputs, result, strict=True):
        recorder.shapes[half] = shape
        recorder.hold(tensor, half, axes)


MEAN = _reduction("global_mean", "axis_mean", "channel_mean")
MAXIMUM = _reduction("global_max", "axis_max", "channel_max")

READERS: dict[str, Callable[..., Any]] = {
    "convolution": _convolution,
    "addmm": _addmm,
    "mm": _mm,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_no_training,
    "relu": _unary("relu"),
    "sigmoid": _unary("sigmoid"),
    "tanh": _unary("tanh"),
    "hardswish": _unary("hardswish"),
    "hardsigmoid": _hard_sigmoid,
    "silu": _silu,
    "leaky_relu": _leaky_relu,
    "_prelu_kernel": _prelu,
    "hardtanh": _hard_tanh,
    "clamp": _clamp,
    "clamp_min": lambda recorder, result, x, low: _clip(recorder, result, x, low),
    "clamp_max": lambda recorder, result, x, high: _clip(recorder, result, x, None, high),
    "add": _add,
    "sub": _subtract,
    "rsub": _subtract_from,
    "mul": _multiply,
    "div": _divide,
    "neg": _negate,
    "maximum": _between("max"),
    "minimum": _between("min"),
    "linalg_vector_norm": _length,
    "cat": _concatenate,
    "stack": _stack,
    "concat": _concatenate,
    "mean": MEAN,
    "amax": MAXIMUM,
    "max": MAXIMUM,
    "sum": _sum,
    "max_pool2d_with_indices": _max_pool,
    "avg_pool2d": _avg_pool,
    "_adaptive_avg_pool2d": _adaptive("global_mean", "axis_mean", "avg_pool"),
    "adaptive_max_pool2d": _adaptive("global_max", "axis_max", "max_pool"),
    "constant_pad_nd": _pad,
    "split": _halves,
    "split_with_sizes": _halves,
    "chunk": _halves,
}  # fmt: skip
