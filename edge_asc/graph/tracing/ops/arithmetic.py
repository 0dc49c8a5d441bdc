"""Readers of operations on two tensors, or on a tensor and constants."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.tracing.layout import Live
from edge_asc.graph.tracing.ops.functions import clip
from edge_asc.graph.tracing.ops.layers import affine
from edge_asc.graph.tracing.recorder import Reader, Recorder


def add(
    recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1, sign: float = 1.0
) -> None:
    """`a + alpha · b`; either may be a constant."""
    factor = float(alpha) * sign
    if not recorder.is_live(b):
        _with_constant(recorder, result, a, 1.0, _numbers(b) * factor)
    elif not recorder.is_live(a):
        _with_constant(recorder, result, b, factor, _numbers(a))
    else:
        _binary(recorder, result, "add", a, b, factor)


def subtract(recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
    """`a - alpha · b`."""
    add(recorder, result, a, b, alpha, -1.0)


def subtract_from(recorder: Recorder, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
    """`b - a` with a constant b."""
    if alpha != 1 or recorder.is_live(b):
        recorder.refuse("rsub")
    _with_constant(recorder, result, a, -1.0, _numbers(b))


def multiply(recorder: Recorder, result: Tensor, a: Any, b: Any) -> None:
    """`a · b`; either may be a constant."""
    if not recorder.is_live(b):
        _with_constant(recorder, result, a, _numbers(b), 0.0)
    elif not recorder.is_live(a):
        _with_constant(recorder, result, b, _numbers(a), 0.0)
    else:
        _binary(recorder, result, "mul", a, b)


def divide(recorder: Recorder, result: Tensor, a: Any, b: Any, rounding_mode: Any = None) -> None:
    """`a / b` with a constant b, or by the length of a."""
    if id(b) in recorder.lengths and recorder.is_live(a):
        _by_length(recorder, result, a, recorder.lengths[id(b)])
    elif recorder.is_live(b) and recorder.is_live(a) and rounding_mode is None:
        _binary(recorder, result, "div", a, b)
    elif recorder.is_live(b) or rounding_mode is not None:
        recorder.refuse("division by computed numbers")
    else:
        _with_constant(recorder, result, a, 1 / _numbers(b), 0.0)


def reciprocal(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    """`1 / x`, a quotient of two maps."""
    if id(x) in recorder.lengths:
        recorder.refuse("division by computed numbers")
    one = {"scale": np.zeros(1), "shift": np.ones(1)}

    def compute(value: str) -> str:
        return recorder.emit("div", recorder.emit("affine", value, tensors=one), value)

    recorder.each(result, x, compute)


def negate(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    """`-x`."""
    affine(recorder, result, x, -1.0, 0.0)


def between(op: str) -> Reader:
    """The larger or the smaller of two; either may be a constant."""

    def read(recorder: Recorder, result: Tensor, a: Tensor, b: Tensor) -> None:
        if recorder.is_live(a) and recorder.is_live(b):
            _binary(recorder, result, op, a, b)
        else:
            x, constant = (a, b) if recorder.is_live(a) else (b, a)
            _bounded(recorder, result, op, x, _numbers(constant))

    return read


def _bounded(recorder: Recorder, result: Tensor, op: str, x: Tensor, bound: np.ndarray) -> None:
    """`relu(x - bound) + bound`, or one bound by itself."""
    side = "low" if op == "max" else "high"
    if bound.size == 1:
        clip(recorder, result, x, **{side: float(bound.reshape(()))})
        return
    distance, kept = torch.empty_like(result), torch.empty_like(result)
    recorder.kept += [distance, kept]
    _with_constant(recorder, distance, x, 1.0, -bound)
    clip(recorder, kept, distance, **{side: 0.0})
    _with_constant(recorder, result, kept, 1.0, bound)


def power(recorder: Recorder, result: Tensor, x: Tensor, exponent: Any) -> None:
    """A number times itself, a few times."""
    if exponent not in (2, 3, 4):
        recorder.refuse("pow")

    def compute(value: str) -> str:
        return reduce(lambda a, b: recorder.emit("mul", a, b), [value] * int(exponent))

    recorder.each(result, x, compute)


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
    """A constant, with one number along each dim along which all are the same."""
    if not isinstance(constant, Tensor):
        return np.asarray(constant, np.float64)
    numbers: np.ndarray = constant.detach().double().cpu().numpy()
    for axis in range(numbers.ndim):
        first = numbers.take([0], axis)
        numbers = first if (numbers == first).all() else numbers
    return numbers


def _with_constant(recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any) -> None:
    """A line through constants, which may differ along dims side by side."""
    scale, shift = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
    size = max(scale.size, shift.size)
    if size == 1:
        affine(recorder, result, x, scale.reshape(-1), shift.reshape(-1))
        return
    many = scale if scale.size > 1 else shift
    dims = [d - many.ndim + x.ndim for d, n in enumerate(many.shape) if n > 1]
    if dims[0] < 1 or many.size != prod(x.shape[d] for d in dims) or result.shape != x.shape:
        recorder.refuse("a constant that differs along several dims")
    if len(dims) == 1:
        affine(recorder, result, x, scale.reshape(-1), shift.reshape(-1), dims[0])
    else:
        read = _along_several if dims[-1] - dims[0] + 1 == len(dims) else _apart
        read(recorder, result, x, scale.reshape(-1), shift.reshape(-1), dims)


def _apart(
    recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any, dims: list[int]
) -> None:
    """The same where they differ along dims with others between them, which are laid aside."""
    order = [d for d in range(x.ndim) if d not in dims] + dims
    turned = x.permute(order)
    computed = torch.empty_like(turned)
    recorder.kept += [turned, computed]
    permute = torch.ops.aten.permute.default
    recorder.move(permute, (x, order), {}, turned)
    last = [*range(x.ndim - len(dims), x.ndim)]
    _along_several(recorder, computed, turned, scale, shift, last)
    recorder.move(permute, (computed, [order.index(d) for d in range(x.ndim)]), {}, result)


def _along_several(
    recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any, dims: list[int]
) -> None:
    """The same where they differ along dims side by side, which are joined meanwhile."""
    value, axes = recorder.picked(x)
    along = [axis for d in dims if (axis := axes[d - 1]) is not None]
    if any(recorder.hangs_on_frames(value, axis) for axis in along):
        recorder.refuse("a constant for each frame")
    if _is_whole(recorder, x, dims):
        _at_each_number(recorder, result, x, scale, shift)
        return
    joined = x.flatten(dims[0], dims[-1])
    computed = torch.empty_like(joined)
    recorder.kept += [joined, computed]
    reshape = torch.ops.aten.reshape.default
    recorder.move(reshape, (x, joined.shape), {}, joined)
    affine(recorder, computed, joined, scale, shift, dims[0])
    recorder.move(reshape, (computed, x.shape), {}, result)


def _is_whole(recorder: Recorder, x: Tensor, dims: list[int]) -> bool:
    """Whether these are all dims of a map with three axes, each number once."""
    live = recorder.live[id(x)]
    shape = recorder.shapes[live.value]
    if len(shape) < 3 or 1 in shape or prod(x.shape[d] for d in dims) != prod(shape):
        return False
    numbers, _ = recorder.index_of(live)[0].flatten().sort()
    return torch.equal(numbers, torch.arange(prod(shape)))


def _at_each_number(recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any) -> None:
    """The same where each number of a map has its own: it is flat meanwhile."""
    live = recorder.live[id(x)]
    shape = recorder.shapes[live.value]
    places = recorder.index_of(live)[0].flatten().argsort().numpy()
    line = {k: v[places] if v.size > 1 else v for k, v in {"scale": scale, "shift": shift}.items()}
    value = recorder.emit("affine", recorder.once("flatten", live.value), tensors=line)
    value = recorder.once("unflatten", value)
    value = recorder.once("regroup", value, channels=shape[0] * shape[1])
    value = recorder.once("transpose", value, order=(0, 2, 1))
    recorder.live[id(result)] = Live(recorder.once("regroup", value, channels=shape[0]), live.index)


def length(
    recorder: Recorder,
    result: Tensor,
    x: Tensor,
    order: float = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> None:
    """The length along the second dim, by which `divide` divides."""
    if order != 2 or not dim or [d % x.ndim for d in dim] != [1] or not keepdim:
        recorder.refuse("a norm of another power or along other dims")
    recorder.lengths[id(result)] = x


def _by_length(recorder: Recorder, result: Tensor, x: Tensor, measured: Tensor) -> None:
    if x is not measured:
        recorder.refuse("division by computed numbers")
    value, axes = recorder.led(x)
    recorder.hold(result, recorder.emit("l2_normalise", value), axes)
