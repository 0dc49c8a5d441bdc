"""Counts an .onnx file, ours or anybody's."""

from collections.abc import Iterator
from math import prod

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import inliner

from edge_asc.budget.inventory import (
    Constant,
    Inventory,
    Layer,
    Missing,
    Role,
    Shape,
    peak_bytes,
)
from edge_asc.budget.length import Length, length_of
from edge_asc.budget.onnx.operators import (
    DOMAINS,
    FORMULAS,
    LOOPS,
    MOVES,
    PER_INPUT,
    PER_OUTPUT,
    POOLS,
    QUANTISED,
    ROLES,
    UNPACKING,
    VARIADIC,
    WEIGHT_ZERO_POINTS,
)
from edge_asc.budget.onnx.stored import (
    Stored,
    integers,
    stored_attribute,
    stored_sparse,
    stored_tensor,
    stored_weight,
    type_of,
)
from edge_asc.budget.onnx.work import MACS, RECURRENT, needed
from edge_asc.runtime.metadata import entries_of, one_line
from edge_asc.runtime.trust.elsewhere import weights_elsewhere

MAX_PARTS = 16  # a weight is unpacked by a scale, a zero point, perhaps a shape

# What onnx raises at damaged files, besides ValueError.
DAMAGE = (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError,
          TypeError, IndexError, KeyError, AttributeError, OverflowError, RuntimeError)  # fmt: skip


def read_onnx(
    data: bytes,
    *,
    frames: int | None = None,
    audio_s: float | None = None,
    name: str = "model.onnx",
) -> Inventory:
    """Count the bytes of an .onnx file; arguments as of `inventory_of_file`.

    Raises:
        ValueError: not an ONNX file, or a damaged one.
    """
    length = length_of(entries_of(data, name), frames, audio_s)
    try:
        model = onnx.load_model_from_string(data)
        if model.functions:
            model = inliner.inline_local_functions(model)
        shape = _fix_inputs(model.graph, length)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        missing: set[Missing] = {"file"} if weights_elsewhere(data, "onnx") else set()
        return _Counter(model.graph, length, missing).inventory(name, len(data), shape)
    except DAMAGE as error:
        raise ValueError(f"{name}: damaged model file: {one_line(error)[:300]}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {one_line(error)[:300]}") from None


def _fix_inputs(graph: onnx.GraphProto, length: Length) -> Shape:
    """Give the inputs the shape they are counted with; return that of the first."""
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    in_time_order = {  # [time, batch, numbers]
        node.input[0]
        for node in graph.node
        if node.op_type in RECURRENT and node.input and not any(integers(node, "layout"))
    }
    for value in inputs:
        dims = value.type.tensor_type.shape.dim
        first = 0 if len(dims) == 1 or value.name in in_time_order else 1
        free = [i for i, dim in enumerate(dims) if i >= first and dim.dim_value < 1]
        if first and dims and dims[0].dim_value < 1:
            dims[0].dim_value = 1
        if free and length.wanted is None:
            length.take_for_granted("dynamic input of unknown length: counted as 1")
        if free:
            dims[free[-1]].dim_value = length.wanted or 1
        elif length.frames is not None and length.frames not in [dim.dim_value for dim in dims]:
            raise ValueError(f"input of fixed shape {list(_shape_of(value))}: no other frames")
    return _shape_of(inputs[0]) if inputs else ()


def _shape_of(value: onnx.ValueInfoProto) -> Shape:
    """Shape of a value; an axis that shape inference could not settle counts as 1."""
    return tuple(max(dim.dim_value, 0) if dim.HasField("dim_value") else 1
                 for dim in value.type.tensor_type.shape.dim)  # fmt: skip


