"""The file while it is read: its tensors, the nodes made so far, and what is half read."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_asc.budget.tflite.schema import Operator, Subgraph, Tensor
from edge_asc.graph.graph import Graph, Grid, Node
from edge_asc.runtime.formats.four_bits import unpacked

READ_BACK = ("float32", "float16", "int8", "int4", "int32")
FILE_AXIS = {0: 3, 1: 1, 2: 2}  # graph axis [C, M, F] -> file axis [1, M, F, C]
GRAPH_AXIS = {file_axis: axis for axis, file_axis in FILE_AXIS.items()}


@dataclass
class Reader:
    """What is known of a file while its operators become nodes, one after the other.

    Attributes:
        file: the graph as the file has it.
        nodes: those made so far.
        padded: tensors with zeros around -> what lies inside, and how many mels and frames.
        rounded_up: of these, those with more around at the end of an axis.
        flat: vectors for which the file needs no operator, by their tensor.
        turned: half a flatten: tensor -> its source.
        parted: tensors with channels and mels parted anew -> their source, and channels.
        same: a copy, for a second name -> the first.
        halves: float32 weights -> the tensor that has them as float16.
    """

    file: Subgraph
    nodes: list[Node] = field(default_factory=list)
    padded: dict[int, tuple[int, tuple[int, int]]] = field(default_factory=dict)
    rounded_up: set[int] = field(default_factory=set)
    flat: dict[int, str] = field(default_factory=dict)
    turned: dict[int, int] = field(default_factory=dict)
    parted: dict[int, tuple[int, int]] = field(default_factory=dict)
    same: dict[int, int] = field(default_factory=dict)
    halves: dict[int, int] = field(default_factory=dict)

    def add(self, op: str, operator: Operator, **attributes: Any) -> None:
        """Add a node whose inputs are those of the operator that are no constants."""
        inputs = [i for i in operator.inputs if self.file.tensors[i].data is None]
        outputs = tuple(map(self.name, operator.outputs))
        self.nodes.append(Node(op, tuple(map(self.name, inputs)), outputs, attributes))

    def name(self, tensor: int) -> str:
        """Of the value that lies in a tensor."""
        return f"v{self.same.get(tensor, tensor)}"

    def readers(self, tensor: int) -> list[Operator]:
        """The operators that read a tensor."""
        return [operator for operator in self.file.operators if tensor in operator.inputs]

    def in_file_order(self, vector: int) -> bool:
        """Whether a flattened map is M F C: only linear layers read it, whose weights heed that."""
        linear = all(reader.name == "FULLY_CONNECTED" for reader in self.readers(vector))
        return linear and vector not in self.file.outputs

    def channels(self, value: str) -> int:
        """How many a value has."""
        return self.file.tensors[int(value.removeprefix("v"))].shape[-1]

    def numbers(self, tensor: int) -> np.ndarray:
        """A constant, in the file's layout."""
        found: Tensor = self.file.tensors[self.halves.get(tensor, tensor)]
        if found.data is None or found.dtype not in READ_BACK:
            raise ValueError(f"weights in {found.dtype}: only {', '.join(READ_BACK)} are read back")
        if found.dtype == "float16":
            halves = np.frombuffer(found.data, "<f2")
            return halves.reshape(found.shape).astype(np.float32)
        if found.dtype == "int4":
            return unpacked(found.data, math.prod(found.shape)).reshape(found.shape)
        return np.frombuffer(found.data, found.dtype).reshape(found.shape).copy()

    def grid(self, tensor: int) -> Grid | None:
        """The grid of a value; None in a float file."""
        found = self.file.tensors[tensor]
        if not found.scales:
            return None
        (scale,), (zero_point,) = found.scales, found.zero_points
        return Grid(scale, zero_point)

    def weights(
        self, operator: Operator, layout: Callable[[np.ndarray], np.ndarray], source: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Tensors of a layer with weights, and the attribute that goes with integers."""
        _, weight, bias = operator.inputs
        tensors = {"weight": layout(self.numbers(weight)), "bias": self.numbers(bias)}
        scales, grid = self.file.tensors[weight].scales, self.grid(source)
        if not scales or grid is None:
            return tensors, {}
        tensors["weight_scale"] = np.full(len(tensors["bias"]), scales, np.float32)
        narrow = {"weight_bits": 4} if self.file.tensors[weight].dtype == "int4" else {}
        return tensors, {"input_scale": grid.scale, **narrow}

    def flattened(self, tensor: int) -> str:
        """A vector out of `[1, 1, 1, C]`, for which the file needs no operator."""
        if len(self.file.tensors[tensor].shape) == 2:
            return self.name(tensor)
        if tensor not in self.flat:
            self.flat[tensor] = f"{self.name(tensor)}_flat"
            self.nodes.append(Node("flatten", (self.name(tensor),), (self.flat[tensor],)))
        return self.flat[tensor]

    def finish(self) -> tuple[Graph, int]:
        """The graph with the grids of all its values."""
        (source,) = self.file.inputs
        _, n_mels, n_frames, _ = shape = self.file.tensors[source].shape
        outputs = {self.file.tensors[i].name: self.name(i) for i in self.file.outputs}
        used = {v for node in self.nodes for v in (*node.inputs, *node.outputs)}
        grids = {}
        for tensor in range(len(self.file.tensors)):
            grid = self.grid(tensor) if self.name(tensor) in used else None
            if grid is not None:
                grids[self.name(tensor)] = grid
                if tensor in self.flat:
                    grids[self.flat[tensor]] = grid
        graph = Graph(self.nodes, self.name(source), n_mels, outputs, grids, n_frames=n_frames)
        declared = self.file.tensors[source].signature == shape
        graph.one_length = declared and not graph.has_fixed_length()  # which its layers don't show
        return graph, n_frames
