"""Operators that compute: convolutions, linear layers, pools, bounds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edge_asc.budget.tflite.schema import Operator
from edge_asc.budget.tflite.shapes import SAME
from edge_asc.graph.graph import Node
from edge_asc.graph.reading.reader import Reader

# schema.fbs: ActivationFunctionType of bounds that operators take in
FUSED_BOUNDS = {(0.0, math.inf): 1, (-1.0, 1.0): 2, (0.0, 6.0): 3}
BOUNDS = {code: bounds for bounds, code in FUSED_BOUNDS.items()}
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def bounds_taken(operator: Operator, slot: int) -> dict[str, Any]:
    """The attribute for bounds that an operator has taken in."""
    code = operator.option(slot, "b")
    if code == FUSED_BOUNDS[0.0, math.inf]:
        return {"relu": True}
    return {"clip": BOUNDS[code]} if code in BOUNDS else {}


def dequantize(reader: Reader, operator: Operator) -> None:
    """Float32 weights that the file has as float16."""
    (reader.halves[operator.outputs[0]],) = operator.inputs


def pad(reader: Reader, operator: Operator) -> None:
    """Zeros of a convolution, or what lies around a maximum, or an op of its own."""
    source, result = operator.inputs[0], operator.outputs[0]
    widths = reader.numbers(operator.inputs[1]).tolist()
    _, mels, frames, channels = map(tuple, widths)
    readers = reader.readers(result)
    even = mels[0] == mels[1] and frames[0] == frames[1] and channels == (0, 0)
    copied = [o for copy in readers if _is_copy(copy) for o in reader.readers(copy.outputs[0])]
    behind = [o for o in readers if not _is_copy(o)] + copied
    in_one = all(o.name in CONVOLUTIONS for o in behind)
    if operator.name == "PADV2" or (even and in_one):
        reader.padded[result] = source, (mels[0], frames[0])
        reader.rounded_up |= set() if even else {result}
    else:
        reader.add("pad", operator, widths=(channels, mels, frames))


def _is_copy(operator: Operator) -> bool:
    """Whether it is the larger of a tensor and itself, which stands behind some paddings."""
    first, *others = operator.inputs
    return operator.name == "MAXIMUM" and others == [first]


def conv(reader: Reader, operator: Operator) -> None:
    """A convolution, with the zeros that an operator before it put around."""
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    source, padding = reader.padded.get(operator.inputs[0], (operator.inputs[0], (0, 0)))
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    tensors, attributes = reader.weights(operator, lambda w: w.transpose(order), source)
    weight, slot = tensors["weight"], 4 if depthwise else 3
    dilation = tuple(operator.positive(slot + n, default=1) for n in (2, 1))
    if operator.option(0, "b") == SAME:
        sizes = zip(weight.shape[2:], dilation, strict=True)
        padding = tuple((size - 1) * apart // 2 for size, apart in sizes)
    n_channels = reader.file.tensors[source].shape[-1]
    attributes |= {
        "stride": (operator.positive(2), operator.positive(1)),
        "padding": padding,
        "groups": n_channels // weight.shape[1],
        **({"dilation": dilation} if dilation != (1, 1) else {}),
        **bounds_taken(operator, slot),
    }
    names = (reader.name(source),), (reader.name(operator.outputs[0]),)
    reader.nodes.append(Node("conv", *names, attributes, tensors))


def linear(reader: Reader, operator: Operator) -> None:
    """A linear layer, its weights in the order in which torch flattens."""
    source = operator.inputs[0]
    value = reader.flattened(source)
    maker = next((o for o in reader.file.operators if source in o.outputs), None)
    reshaped = maker is not None and maker.name == "RESHAPE" and reader.in_file_order(source)
    shape = reader.file.tensors[maker.inputs[0]].shape[1:] if maker and reshaped else None

    def layout(weight: np.ndarray) -> np.ndarray:  # the file flattens [M, F, C], torch [C, M, F]
        if shape is None:
            return weight
        return weight.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(weight), -1)

    tensors, attributes = reader.weights(operator, layout, source)
    attributes |= bounds_taken(operator, 0)
    reader.nodes.append(
        Node("linear", (value,), (reader.name(operator.outputs[0]),), attributes, tensors)
    )


def pool(reader: Reader, operator: Operator) -> None:
    """A maximum or mean of windows."""
    source, padding = reader.padded.get(operator.inputs[0], (operator.inputs[0], (0, 0)))
    kernel = operator.positive(4), operator.positive(3)
    stride = operator.positive(2), operator.positive(1)
    same = operator.option(0, "b") == SAME
    ceil = (same and stride != (1, 1)) or operator.inputs[0] in reader.rounded_up
    if same and not ceil:
        padding = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    attributes = {"kernel": kernel, "stride": stride, "padding": padding, "ceil": ceil}
    names = (reader.name(source),), (reader.name(operator.outputs[0]),)
    op = "max_pool" if operator.name == "MAX_POOL_2D" else "mean_pool"
    reader.nodes.append(Node(op, *names, attributes))


def reduce(ops: dict[tuple[int, ...], str], along: str) -> Callable[[Reader, Operator], None]:
    """A mean or maximum over axes; `ops` by axes, `along` over one of mels or frames."""

    def read(reader: Reader, operator: Operator) -> None:
        axes = tuple(np.atleast_1d(reader.numbers(operator.inputs[1])).tolist())
        if axes in ops:
            reader.add(ops[axes], operator)
        elif axes in ((1,), (2,)):
            reader.add(along, operator, axis=axes[0])
        else:
            raise ValueError(f"{operator.name} over axes {axes}: not written by edge-asc")

    return read


def leaky_relu(reader: Reader, operator: Operator) -> None:
    """A leaky ReLU with its slope."""
    options = operator.options
    at = options.at(0) if options else None
    slope = float(options.flat.number("f", at)) if options and at is not None else 0.0
    reader.add("leaky_relu", operator, slope=slope)


def between(op: str, side: str) -> Callable[[Reader, Operator], None]:
    """The larger or smaller of two values, or of one and a bound."""

    def read(reader: Reader, operator: Operator) -> None:
        if _is_copy(operator) and operator.inputs[0] in reader.padded:
            reader.padded[operator.outputs[0]] = reader.padded[operator.inputs[0]]
            return None
        bound = reader.file.tensors[operator.inputs[1]]
        if bound.data is None:
            return reader.add(op, operator)
        number, grid = (
            float(reader.numbers(operator.inputs[1]).item()),
            reader.grid(operator.inputs[1]),
        )
        if grid is not None:
            number = grid.scale * (number - grid.zero_point)
        return reader.add(
            "clip", operator, **({"low": -math.inf, "high": math.inf} | {side: number})
        )

    return read


def clip(bounds: tuple[float, float]) -> Callable[[Reader, Operator], None]:
    """Bounds that have an operator of their own."""
    low, high = bounds
    return lambda reader, operator: reader.add("clip", operator, low=low, high=high)
