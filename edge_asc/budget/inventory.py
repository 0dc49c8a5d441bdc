"""What a network holds and computes, layer by layer, whatever it was read from.

The readers of `tflite/`, `onnx/` and `network/` fill an `Inventory`; the rules in
`edge_asc.budget.rules` measure it. All sizes are bytes, all work is for the whole counted input.
"""

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

Shape = tuple[int, ...]

# What a stored number is for. Counters of different years differ in which of these they take.
Role = Literal[
    "weight",
    "bias",
    "norm",  # scale and shift of a batch norm that is not folded
    "statistics",  # its running mean and variance
    "graph",  # axes, shapes, paddings: inputs that steer an op
    "grid",  # scales and zero points where the format keeps them as tensors (ONNX)
]
# What of a network may have been left out of the count.
Missing = Literal["file", "parameters", "work", "activations"]
PARAMETERS: frozenset[Role] = frozenset({"weight", "bias", "norm"})


@dataclass(frozen=True)
class Constant:
    """Stored numbers that a layer reads.

    Attributes:
        role: What they are for.
        dtype: As stored, such as `int8`.
        bits: Of one number, as stored.
        count: How many numbers the layer sees, zeros included.
        nonzero: How many of them differ from zero.
        bytes: What they add to the file: less where they are sparse, 0 where an equal tensor
            already lies there.
        shared: An earlier layer reads the same tensor and has it in its sum.
    """

    role: Role
    dtype: str
    bits: int
    count: int
    nonzero: int
    bytes: int
    shared: bool = False

    @property
    def wide_bytes(self) -> int:
        """Count times width: what calculators take for the size."""
        return packed_bytes(self.count, self.bits)

    @property
    def nonzero_bytes(self) -> int:
        """Width times the numbers that differ from zero."""
        return packed_bytes(self.nonzero, self.bits)


