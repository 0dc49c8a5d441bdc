"""Multiply-accumulates of ONNX operators, from the shapes of what they read and make."""

from collections.abc import Callable
from math import prod

import onnx

from edge_asc.budget.inventory import Shape
from edge_asc.budget.onnx.operators import PER_INPUT
from edge_asc.budget.onnx.stored import integers

Work = tuple[int, int]  # multiply-accumulates, and other operations
WorkRule = Callable[[onnx.NodeProto, list[Shape], int], Work | None]  # None: it cannot be told

# Operations beside the products, for each number of the state at each step: gates' functions,
# their products with the state, sums.
RECURRENT = {"RNN": 1, "GRU": 8, "LSTM": 9, "DynamicQuantizeLSTM": 9}


def needed(kind: str) -> int:
    """How many of an op's first inputs its work is counted by."""
    if kind in MACS:
        return 3 if kind in RECURRENT else 4 if kind.startswith("QLinear") else 2
    return 1 if kind in PER_INPUT else 0


def _filters(position: int) -> WorkRule:
    """Each output is a sum over one filter `[out, in, …]` at an input position."""
    return lambda node, shapes, out: (out * prod(shapes[position][1:]), 0)


def _gemm(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work:
    return out * shapes[0][0 if any(integers(node, "transA")) else -1], 0


def _fused_product(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work | None:
    if any(integers(node, "transBatchA")) or any(integers(node, "transBatchB")):
        return None
    return out * shapes[0][-2 if any(integers(node, "transA")) else -1], 0


def _narrow_product(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work:
    """Weights of four bits, in blocks: K inputs for each output."""
    return out * integers(node, "K")[0], 0


def _recurrent(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work:
    """At each step each row meets all weights: `[D, …, I]` of the input, `[D, …, H]` of itself."""
    x, weights, own = shapes[:3]
    rows, directions = prod(x[:2]), own[0]
    hidden = min(own[1:])  # [4 H, H], or turned
    operations = rows * directions * hidden * RECURRENT[node.op_type]
    return rows * (prod(weights) + prod(own)), operations


def _einsum(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work | None:
    """Every combination of indices, for each operand beyond the first."""
    (equation,) = (held.s.decode() for held in node.attribute if held.name == "equation")
    operands = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands, shapes, strict=True):
        if len(letters) != len(shape):  # an ellipsis stands for some axes
            return None
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    every = prod(sizes.values())
    return (every * (len(operands) - 1), 0) if len(operands) > 1 else (0, every)


def _attention(node: onnx.NodeProto, shapes: list[Shape], out: int) -> Work | None:
    """Onnxruntime's fused one: input `[B, S, I]`, weights `[I, 3 H]` of queries, keys, values."""
    if len(shapes[0]) != 3 or len(shapes[1]) != 2 or len([s for s in node.input[2:] if s]) > 2:
        return None
    batch, steps, inputs = shapes[0]
    wide = shapes[1][1]
    products = batch * steps * inputs * wide + 2 * batch * steps * steps * (wide // 3)
    return products, batch * steps * steps


CONVOLUTIONS = ("Conv", "ConvInteger", "FusedConv")
MATRICES = ("MatMul", "MatMulInteger", "QLinearMatMul", "MatMulIntegerToFloat",
            "DynamicQuantizeMatMul")  # fmt: skip
MACS: dict[str, WorkRule] = {
    # As torchinfo has it: once a parameter, whatever the positions.
    "BatchNormalization": lambda node, shapes, out: (2 * prod(shapes[1]), 0),
    "ConvTranspose": lambda node, shapes, out: (prod(shapes[0]) * prod(shapes[1][1:]), 0),
    "QLinearConv": _filters(3),
    "Einsum": _einsum,
    "Attention": _attention,
    "MatMulNBits": _narrow_product,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _fused_product),
    **dict.fromkeys(CONVOLUTIONS, _filters(1)),
    **dict.fromkeys(("Gemm", "QGemm", "FusedGemm"), _gemm),
    **dict.fromkeys(RECURRENT, _recurrent),
    **dict.fromkeys(MATRICES, lambda node, shapes, out: (out * shapes[0][-1], 0)),
}
