"""A .tflite file as plain objects, read with the standard library and numpy.

Takes files of any writer: every size is checked before it is used, and a damaged file ends in a
`ValueError`. Slots and enums are those of TensorFlow Lite's schema.fbs.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from edge_asc.budget.inventory import Shape, packed_bytes
from edge_asc.budget.tflite.operators import CUSTOM, operator_name
from edge_asc.runtime.formats.flatbuffer import Flat, FlatError, Table

MAX_RANK = 16
MAX_STEERING_BYTES = 1024  # of axes, paddings and shapes that are worth a look

# TensorType by code: name and bits an element
TYPES: tuple[tuple[str, int], ...] = (
    ("float32", 32), ("float16", 16), ("int32", 32), ("uint8", 8), ("int64", 64), ("string", 0),
    ("bool", 8), ("int16", 16), ("complex64", 64), ("int8", 8), ("float64", 64),
    ("complex128", 128), ("uint64", 64), ("resource", 0), ("variant", 0), ("uint32", 32),
    ("uint16", 16), ("int4", 4), ("bfloat16", 16), ("int2", 2), ("uint4", 4),
    ("float8_e4m3fn", 8), ("float8_e5m2", 8),
)  # fmt: skip
# Floats numpy lacks: integers of the same bits, and the mask without the sign (-0 is zero).
MASKED = {"bfloat16": ("<u2", 0x7FFF), "float8_e4m3fn": ("u1", 0x7F), "float8_e5m2": ("u1", 0x7F)}


@dataclass(frozen=True)
class Tensor:
    """One tensor of a subgraph.

    Attributes:
        name: May be empty.
        shape: As stored; 1 stands where the signature has a dynamic axis.
        signature: Shape with -1 for dynamic axes; equals `shape` in a static file.
        dtype: Such as `int8`.
        bits: Of one element; 0 where elements have no fixed size.
        data: Stored bytes of a constant, else None.
        storage: Where in the file they lie: equal for tensors that share them.
        is_sparse: The data hold only the elements that are kept.
        is_external: The data lie in another file.
        quantisation: What its integers stand for; read where it is asked for.
    """

    name: str
    shape: Shape
    signature: Shape
    dtype: str
    bits: int
    data: memoryview | None
    storage: int
    is_sparse: bool
    is_external: bool
    quantisation: Table | None

    @property
    def scales(self) -> tuple[float, ...]:
        """One, or one a channel; empty where the numbers are the values themselves."""
        return () if self.quantisation is None else self.quantisation.floats(2)

    @property
    def zero_points(self) -> tuple[int, ...]:
        """One for each of the scales."""
        return () if self.quantisation is None else self.quantisation.integers(3, "q")

    def size_bytes(self, shape: Shape) -> int:
        """Bytes of such a tensor of some shape, packed."""
        return packed_bytes(prod(shape), self.bits)

    def nonzero(self) -> int:
        """Stored numbers that differ from zero."""
        return 0 if self.data is None else count_nonzero(self.data, self.dtype, self.bits)

    def integers(self) -> list[int] | None:
        """The numbers of a short integer constant; None where there is none."""
        if self.dtype not in ("int32", "int64"):
            return None
        if self.data is None or len(self.data) > MAX_STEERING_BYTES:
            return None
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<")).tolist()


@dataclass(frozen=True)
class Operator:
    """One operator; -1 among its inputs stands for an input left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    def option(self, slot: int, code: str = "i", default: int = 0) -> int:
        """A builtin option by its slot."""
        return default if self.options is None else self.options.integer(slot, code, default)

    def positive(self, slot: int, default: int = 0) -> int:
        """A builtin option that must be at least 1, such as a stride."""
        value = self.option(slot, default=default)
        if value < 1:
            raise FlatError(f"{self.name} with option {slot} at {value}, which must be at least 1")
        return value