@dataclass(frozen=True)
class Layer:
    """One op in the order of execution.

    Attributes:
        name: As in the file or module, or the op's position.
        kind: `CONV_2D`, `Conv`, `Conv2d`, …: as its source calls it.
        constants: Stored numbers it reads.
        macs: Multiply-accumulates.
        elementwise: Other operations: comparisons of a maximum or pooling, products of an
            attention, sums, sigmoids; one an element. Data movement is no operation.
        output_bytes: Size of what it puts out, as the graph stores it.
        output_shape: Shape of the first output.
        input_shape: Shape of the first input; () where the reader does not say.
        torchinfo_macs: What torchinfo takes for `macs`, where that is another number.
    """

    name: str
    kind: str
    constants: tuple[Constant, ...]
    macs: int
    elementwise: int
    output_bytes: int
    output_shape: Shape
    input_shape: Shape = ()
    torchinfo_macs: int | None = None

    @property
    def own(self) -> tuple[Constant, ...]:
        """Constants that no earlier layer has in its sum."""
        return tuple(constant for constant in self.constants if not constant.shared)

    @property
    def parameters(self) -> int:
        """Trained numbers, zeros included."""
        return sum(c.count for c in self.own if c.role in PARAMETERS)

    @property
    def nonzero(self) -> int:
        """Trained numbers that differ from zero."""
        return sum(c.nonzero for c in self.own if c.role in PARAMETERS)

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes of all constants, by how they are stored."""
        return sum_by_dtype(self.own)


@dataclass(frozen=True)
class Inventory:
    """A network, counted.

    Attributes:
        name: File or preset, as tables show it.
        source: Which reader made it.
        layers: In the order of execution. A layer of kind `unread` holds constants no op reads.
        input_shape: Shape of the counted input, in the source's own layout.
        audio_s: Seconds of audio the counted input holds.
        peak_activation_bytes: Most memory that activations take. Of a .tflite file the arena that
            TensorFlow Lite Micro plans; else the largest sum of tensors alive at one time.
        file_bytes: Size of the file; None where no file has been written.
        notes: What the numbers leave out or take for granted, one line each.
        views: How often the network is asked about one input (`edge_asc.runtime.tta`).
        missing: What was not counted in full; the notes say why. What is missing is at least what
            was counted, and never inside a limit.
    """

    name: str
    source: Literal["tflite", "onnx", "torch"]
    layers: tuple[Layer, ...]
    input_shape: Shape
    audio_s: float
    peak_activation_bytes: int
    file_bytes: int | None = None
    notes: tuple[str, ...] = ()
    views: int = 1
    missing: frozenset[Missing] = frozenset()

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant once."""
        return tuple(constant for layer in self.layers for constant in layer.own)

    @property
    def parameters(self) -> int:
        """Trained numbers, zeros included."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def nonzero(self) -> int:
        """Trained numbers that differ from zero."""
        return sum(layer.nonzero for layer in self.layers)

    @property
    def constant_bytes(self) -> int:
        """Bytes of all constants; the rest of a file is graph, names and metadata."""
        return sum(constant.bytes for constant in self.constants)

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes of all constants, by how they are stored."""
        return sum_by_dtype(self.constants)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the counted input, asked once."""
        return sum(layer.macs for layer in self.layers)

    @property
    def torchinfo_macs(self) -> int:
        """The same as torchinfo counts: less where a linear layer is applied at many places."""
        found = ((layer.torchinfo_macs, layer.macs) for layer in self.layers)
        return sum(macs if official is None else official for official, macs in found)

    @property
    def elementwise(self) -> int:
        """Operations for the counted input, asked once, that the official counters leave out."""
        return sum(layer.elementwise for layer in self.layers)

    def per_second(self, operations: int) -> int:
        """Operations of all views for one second of audio, rounded up."""
        return ceil_ratio(operations * self.views, self.audio_s)

    def with_file(self, file_bytes: int, *notes: str) -> "Inventory":
        """The same network with the size of the file that was written from it."""
        return replace(self, file_bytes=file_bytes, notes=(*self.notes, *notes))


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables of operators."""
    return frozenset(text.split())


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that so many numbers of so many bits take, packed."""
    return -(-count * bits // 8)


def sum_by_dtype(constants: Iterable[Constant]) -> dict[str, int]:
    """Bytes of constants, by how they are stored, largest first."""
    total: Counter[str] = Counter()
    for constant in constants:
        total[constant.dtype] += constant.bytes
    return dict(total.most_common())


def ceil_ratio(count: int, seconds: float) -> int:
    """`count / seconds`, rounded up, exact for counts beyond a float's 53 bits."""
    over, under = float(seconds).as_integer_ratio()
    return -(-count * under // over)


Name = TypeVar("Name", bound=Hashable)


def peak_bytes(
    steps: Sequence[tuple[Sequence[Name], Sequence[Name]]],
    sizes: Mapping[Name, int],
    kept: Container[Name] = (),
) -> int:
    """Largest sum of activations alive at one time, when steps run in the order given.

    A tensor lives from the step that makes it (step 0 for one that no step makes) through the last
    step that reads it; its inputs and outputs are alive together while a step runs.

    Args:
        steps: Names of the tensors each step reads and makes.
        sizes: Bytes of each activation; names that are missing (constants) take no part.
        kept: Names that live to the end: the network's outputs.
    """
    born: dict[Name, int] = {}
    dies: dict[Name, int] = {}
    for now, (reads, makes) in enumerate(steps):
        for tensor in reads:
            born.setdefault(tensor, 0)
            dies[tensor] = now
        for tensor in makes:
            born.setdefault(tensor, now)
            dies[tensor] = now
    change = [0] * (len(steps) + 1)
    for tensor, start in born.items():
        end = len(steps) - 1 if tensor in kept else dies[tensor]
        change[start] += sizes.get(tensor, 0)
        change[end + 1] -= sizes.get(tensor, 0)
    peak = alive = 0
    for delta in change:
        alive += delta
        peak = max(peak, alive)
    return peak
