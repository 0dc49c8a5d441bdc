"""Readers of means, maxima and pools."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_asc.graph.tracing.layout import filled
from edge_asc.graph.tracing.ops.arguments import CHANNELS, FRAMES, MELS, WHOLE_MAP, pair
from edge_asc.graph.tracing.ops.layers import affine
from edge_asc.graph.tracing.recorder import Reader, Recorder


def reduction(one_number: str, along: str, over_channels: str) -> Reader:
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
        asked = [dim] if isinstance(dim, int) else list(dim or ())
        dims = sorted({d % x.ndim for d in asked})
        if not dims or 0 in dims:
            recorder.refuse("a mean or maximum over all clips")
        whole = recorder.joined(x)
        if whole is not None and {d for d in range(2, x.ndim) if x.shape[d] > 1} <= {*dims}:
            value, places, gone = whole, (CHANNELS, MELS, FRAMES)[: x.ndim - 1], set(WHOLE_MAP)
        else:
            value, axes = recorder.picked(x)
            places = filled(axes)
            value = recorder.arranged(value, axes, places)
            gone = {places[d - 1] for d in dims if axes[d - 1] is not None}
        value = reduced(recorder, value, gone, (one_number, along, over_channels))
        kept = [places[d - 1] for d in range(1, x.ndim) if keepdim or d not in dims]
        recorder.hold(numbers, value, tuple(kept))

    return read


def reduced(recorder: Recorder, value: str, axes: set[int], ops: tuple[str, str, str]) -> str:
    """A value reduced over axes, by ops for mels and frames, for one of them, and for channels."""
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


def total(
    recorder: Recorder, result: Tensor, x: Tensor, dim: Any = None, *rest: Any, **more: Any
) -> None:
    """So many times the mean, where the number is known: not over frames."""
    dims = [dim] if isinstance(dim, int) else list(dim or ())
    size = math.prod(x.shape[d] for d in dims)
    _, axes = recorder.picked(x)
    over_frames = any(axes[d % x.ndim - 1] == FRAMES for d in dims if d % x.ndim)
    if over_frames and not recorder.one_length:
        recorder.refuse("a sum over frames")
    mean = torch.empty_like(result)
    recorder.kept.append(mean)
    MEAN(recorder, mean, x, dim, *rest, **more)
    affine(recorder, result, mean, float(size), 0.0)


def max_pool(
    recorder: Recorder,
    result: Sequence[Tensor],
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> None:
    """The largest number of each window."""
    if pair(dilation) != (1, 1):
        recorder.refuse("pooling with dilation")
    window = _window(kernel, stride, padding)
    attributes = window | {"ceil": ceil_mode and max(window["stride"]) > 1}
    if ceil_mode and not all(p <= k - s for k, s, p in zip(*window.values(), strict=True)):
        recorder.refuse("a maximum that rounds up")
    name = recorder.emit("max_pool", recorder.map(x), attributes=attributes)
    recorder.hold(result[0], name, (0, 1, 2))


def avg_pool(
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
    """The mean of each window."""
    value, window = recorder.map(x), _window(kernel, stride, padding)
    ceil_mode = ceil_mode and max(window["stride"]) > 1
    divisor = {} if divisor_override is None else {"divisor": divisor_override}
    if not ceil_mode and (count_include_pad or divisor or not any(window["padding"])):
        value = recorder.emit("avg_pool", value, attributes=window | divisor)
    elif divisor:
        recorder.refuse("average pooling that rounds up or leaves its padding out")
    else:
        value = _of_the_map_alone(recorder, value, window, ceil_mode)
    recorder.hold(result, value, (0, 1, 2))


def _of_the_map_alone(recorder: Recorder, value: str, window: dict[str, Any], ceil: bool) -> str:
    """Means in which zeros around the map do not count: at each place, of which some are left."""
    kernel, stride, padding = window.values()
    if ceil and kernel == stride and max(kernel) == 2 and not any(padding):
        return recorder.emit("mean_pool", value, attributes=window | {"ceil": True})
    if ceil or any(2 * p != k - 1 for k, p in zip(kernel, padding, strict=True)):
        recorder.refuse("average pooling that rounds up or leaves its padding out")
    each = {"kernel": kernel, "stride": (1, 1), "padding": padding, "ceil": False}
    value = recorder.emit("mean_pool", value, attributes=each)
    if stride != (1, 1):
        value = recorder.emit("max_pool", value, attributes=_window(1, stride, 0) | {"ceil": False})
    return value


def avg_pool_or_mean(
    recorder: Recorder, result: Tensor, x: Tensor, kernel: Any, *options: Any, **more: Any
) -> None:
    """The mean of each window; of one as large as the map the mean of any map.

    A window that is this large by chance is told at another length, where the network differs.
    """
    value = recorder.map(x)
    whole = pair(kernel) == recorder.shapes[value][1:] and result.shape[2:] == (1, 1)
    if not whole or not _is_plain(*options, **more):
        return avg_pool(recorder, result, x, kernel, *options, **more)
    return recorder.hold(result, recorder.emit("global_mean", value), (0, 1, 2))


def _is_plain(
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> bool:
    return not any(pair(padding)) and divisor_override is None


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, tuple[int, int]]:
    return {"kernel": pair(kernel), "stride": pair(stride or kernel), "padding": pair(padding)}


def adaptive(one_number: str, along: str, pool: str) -> Reader:
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


MEANS = "global_mean", "axis_mean", "channel_mean"
MEAN = reduction(*MEANS)
MAXIMUM = reduction("global_max", "axis_max", "channel_max")
