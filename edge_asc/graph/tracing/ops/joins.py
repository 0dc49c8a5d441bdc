"""Readers of operations that join, part and pad tensors."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_asc.graph.graph import Node
from edge_asc.graph.tracing.recorder import Reader, Recorder


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
    """Tensors one behind the other along a new dim; where no value has it, until it is reduced."""
    for tensor in tensors:
        if not recorder.is_live(tensor):
            recorder.refuse("a constant in the place of a value")
    dim %= result.ndim
    if dim == 0 or result.ndim > 4:
        recorder.stacks[id(result)] = dim, tensors
        return
    parts = [tensor.unsqueeze(dim) for tensor in tensors]
    recorder.kept.append(parts)
    for tensor, part in zip(tensors, parts, strict=True):
        recorder.move(torch.ops.aten.unsqueeze.default, (tensor, dim), {}, part)
    concatenate(recorder, result, parts, dim)


def of_stacked(op: str, otherwise: Reader, is_mean: bool = False) -> Reader:
    """A reader of what is reduced over the parts of a stack, two by two; or otherwise."""

    def read(recorder: Recorder, result: Any, x: Tensor, *given: Any, **options: Any) -> None:
        dim, parts = recorder.stacks.get(id(x), (0, ()))
        asked = given[0] if given else options.get("dim")
        dims = [asked] if isinstance(asked, int) else list(asked or ())
        if not parts or [d % x.ndim for d in dims] != [dim] or True in given[1:2]:
            otherwise(recorder, result, x, *given, **options)
            return
        numbers = result if isinstance(result, Tensor) else result[0]
        values, axes = recorder.together(parts)
        value = reduce(lambda a, b: recorder.emit(op, a, b), values)
        if is_mean:
            part = {"scale": np.full(1, 1 / len(parts)), "shift": np.zeros(1)}
            value = recorder.emit("affine", value, tensors=part)
        recorder.hold(numbers, value, axes)

    return read


def glu(recorder: Recorder, result: Tensor, x: Tensor, dim: int = -1) -> None:
    """One half times the sigmoid of the other."""
    halved = x.chunk(2, dim)
    gate = torch.empty_like(result)
    recorder.kept += [halved, gate]
    recorder.move(torch.ops.aten.chunk.default, (x, 2, dim), {}, halved)
    (value,), axes = recorder.together(halved[1:])
    recorder.hold(gate, recorder.emit("sigmoid", value), axes)
    values, axes = recorder.together([halved[0], gate])
    recorder.hold(result, recorder.emit("mul", *values), axes)


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
    recorder.add(node)
    for half, tensor in zip(node.outputs, result, strict=True):
        recorder.hold(tensor, half, axes)