class _Counter:
    """Goes through a model's nodes once, bodies of branches and loops after the main graph."""

    def __init__(self, graph: onnx.GraphProto, length: Length, missing: set[Missing]) -> None:
        self.length, self.missing = length, missing
        self.graphs = list(_graphs(graph))
        self.shapes: dict[str, Shape] = {}
        self.bytes: dict[str, int] = {}
        self.stored: dict[str, tuple[Stored, ...]] = {}  # first the tensor, then what unpacks it
        self.read: set[str] = set()  # constants that a layer has in its sum
        self.uncounted: set[str] = set()
        self.assumed: set[str] = set()  # values of which an axis is not known
        for part in self.graphs:
            self.collect(part)

    def collect(self, graph: onnx.GraphProto) -> None:
        """Take down shapes and constants."""
        for value in [*graph.value_info, *graph.input, *graph.output]:
            if not value.type.tensor_type.HasField("shape"):
                continue
            self.shapes[value.name] = shape = _shape_of(value)
            if any(not dim.HasField("dim_value") for dim in value.type.tensor_type.shape.dim):
                self.assumed.add(value.name)
            bits = type_of(value.type.tensor_type.elem_type)[1]
            self.bytes[value.name] = -(-prod(shape) * bits // 8)
        found = [stored_tensor(tensor) for tensor in graph.initializer]
        found += [stored_sparse(tensor) for tensor in graph.sparse_initializer]
        self.stored.update({constant.name: (constant,) for constant in found})
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            positions = WEIGHT_ZERO_POINTS.get(node.op_type, ())
            held = [tensors.get(node.input[p]) for p in positions if p < len(node.input)]
            if len(held) == 2 and held[0] is not None and held[1] is not None:
                self.stored[held[0].name] = (stored_weight(held[0], held[1]),)
        for node in graph.node:
            self.collect_constant(node)
        for name, constants in self.stored.items():
            self.shapes.setdefault(name, constants[0].shape)

    def collect_constant(self, node: onnx.NodeProto) -> None:
        """A node that makes a constant, or puts one in another form, makes a constant."""
        if node.op_type == "Constant" and node.output:
            self.stored[node.output[0]] = (stored_attribute(node),)
        elif node.op_type in UNPACKING and node.output:
            inputs = [name for name in node.input if name]
            if inputs and all(name in self.stored for name in inputs):
                parts = {part.name: part for name in inputs for part in self.stored[name]}
                if len(parts) <= MAX_PARTS:
                    self.stored[node.output[0]] = tuple(parts.values())

    def inventory(self, name: str, file_bytes: int, input_shape: Shape) -> Inventory:
        layers = [layer for graph in self.graphs for layer in self.layers(graph)]
        layers += self.unread()
        frames = input_shape[-1] if len(input_shape) == 4 else None
        audio_s = self.length.seconds(frames, input_shape)
        notes = (*self.length.notes, *self.warnings())
        if self.length.assumed:
            self.missing |= {"work", "activations"}
        if len(self.graphs) > 1 or not all(map(self.is_sized, self.graphs[0].node)):
            self.missing.add("activations")
        if self.uncounted:
            self.missing.add("work")
        return Inventory(
            name, "onnx", tuple(layers), input_shape, audio_s, self.peak(), file_bytes, notes,
            self.length.views, frozenset(self.missing),
        )  # fmt: skip

    def is_sized(self, node: onnx.NodeProto) -> bool:
        """Whether the sizes of what a node makes are known."""
        return all(name in self.bytes or name in self.stored for name in node.output if name)

    def warnings(self) -> Iterator[str]:
        if self.uncounted:
            ops = ", ".join(sorted(self.uncounted))
            yield f"work of {ops} is not counted (unknown op or shape)"
        if len(self.graphs) > 1:
            yield "work of each branch and loop body counted once; peak of the main graph alone"
        if any(part.is_external for parts in self.stored.values() for part in parts):
            yield "some weights lie in another file: counted as non-zero, not in the bytes"
        if any(node.op_type == "DequantizeLinear" and node.output[0] not in self.stored
               for graph in self.graphs for node in graph.node if node.output):  # fmt: skip
            yield "dequantised activations counted as float32, even where a runtime fuses them"

    def layers(self, graph: onnx.GraphProto) -> Iterator[Layer]:
        for position, node in enumerate(graph.node):
            if node.output and node.output[0] in self.stored:
                continue
            macs, elementwise = self.work(node)
            yield Layer(
                name=_text(node.name) or f"op {position}",
                kind=_text(node.op_type),
                constants=tuple(self.constants(node)),
                macs=macs,
                elementwise=elementwise,
                output_bytes=sum(self.bytes.get(name, 0) for name in node.output),
                output_shape=self.shapes.get(node.output[0], ()) if node.output else (),
            )

    def work(self, node: onnx.NodeProto) -> tuple[int, int]:
        """Multiply-accumulates and other operations of one node."""
        kind, domain = _text(node.op_type), _text(node.domain)
        made = next(filter(None, node.output), "")  # a recurrent op may leave out its first
        if kind in MOVES and domain in DOMAINS:
            return 0, 0
        if not self.is_known(node, made) or domain not in DOMAINS or kind in LOOPS:
            self.uncounted.add(kind)
            return 0, 0
        out = prod(self.shapes[made])
        if kind in MACS:
            found = MACS[kind](node, [self.shapes.get(name, ()) for name in node.input], out)
            if found is None:
                self.uncounted.add(kind)
            return found or (0, 0)
        if kind in PER_OUTPUT:
            return 0, out
        if kind in VARIADIC:
            return 0, out * max(len(node.input) - 1, 1)
        if kind in PER_INPUT:
            return 0, prod(self.shapes.get(node.input[0], (0,)))
        if kind in POOLS:
            return 0, out * prod(integers(node, "kernel_shape") or [0])
        self.uncounted.add(kind)
        return 0, 0

    def is_known(self, node: onnx.NodeProto, made: str) -> bool:
        """Whether every shape is there that the work of a node is counted by."""
        used = [made, *filter(None, node.input[: needed(node.op_type)])]
        return all(name in self.shapes and name not in self.assumed for name in used)

    def constants(self, node: onnx.NodeProto) -> Iterator[Constant]:
        for position, name in enumerate(node.input):
            if name not in self.stored:
                continue
            first, *rest = self.stored[name]
            yield self.constant(first, _role(node.op_type, position, first))
            yield from (self.constant(part, "grid" if part.is_number else "graph") for part in rest)

    def constant(self, stored: Stored, role: Role) -> Constant:
        shared = stored.name in self.read
        self.read.add(stored.name)
        here = 0 if shared else stored.bytes
        return Constant(role, stored.dtype, stored.bits, prod(stored.shape), stored.nonzero, here,
                        shared)  # fmt: skip

    def unread(self) -> Iterator[Layer]:
        """A layer for each constant that no node reads; it takes room all the same."""
        for parts in self.stored.values():
            for part in parts:
                if part.name not in self.read:
                    constant = self.constant(part, "graph")
                    yield Layer(_text(part.name), "unread", (constant,), 0, 0, 0, part.shape)

    def peak(self) -> int:
        main = self.graphs[0]
        steps = [
            (list(node.input), list(node.output))
            for node in main.node
            if not (node.output and node.output[0] in self.stored)
        ]
        sizes = {name: size for name, size in self.bytes.items() if name not in self.stored}
        return peak_bytes(steps, sizes, kept={value.name for value in main.output})


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for held in node.attribute:
            for body in [held.g] if held.HasField("g") else held.graphs:
                yield from _graphs(body)


def _text(value: str | bytes) -> str:
    """Text of a field; protobuf gives bytes where it is no UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _role(kind: str, position: int, stored: Stored) -> Role:
    if position in ROLES.get(kind, {}):
        return ROLES[kind][position]
    if kind in QUANTISED:
        return "grid"
    if kind in FORMULAS and not stored.shape:
        return "graph"
    return "weight" if stored.is_number else "graph"