@dataclass(frozen=True)
class Subgraph:
    """Tensors by index, operators in the order of execution."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_subgraphs(data: bytes) -> list[Subgraph]:
    """The subgraphs of a .tflite file; the first is the one that is called.

    Raises:
        FlatError: damaged or no TFLite file.
    """
    if data[4:8] != b"TFL3":
        raise FlatError("not a TFLite file (no TFL3 at byte 4)")
    model = Flat(data).root()
    names = [_operator_name(code) for code in model.tables(1)]
    buffers = [_buffer(table, data) for table in model.tables(4)]
    distinct = {storage: len(view) for storage, view in buffers if view is not None}
    if sum(distinct.values()) > len(data):
        raise FlatError("buffers overlap: they hold more bytes than the file")
    subgraphs = [_subgraph(table, names, buffers) for table in model.tables(2)]
    if not subgraphs:
        raise FlatError("no graph in the file")
    return subgraphs


Buffer = tuple[int, memoryview | None]  # where it starts, what it holds


def _operator_name(code: Table) -> str:
    # Codes above 127 do not fit the deprecated field, and some writers fill only one of the two.
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    return f"CUSTOM {code.text(1)}".strip() if number == CUSTOM else operator_name(number)


def _buffer(table: Table, data: bytes) -> Buffer:
    offset, size = table.integer(1, "Q"), table.integer(2, "Q")
    if offset > 1:  # large models keep their data behind the flatbuffer
        table.flat.check(offset, size)
        return offset, memoryview(data)[offset : offset + size]
    view = table.raw(0)
    if not view:
        return 0, None
    at = table.at(0)
    assert at is not None  # the view came from there
    return table.flat.follow(at), view


def _subgraph(table: Table, names: list[str], buffers: list[Buffer]) -> Subgraph:
    tensors = [_tensor(tensor, buffers) for tensor in table.tables(0)]
    operators = [_operator(operator, names) for operator in table.tables(3)]
    graph = Subgraph(tensors, operators, table.integers(1), table.integers(2))
    used = [*graph.inputs, *graph.outputs]
    used += [i for op in operators for i in (*op.inputs, *op.outputs)]
    if any(not -1 <= index < len(tensors) for index in used):
        raise FlatError(f"an index beyond the {len(tensors)} tensors there are")
    return graph


def _tensor(table: Table, buffers: list[Buffer]) -> Tensor:
    code, buffer = table.integer(1, "b"), table.integer(2, "I")
    if not 0 <= code < len(TYPES):
        raise FlatError(f"a tensor of unknown type {code}")
    if buffer >= len(buffers):
        raise FlatError(f"a tensor in buffer {buffer} of {len(buffers)}")
    shape = _shape(table.integers(0))
    storage, data = buffers[buffer]
    dtype, bits = TYPES[code]
    tensor = Tensor(
        name=table.text(3),
        shape=shape,
        signature=table.integers(7) or shape,
        dtype=dtype,
        bits=bits,
        data=data,
        storage=storage,
        is_sparse=table.at(6) is not None,
        is_external=table.integer(10, "I") > 0,
        quantisation=table.table(4),
    )
    if data is not None and bits and not tensor.is_sparse and len(data) != tensor.size_bytes(shape):
        raise FlatError(f"{dtype} tensor {list(shape)} with {len(data)} bytes of data")
    if len(tensor.signature) != len(shape):
        raise FlatError(f"tensor {list(shape)} with signature {list(tensor.signature)}")
    return tensor


def _shape(sizes: tuple[int, ...]) -> Shape:
    if len(sizes) > MAX_RANK or any(size < 0 for size in sizes):
        raise FlatError(f"no shape of a tensor: {list(sizes[:MAX_RANK])}")
    return sizes


def _operator(table: Table, names: list[str]) -> Operator:
    index = table.integer(0, "I")
    if index >= len(names):
        raise FlatError(f"operator code {index} of {len(names)}")
    return Operator(names[index], table.integers(1), table.integers(2), table.table(4))


def count_nonzero(data: memoryview, dtype: str, bits: int) -> int:
    """How many stored numbers differ from zero, packed types included."""
    if bits == 0:
        return 0
    if bits < 8:
        packed = np.frombuffer(data, np.uint8)
        lanes = [packed >> shift & (1 << bits) - 1 for shift in range(0, 8, bits)]
        return sum(int(np.count_nonzero(lane)) for lane in lanes)
    stored, mask = MASKED.get(dtype, (dtype, 0))
    usable = len(data) - len(data) % (bits // 8)
    numbers = np.frombuffer(data[:usable], np.dtype(stored).newbyteorder("<"))
    return int(np.count_nonzero(numbers & mask if mask else numbers))
