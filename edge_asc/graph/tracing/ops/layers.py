"""Readers of layers with weights, and of batch norm.

A reader gets the recorder, what the operation gave, and its arguments as torch passes them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.graph import Shape
from edge_asc.graph.tracing.layout import Live, coordinates, filled
from edge_asc.graph.tracing.ops.arguments import CHANNELS, FRAMES, MELS, array, pair
from edge_asc.graph.tracing.recorder import Recorder


def _constant(recorder: Recorder, tensor: Tensor) -> np.ndarray:
    if recorder.is_live(tensor):
        recorder.refuse("bmm")
    return array(tensor)


def convolution(
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
    """Over mels and frames, or of `[B, C, F]` over frames."""
    kernels = _constant(recorder, weight)
    if transposed or x.ndim not in (3, 4):
        recorder.refuse("a convolution that is transposed or over three axes")
    if along_frames := x.ndim == 3:  # over one axis
        kernels = kernels[:, :, None]
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
        value, axes = recorder.picked(x)
        value = recorder.arranged(value, axes, (CHANNELS, FRAMES))
        value = recorder.written_out(x, value, (CHANNELS, FRAMES))
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


def addmm(
    recorder: Recorder, result: Tensor, bias: Tensor, x: Tensor, weight: Tensor, **scales: Any
) -> None:
    """A linear layer with bias."""
    mm(recorder, result, x, weight, bias)


def mm(
    recorder: Recorder, result: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> None:
    """A linear layer: `x` `[B, in]`, or `[B · places, in]`."""
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
    along = _axis_of_rows(recorder.index_of(live), recorder.shapes[live.value])
    if along is None:
        joined = recorder.parted(live, x.shape[1:], lambda *way: _axis_of_rows(*way) == CHANNELS)
        live, along = joined or live, CHANNELS if joined else None
    value = live.value
    if along is None or len(recorder.shapes[value]) == 1:
        recorder.refuse("reshaping")
    clip, *at = coordinates(recorder.index_of(live), (recorder.n_clips, *recorder.shapes[value]))
    order = (along, *(axis for axis in range(3) if axis != along))
    value = value if order == (0, 1, 2) else recorder.once("transpose", value, order=order)
    weight = {"weight": tensors["weight"][:, :, None, None], "bias": tensors["bias"]}
    window = {"stride": (1, 1), "padding": (0, 0), "groups": 1}
    name = recorder.emit("conv", value, attributes=window, tensors=weight)
    n_out, high, wide = recorder.shapes[name]
    places = at[order[1]][:, :1] * wide + at[order[2]][:, :1]
    outputs = clip[:, :1] * n_out + torch.arange(n_out)
    recorder.live[id(result)] = Live(name, outputs * high * wide + places)


def _axis_of_rows(index: Tensor, shape: Shape) -> int | None:
    """The axis of a value that all rows run along, which is not that of the frames."""
    _, *at = coordinates(index, (len(index), *shape))
    steps = torch.arange(index.shape[1])
    along = (a for a, c in enumerate(at) if len(steps) == shape[a] and bool((c == steps).all()))
    return next((axis for axis in along if axis != FRAMES), None)


def batch_norm(
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
    """Scale and shift by statistics that are known."""
    if mean is None or var is None or training:
        recorder.refuse("batch norm without running statistics")
    deviation = np.sqrt(var.detach().double().cpu().numpy() + eps)
    scale = (1.0 if weight is None else weight.detach().double().cpu().numpy()) / deviation
    shift = -mean.detach().double().cpu().numpy() * scale
    if bias is not None:
        shift = shift + bias.detach().double().cpu().numpy()
    affine(recorder, result[0], x, scale, shift)


def batch_norm_no_training(
    recorder: Recorder, result: Sequence[Tensor], *given: Any, **options: Any
) -> None:
    """The same as torch calls it elsewhere."""
    x, weight, bias, mean, var, momentum, eps = given
    batch_norm(recorder, result, x, weight, bias, mean, var, False, momentum, eps)


def affine(
    recorder: Recorder, result: Tensor, x: Tensor, scale: Any, shift: Any, dim: int = 1
) -> None:
    """`scale · x + shift`; either is one number, or one for each along a dim of the tensor."""
    tensors = {"scale": np.atleast_1d(np.asarray(scale, np.float64)),
               "shift": np.atleast_1d(np.asarray(shift, np.float64))}  # fmt: skip
    if max(map(np.size, tensors.values())) == 1:
        recorder.each(result, x, lambda value: recorder.emit("affine", value, tensors=tensors))
        return
    value, known = recorder.picked(x)
    axes = filled(known)
    value = recorder.written_out(x, recorder.arranged(value, known, axes), axes)
    along = axes[dim - 1]
    if along == FRAMES and not recorder.one_length:
        recorder.refuse("a constant for each frame")
    order = {MELS: (1, 0, 2), FRAMES: (2, 1, 0)}.get(along)
    if order:
        value = recorder.once("transpose", value, order=order)
    value = recorder.emit("affine", value, tensors=tensors)
    if order:
        value = recorder.once("transpose", value, order=order)
    recorder.hold(result, value, axes)
