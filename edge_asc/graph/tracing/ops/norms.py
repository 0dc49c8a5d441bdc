"""Readers of norms that take their statistics from each input, and of deviations.

What is normed over channels alone (`LayerNorm`) is brought to unit length, which int8 files can.
Statistics over mels and frames need roots of computed numbers, which float files have alone.
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.tracing.layout import filled
from edge_asc.graph.tracing.ops.arguments import CHANNELS, array
from edge_asc.graph.tracing.ops.layers import affine, batch_norm
from edge_asc.graph.tracing.ops.pools import MEANS, reduced
from edge_asc.graph.tracing.recorder import Reader, Recorder

RESHAPE = torch.ops.aten.reshape.default
MOVEDIM = torch.ops.aten.movedim.int


def moved(recorder: Recorder, func: Any, tensor: Tensor, *how: Any) -> Tensor:
    """A tensor as an operation moves it, followed."""
    result = func(tensor, *how)
    recorder.kept.append(result)
    recorder.move(func, (tensor, *how), {}, result)
    return result


def like(recorder: Recorder, tensor: Tensor) -> Tensor:
    """A tensor of the same shape, for what is computed meanwhile."""
    result = torch.empty_like(tensor)
    recorder.kept.append(result)
    return result


def layer_norm(
    recorder: Recorder,
    result: Sequence[Tensor],
    x: Tensor,
    sizes: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> None:
    """Over the last dims, which become channels.

    With the mean taken off and √(N · eps) as one channel more, N numbers of unit length are those
    that the norm gives, times √N.
    """
    value, known = recorder.picked(x)
    normed_axes = [axis for axis in known[-len(sizes) :] if axis is not None]
    if any(recorder.hangs_on_frames(value, axis) for axis in normed_axes):
        recorder.refuse("a norm over frames")
    flat = moved(recorder, RESHAPE, x, [*x.shape[: x.ndim - len(sizes)], prod(sizes)])
    rows = moved(recorder, MOVEDIM, flat, flat.ndim - 1, 1)
    value, axes = recorder.led(rows)
    if len(recorder.shapes[value]) == 1:
        value = recorder.once("unflatten", value)
    value = recorder.emit("conv", value, **_centring(rows.shape[1], eps))
    value = recorder.emit("l2_normalise", value)
    chosen = {"axis": CHANNELS, "indices": tuple(range(rows.shape[1]))}
    unit = like(recorder, rows)
    recorder.hold(unit, recorder.emit("take", value, attributes=chosen), axes)
    scale = np.ones(1) if weight is None else array(weight).reshape(-1).astype(np.float64)
    shift = np.zeros(1) if bias is None else array(bias).reshape(-1)
    normed = like(recorder, rows)
    affine(recorder, normed, unit, scale * sqrt(rows.shape[1]), shift)
    back = moved(recorder, MOVEDIM, normed, 1, flat.ndim - 1)
    recorder.move(RESHAPE, (back, x.shape), {}, result[0])


def _centring(size: int, eps: float) -> dict[str, Any]:
    """A convolution that takes the mean over channels off, and adds one that is always the same."""
    weight = np.vstack([np.eye(size) - 1 / size, np.zeros(size)])[:, :, None, None]
    bias = np.array([*[0.0] * size, sqrt(size * eps)])
    window = {"stride": (1, 1), "padding": (0, 0), "groups": 1, "constant": True}
    return {"attributes": window, "tensors": {"weight": weight, "bias": bias}}


def batch_or_instance_norm(
    recorder: Recorder, result: Sequence[Tensor], x: Tensor, *given: Any
) -> None:
    """Batch norm; where torch has made channels of the clips, it is a norm of each of them."""
    weight, bias, mean, _, training, _, eps = given
    if mean is not None or not training or len(x) != 1:
        batch_norm(recorder, result, x, *given)
        return
    apart = moved(recorder, RESHAPE, x, [recorder.n_clips, -1, *x.shape[2:]])
    channels = apart.shape[1]
    factor, term = (None if t is None else t[:channels] for t in (weight, bias))
    normed = like(recorder, apart)
    group_norm(recorder, [normed], apart, factor, term, 0, channels, 0, channels, eps)
    recorder.move(RESHAPE, (normed, x.shape), {}, result[0])


def group_norm(
    recorder: Recorder,
    result: Sequence[Tensor],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    n_clips: int,
    n_channels: int,
    n_places: int,
    groups: int,
    eps: float,
) -> None:
    """Each group of channels over all its places."""
    grouped = x
    if groups != n_channels:
        grouped = moved(recorder, RESHAPE, x, [len(x), groups, -1, *x.shape[-1:]])
    value, known = recorder.picked(grouped)
    places = filled(known)
    value = recorder.arranged(value, known, places)
    axes = {places[d - 1] for d in range(2, grouped.ndim)}
    centred = _centred(recorder, value, axes)
    root = recorder.emit("rsqrt", _plus(recorder, _mean_square(recorder, centred, axes), eps))
    normed = like(recorder, grouped)
    recorder.hold(normed, recorder.emit("mul", centred, root), places)
    if grouped is not x:
        normed = moved(recorder, RESHAPE, normed, list(x.shape))
    scale = np.ones(1) if weight is None else array(weight)
    affine(recorder, result[0], normed, scale, np.zeros(1) if bias is None else array(bias))


def _centred(recorder: Recorder, value: str, axes: set[int]) -> str:
    mean = reduced(recorder, value, axes, MEANS)
    return recorder.emit("add", value, _plus(recorder, mean, 0.0, factor=-1.0))


def _mean_square(recorder: Recorder, value: str, axes: set[int]) -> str:
    return reduced(recorder, recorder.emit("mul", value, value), axes, MEANS)


def _plus(recorder: Recorder, value: str, shift: float, factor: float = 1.0) -> str:
    line = {"scale": np.full(1, factor), "shift": np.full(1, shift)}
    return recorder.emit("affine", value, tensors=line)


def spread(root: bool, with_mean: bool = False) -> Reader:
    """A reader of variances, or of their roots."""

    def read(
        recorder: Recorder,
        result: Any,
        x: Tensor,
        dim: Sequence[int] | None = None,
        correction: float = 1,
        keepdim: bool = False,
    ) -> None:
        dims = sorted(d % x.ndim for d in dim or range(x.ndim))
        if 0 in dims or with_mean:
            recorder.refuse("var")
        value, known = recorder.picked(x)
        places = filled(known)
        value = recorder.arranged(value, known, places)
        axes = {places[d - 1] for d in dims}
        if correction and any(recorder.hangs_on_frames(value, axis) for axis in axes):
            recorder.refuse("a deviation over frames less one")
        n = prod(x.shape[d] for d in dims)
        value = _mean_square(recorder, _centred(recorder, value, axes), axes)
        if correction:
            value = _plus(recorder, value, 0.0, n / (n - correction))
        value = recorder.emit("sqrt", value) if root else value
        kept = [places[d - 1] for d in range(1, x.ndim) if keepdim or d not in dims]
        recorder.hold(result, value, tuple(kept))

    return read
