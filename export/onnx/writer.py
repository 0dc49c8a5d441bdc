"""What an .onnx file is made of: nodes, initialisers, grids, and the model around them.

Types of four bits are as young as opset 21; files without them keep to opset 17.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_asc.graph.graph import Graph, Grid, Node, bounds_of, weight_bits
from edge_asc.runtime.formats.four_bits import packed

OPSET, IR_VERSION = 17, 8
FOUR_BIT_OPSET, FOUR_BIT_IR_VERSION = 21, 10


class Writer:
    """Collects nodes and initialisers under short names (long ones cost tens of kilobytes)."""

    def __init__(self, graph: Graph, n_frames: int, half: bool, static: bool) -> None:
        self.graph, self.half, self.static = graph, half, static
        self.is_narrow = any(weight_bits(node) == 4 for node in graph.nodes)
        self.shapes = graph.shapes(n_frames)
        self.n_frames = n_frames
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.constants: dict[tuple, str] = {}
        self.names: dict[str, str] = {}  # value -> tensor as stored: uint8 or float32
        self.floats: dict[str, str] = {}  # value -> its dequantised tensor
        self.count = 0
        self.names[graph.input] = "x"
        if graph.is_quantised:
            self.quantise("x", graph.input)

    def fresh(self) -> str:
        """A name that no tensor has."""
        self.count += 1
        return np.base_repr(self.count, 36)  # capitals: never the input's or an output's name

    def node(self, op: str, inputs: list[str], n_outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs."""
        outputs = [self.fresh() for _ in range(n_outputs)]
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        return outputs

    def constant(self, array: np.ndarray, exact: bool = False) -> str:
        """A stored tensor; a half file stores floats as float16 unless they must be exact."""
        key = (array.dtype.str, array.shape, array.tobytes(), exact)
        if key not in self.constants:
            halved = self.half and array.dtype == np.float32 and not exact
            name = self.fresh()
            stored = array.astype(np.float16) if halved else array
            self.initializers.append(numpy_helper.from_array(stored, name))
            if halved:
                (name,) = self.node("Cast", [name], to=TensorProto.FLOAT)
            self.constants[key] = name
        return self.constants[key]

    def grid(self, grid: Grid) -> list[str]:
        """Scale and zero point of a uint8 tensor."""
        scale = self.constant(np.array(grid.scale, np.float32))
        return [scale, self.constant(np.array(grid.zero_point + 128, np.uint8))]

    def quantise(self, tensor: str, value: str) -> None:
        """Store a float tensor as a value of the graph."""
        grid = self.grid(self.graph.grids[value])
        (self.names[value],) = self.node("QuantizeLinear", [tensor, *grid])

    def as_float(self, value: str) -> str:
        """A value as float32."""
        if not self.graph.is_quantised:
            return self.names[value]
        if value not in self.floats:
            grid = self.grid(self.graph.grids[value])
            (self.floats[value],) = self.node("DequantizeLinear", [self.names[value], *grid])
        return self.floats[value]

    def emit_float(self, op: str, node: Node, **attributes: Any) -> None:
        """An op on real numbers; its result is rounded to its grid."""
        (result,) = self.node(op, [self.as_float(v) for v in node.inputs], **attributes)
        self.hold(result, node)

    def hold(self, result: str, node: Node) -> None:
        """A tensor of real numbers is what a node gives."""
        if self.graph.is_quantised:
            self.quantise(result, node.output)
        else:
            self.names[node.output] = result
        self.limit(node)

    def emit_stored(self, op: str, node: Node, *constants: str, **attributes: Any) -> None:
        """An op on the numbers as they are stored: exact on integers."""
        inputs = [*(self.names[v] for v in node.inputs), *constants]
        results = self.node(op, inputs, len(node.outputs), **attributes)
        self.names.update(zip(node.outputs, results, strict=True))

    def limit(self, node: Node) -> None:
        """Keep a node's result within its bounds; where they are the grid's ends it is."""
        bounds, result = bounds_of(node), self.names[node.output]
        if bounds is None or node.op == "relu":
            return
        if self.graph.is_quantised:
            low, high = map(self.graph.grids[node.output].nearest, bounds)
            ends = ["" if step == end else self.constant(np.array(step + 128, np.uint8))
                    for step, end in ((low, -128), (high, 127))]  # fmt: skip
        elif bounds == (0.0, math.inf):
            (self.names[node.output],) = self.node("Relu", [result])
            return
        else:
            ends = [self.constant(np.array(b, np.float32), exact=True) if math.isfinite(b) else ""
                    for b in bounds]  # fmt: skip
        if any(ends):
            (self.names[node.output],) = self.node("Clip", [result, *ends])

    def reduce(self, op: str, source: str, axes: list[int]) -> str:
        """A mean or maximum over axes, which were an attribute before they became an input."""
        if self.is_narrow:
            (result,) = self.node(op, [source, self.constant(np.array(axes, np.int64))])
        else:
            (result,) = self.node(op, [source], axes=axes)
        return result

    def weights(self, node: Node, weight: np.ndarray) -> list[str]:
        """A quantised layer's weights, their scales and their zero points."""
        scale = self.constant(node.tensors["weight_scale"])
        if weight_bits(node) == 8:
            stored = self.constant((weight.astype(np.int16) + 128).astype(np.uint8))
            return [stored, scale, self.constant(np.full(len(weight), 128, np.uint8))]
        stored = self.fresh()
        self.initializers.append(
            helper.make_tensor(stored, TensorProto.INT4, weight.shape, packed(weight), raw=True)
        )
        (cast,) = self.node("Cast", [stored], to=TensorProto.INT8)
        return [cast, scale, self.constant(np.zeros(len(weight), np.int8))]

    def convolve(self, node: Node, weight: np.ndarray, **window: Any) -> None:
        """A convolution with `weight` `[out, in, kh, kw]` and the node's bias."""
        if self.graph.is_quantised:
            inputs = [
                self.names[node.inputs[0]],
                *self.grid(self.graph.grids[node.inputs[0]]),
                *self.weights(node, weight),
                *self.grid(self.graph.grids[node.output]),
                self.constant(node.tensors["bias"]),
            ]
            (result,) = self.node("QLinearConv", inputs, **window)
        else:
            tensors = [self.constant(weight), self.constant(node.tensors["bias"])]
            (result,) = self.node("Conv", [self.names[node.inputs[0]], *tensors], **window)
        self.names[node.output] = result
        self.limit(node)

    def finish(self, metadata: Mapping[str, bytes]) -> onnx.ModelProto:
        """Return the model with its input and outputs."""
        fixed = self.static or self.graph.has_fixed_length(self.n_frames)
        frames, clips = self.n_frames if fixed else "F", 1 if self.static else "N"
        x = helper.make_tensor_value_info(
            "x", TensorProto.FLOAT, [clips, 1, self.graph.n_mels, frames]
        )
        outputs = []
        for name, value in self.graph.outputs.items():
            size = self.shapes[value][0]
            self.nodes.append(helper.make_node("Flatten", [self.as_float(value)], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [clips, size]))
        onnx_graph = helper.make_graph(self.nodes, "g", [x], outputs, self.initializers)
        opset, ir_version = OPSET, IR_VERSION
        if self.is_narrow:
            opset, ir_version = FOUR_BIT_OPSET, FOUR_BIT_IR_VERSION
        model = helper.make_model(
            onnx_graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
        )
        model.producer_name = ""
        helper.set_model_props(model, {k: v.decode() for k, v in metadata.items()})
        return model
