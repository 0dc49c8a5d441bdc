"""The memory that TensorFlow Lite Micro plans for a graph's activations.

It places them in one arena before the first run: the largest tensor first, each in the lowest gap
that is free for as long as it lives (its greedy memory planner). Gaps that nothing fits into make
the arena larger than the largest sum of tensors alive at one time. What the interpreter keeps
beside them (structures and numbers of its kernels) is counted by nobody before it runs.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_asc.budget.tflite.shapes import Shapes
from edge_asc.budget.tflite.unpacked import unpacked_constants

ALIGNMENT_BYTES = 16
MOST_BUFFERS = 2000  # the plan takes time by their square


@dataclass
class Buffer:
    """One activation: its size, and the first and last step in which it holds something."""

    size_bytes: int
    first: int
    last: int
    offset: int = 0

    @property
    def end(self) -> int:
        """Where in the arena it ends."""
        return self.offset + self.size_bytes

    def lives_with(self, other: "Buffer") -> bool:
        """Whether both hold something in the same step."""
        return self.first <= other.last and other.first <= self.last


def arena_of(shapes: Shapes) -> int | None:
    """Bytes of the arena of a subgraph at these shapes, without weights; None: too many tensors."""
    graph = shapes.graph
    weights = unpacked_constants(graph)
    sizes = {
        index: tensor.size_bytes(shapes.known[index])
        for index, tensor in enumerate(graph.tensors)
        if index not in weights
    }
    steps = [(operator.inputs, operator.outputs) for operator in graph.operators]
    found = buffers(steps, sizes, graph.inputs, graph.outputs)
    return placed(found) if len(found) <= MOST_BUFFERS else None


def buffers(
    steps: Sequence[tuple[Sequence[int], Sequence[int]]],
    sizes: Mapping[int, int],
    inputs: Iterable[int],
    outputs: Iterable[int],
) -> list[Buffer]:
    """The activations that are used, in the order in which the planner takes up equal ones.

    Args:
        steps: Indices of the tensors each operator reads and makes, in their order.
        sizes: Bytes of each activation; indices that are missing (constants) take no part.
        inputs: Tensors that are there before the first operator.
        outputs: Tensors that are there behind the last one.
    """
    first: dict[int, int] = dict.fromkeys(inputs, 0)
    last = dict(first)
    for now, (reads, makes) in enumerate(steps, start=1):
        for tensor in (*reads, *makes):
            first.setdefault(tensor, now)
            last[tensor] = now
    last.update(dict.fromkeys(outputs, len(steps)))
    return [
        Buffer(-(-sizes[tensor] // ALIGNMENT_BYTES) * ALIGNMENT_BYTES, first[tensor], last[tensor])
        for tensor in sorted(first, reverse=True)
        if tensor in sizes
    ]


def placed(buffers: Iterable[Buffer]) -> int:
    """Give every buffer its place; where in the arena the last of them ends."""
    there: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: -b.size_bytes):  # equal ones keep their order
        for other in filter(buffer.lives_with, there):
            if buffer.end <= other.offset:
                break
            buffer.offset = max(buffer.offset, other.end)
        insort(there, buffer, key=lambda b: b.offset)
    return max((buffer.end for buffer in there), default=0)
