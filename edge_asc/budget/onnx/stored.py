"""Constant tensors of an .onnx file, in every form that the format has for them."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_asc.budget.inventory import Shape

NARROW = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4e2m1": 4}  # packed into bytes
NOT_NUMBERS = frozenset({"int32", "int64", "bool", "string", "undefined"})


@dataclass(frozen=True)
class Stored:
    """One constant tensor.

    Attributes:
        name: Of the tensor.
        dtype: Such as `float32`.
        bits: Of one element; 0 for strings.
        shape: With all zeros that a sparse tensor leaves out.
        nonzero: Elements that differ from zero, or from their zero point.
        bytes: What it takes in this file.
        is_external: It lies in another file.
    """

    name: str
    dtype: str
    bits: int
    shape: Shape
    nonzero: int
    bytes: int
    is_external: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it can be a weight, and not only an axis, a shape or a condition."""
        return self.dtype not in NOT_NUMBERS


def type_of(code: int) -> tuple[str, int]:
    """Name and bits of an element type."""
    if code in (TensorProto.UNDEFINED, TensorProto.STRING):
        return TensorProto.DataType.Name(code).lower(), 0
    name = TensorProto.DataType.Name(code).lower()
    named = {"float": "float32", "double": "float64"}.get(name, name)
    return named, NARROW.get(name, 8 * helper.tensor_dtype_to_np_dtype(code).itemsize)


def stored_tensor(tensor: onnx.TensorProto, name: str = "") -> Stored:
    """An initialiser, or the value of a Constant node."""
    dtype, bits = type_of(tensor.data_type)
    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0:
        raise ValueError(f"constant {tensor.name} of shape {list(shape)}")
    if tensor.data_location == TensorProto.EXTERNAL:
        return Stored(tensor.name, dtype, bits, shape, prod(shape), 0, is_external=True)
    nonzero = int(np.count_nonzero(numpy_helper.to_array(tensor))) if bits else 0
    # Without raw data the numbers lie in a typed field, one variable-length integer each.
    size = len(tensor.raw_data) if tensor.HasField("raw_data") else tensor.ByteSize()
    return Stored(name or tensor.name, dtype, bits, shape, nonzero, size)


def stored_weight(weight: onnx.TensorProto, zero_point: onnx.TensorProto) -> Stored:
    """Integers `[out, …]` that stand for zero where they equal their zero point, of each or all."""
    stored = stored_tensor(weight)
    if TensorProto.EXTERNAL in (weight.data_location, zero_point.data_location):
        return stored
    numbers, zeros = numpy_helper.to_array(weight), numpy_helper.to_array(zero_point)
    if zeros.size > 1 and zeros.shape == numbers.shape[:1]:
        zeros = zeros.reshape(-1, *[1] * (numbers.ndim - 1))
    return replace(stored, nonzero=int(np.count_nonzero(numbers != zeros)))


def stored_sparse(tensor: onnx.SparseTensorProto) -> Stored:
    """A sparse initialiser: its values, and as many indices."""
    values, indices = stored_tensor(tensor.values), stored_tensor(tensor.indices)
    size = values.bytes + indices.bytes
    return Stored(values.name, values.dtype, values.bits, tuple(tensor.dims), values.nonzero, size)


def stored_attribute(node: onnx.NodeProto) -> Stored:
    """What a Constant node holds."""
    name = node.output[0]
    held = node.attribute[0]
    if held.name == "value":
        return stored_tensor(held.t, name)
    if held.name == "sparse_value":
        return stored_sparse(held.sparse_tensor)
    values = np.asarray(helper.get_attribute_value(held))
    if values.dtype.kind not in "fi":
        return Stored(name, "string", 0, values.shape, 0, held.ByteSize())
    dtype, bits = ("float32", 32) if values.dtype.kind == "f" else ("int64", 64)
    nonzero = int(np.count_nonzero(values))
    return Stored(name, dtype, bits, values.shape, nonzero, held.ByteSize())


def integers(node: onnx.NodeProto, name: str) -> list[int]:
    """Numbers of an integer attribute; none where it is left out."""
    for held in node.attribute:
        if held.name == name:
            return list(held.ints) if held.ints else [held.i]
    return []
