"""Readers of operations on each number of a tensor by itself: activations and bounds."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.tracing.ops.arguments import array
from edge_asc.graph.tracing.ops.layers import affine
from edge_asc.graph.tracing.recorder import Reader, Recorder


def unary(op: str, **attributes: Any) -> Reader:
    """A reader of an op that has no other inputs."""

    def read(recorder: Recorder, result: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
        elementwise(recorder, result, x, op, **attributes)

    return read


def elementwise(recorder: Recorder, result: Tensor, x: Tensor, op: str, **attributes: Any) -> None:
    """Emit an op of each number by itself."""
    recorder.each(result, x, lambda value: recorder.emit(op, value, attributes=attributes))


def clip(recorder: Recorder, result: Tensor, x: Tensor, low: Any = None, high: Any = None) -> None:
    """Bounds, infinite or None where there is none."""
    if id(x) in recorder.lengths:  # so that nothing is divided by zero
        recorder.lengths[id(result)] = recorder.lengths[id(x)]
        return
    if any(isinstance(b, Tensor) and (b.numel() > 1 or recorder.is_live(b)) for b in (low, high)):
        recorder.refuse("bounds that are many or computed")
    low = -math.inf if low is None else float(low)
    high = math.inf if high is None else float(high)
    if (low, high) == (0.0, math.inf):
        elementwise(recorder, result, x, "relu")
    else:
        elementwise(recorder, result, x, "clip", low=low, high=high)


def clamp(recorder: Recorder, result: Tensor, x: Tensor, min: Any = None, max: Any = None) -> None:
    """Bounds by torch's names of them."""
    clip(recorder, result, x, min, max)


def hard_tanh(
    recorder: Recorder, result: Tensor, x: Tensor, low: float = -1.0, high: float = 1.0
) -> None:
    """Bounds as layers have them."""
    clip(recorder, result, x, low, high)


def hard_sigmoid(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    """A line within 0 and 1."""
    line = {"scale": np.full(1, 1 / 6), "shift": np.full(1, 0.5)}
    bounds = {"low": 0.0, "high": 1.0}

    def compute(value: str) -> str:
        value = recorder.emit("affine", value, tensors=line)
        return recorder.emit("clip", value, attributes=bounds)

    recorder.each(result, x, compute)


def silu(recorder: Recorder, result: Tensor, x: Tensor) -> None:
    """`x · sigmoid(x)`."""
    recorder.each(result, x, lambda v: recorder.emit("mul", v, recorder.emit("sigmoid", v)))


def gelu(recorder: Recorder, result: Tensor, x: Tensor, approximate: str = "none") -> None:
    """`x · Φ(x)`, exact or in its form with a tanh."""
    elementwise(recorder, result, x, "gelu", tanh=approximate == "tanh")


def elu(
    recorder: Recorder,
    result: Tensor,
    x: Tensor,
    alpha: float = 1.0,
    scale: float = 1.0,
    input_scale: float = 1.0,
) -> None:
    """`exp(x) - 1` below zero; no other form of it is one of the files'."""
    if (alpha, scale, input_scale) != (1.0, 1.0, 1.0):
        recorder.refuse("an elu with factors")
    elementwise(recorder, result, x, "elu")


def rooted(op: str) -> Reader:
    """A reader of an op that float files have alone."""

    def read(recorder: Recorder, result: Tensor, x: Tensor) -> None:
        recorder.each(result, x, lambda value: recorder.emit(op, value))

    return read


def leaky_relu(recorder: Recorder, result: Tensor, x: Tensor, slope: float = 0.01) -> None:
    """A flatter line below zero."""
    elementwise(recorder, result, x, "leaky_relu", slope=float(slope))


def prelu(recorder: Recorder, result: Tensor, x: Tensor, weight: Tensor) -> None:
    """The same with a slope that was learnt, or one for each channel."""
    slopes = array(weight).reshape(-1)
    if slopes.min() < 0 or slopes.max() > 1:
        recorder.refuse("a slope outside 0 to 1")
    if len(set(slopes.tolist())) == 1:
        leaky_relu(recorder, result, x, float(slopes[0]))
        return
    flat = torch.empty_like(x)
    recorder.kept.append(flat)
    affine(recorder, flat, x, slopes.astype(np.float64), 0.0)
    (value, other), axes = recorder.together([x, flat])  # the larger of x and slope · x
    recorder.hold(result, recorder.emit("max", value, other), axes)
