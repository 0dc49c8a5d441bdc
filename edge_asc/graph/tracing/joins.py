"""Readers of operations that join, part and pad tensors."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from edge_asc.graph.graph import Node, output_shape
from edge_asc.graph.tracing.layout import Live
from edge_asc.graph.tracing.recorder import Recorder


def concatenate(
    recorder: Recorder, result: Tensor, tensors: Sequence[Tensor], dim: int = 0
) -> None:
    """Tensors one behind the other along a dim."""
    if dim % result.ndim == 0:
        recorder.refuse("reshaping")
    values, axes = recorder.together(tensors)
    axis = axes[dim % result.ndim - 1]
    values = [
        recorder.written_out(t, v, axes, values) for t, v in zip(tensors, values, strict=True)
    ]
    name = recorder.emit("concat", *values, attributes={"axis": axis})
    recorder.hold(result, name, axes)


def stack(recorder: Recorder, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> None:
    """Tensors one behind the other along a new dim."""
    parts = [tensor.unsqueeze(dim) for tensor in tensors]
    for tensor, part in zip(tensors, parts, strict=True):
        if not recorder.is_live(tensor):
            recorder.refuse("a constant in the place of a value")
        live = recorder.live[id(tensor)]
        recorder.live[id(part)] = Live(live.value, recorder.index_of(live).unsqueeze(dim))
    recorder.kept.append(parts)
    concatenate(recorder, result, parts, dim)


def pad(
    recorder: Recorder, result: Tensor, x: Tensor, widths: Sequence[int], value: float = 0.0
) -> None:
    """Zeros around; torch counts dims from the last."""
    if value != 0 or min(widths) < 0:
        recorder.refuse("padding with other numbers than zero")
    (source,), axes = recorder.together([x])
    source = recorder.written_out(x, source, axes)
    around = [(0, 0), (0, 0), (0, 0)]
    for position in range(len(widths) // 2):
        dim = x.ndim - 1 - position
        if dim == 0:
            recorder.refuse("reshaping")
        around[axes[dim - 1]] = (widths[2 * position], widths[2 * position + 1])
    name = recorder.emit("pad", source, attributes={"widths": tuple(around)})
    recorder.hold(result, name, axes)


def halves(recorder: Recorder, result: Sequence[Tensor], x: Tensor, *_: Any, **__: Any) -> None:
    """Channels in two halves; `Recorder.take` sends no other split."""
    value, axes = recorder.led(x)
    name = f"split_{len(recorder.nodes)}"
    node = Node("split", (value,), (f"{name}_a", f"{name}_b"))
    recorder.nodes.append(node)
    shape = output_shape(node, [recorder.shapes[value]])
    for half, tensor in zip(node.outputs, result, strict=True):
        recorder.shapes[half] = shape
        recorder.hold(tensor, half, axes)
