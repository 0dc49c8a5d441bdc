"""Counts a torch network before it is trained or exported.

A convolution costs its weights and bias at each output position, a linear layer at each place that
it is applied at, a batch norm its scale and shift once. So torchinfo has it, which the DCASE rules
since 2024 build on, but for linear layers, which it takes once a clip: its number is kept beside
the work. All else that is computed is told apart by watching torch's own operations, so functional
ones count like modules.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

from torch import Tensor, nn

from edge_asc.budget.inventory import (
    Constant,
    Inventory,
    Layer,
    Role,
    Shape,
    packed_bytes,
    peak_bytes,
    words,
)
from edge_asc.budget.network.watch import Event, Watched, watch
from edge_asc.runtime.metadata import Precision, one_line

# Type and bits of weights, and of parameters with one axis: int8 networks add int32 biases.
WEIGHTS: dict[str, tuple[str, int]] = {
    "float32": ("float32", 32),
    "float16": ("float16", 16),
    "int8": ("int8", 8),
}
BIASES = {**WEIGHTS, "int8": ("int32", 32)}

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)

# Operations by what they do per element.
PER_OUTPUT = words("""
_log_softmax _prelu_kernel _softmax abs add clamp clamp_max clamp_min div elu exp gelu hardsigmoid
hardswish hardtanh leaky_relu log maximum minimum mish mul native_batch_norm native_group_norm
native_layer_norm neg pow prelu reciprocal relu rsqrt rsub sigmoid silu softplus sqrt sub tanh where
""")
PER_INPUT = words("""
_adaptive_avg_pool2d adaptive_max_pool2d amax amin max mean min std std_mean sum var var_mean
""")
POOLS = frozenset({"avg_pool2d", "max_pool2d_with_indices"})
MOVES = words("""
_reshape_alias _to_copy _unsafe_view alias arange cat channel_shuffle clone constant_pad_nd copy
detach empty expand flip full index index_select lift_fresh linspace ones ones_like permute
reflection_pad1d reflection_pad2d repeat roll select slice split split_with_sizes squeeze stack t
transpose unbind unsqueeze view zeros zeros_like
""")


def inventory_of_torch(
    module: nn.Module,
    input_shape: Shape,
    audio_s: float,
    *,
    precision: Precision = "float32",
    trained: bool = True,
    name: str = "",
) -> Inventory:
    """Count a network in eval mode; a copy is watched, the network is left as it is.

    Args:
        module: Network as it stands. Batch norm that is not folded counts with its scale and shift.
        input_shape: Such as `(1, 1, M, F)`.
        audio_s: Seconds of audio that such an input holds.
        precision: Width that parameters and activations are taken at: float32 4 bytes, float16 2,
            int8 1 and parameters of one axis (biases) 4. None of four bits: which layers have
            those is decided in the folded network, whose file can be counted.
        trained: Whether zeros are there to stay. Biases begin at zero and will not end there, so
            an untrained network's parameters all count as non-zero.
        name: Stands in tables.

    Raises:
        ValueError: no such precision, no audio, or an input that the network cannot take.
    """
    if precision not in WEIGHTS:
        raise ValueError(f"precision must be one of {', '.join(WEIGHTS)}, not {precision!r}")
    if not 0 < audio_s < float("inf"):
        raise ValueError(f"seconds of audio must be above 0, not {audio_s}")
    name = name or type(module).__name__
    try:
        watched = watch(module, input_shape)
    except (RuntimeError, ValueError, NotImplementedError, IndexError, TypeError) as error:
        problem = one_line(error)[:300]
        raise ValueError(f"{name} on input {list(input_shape)}: {problem}") from None
    layers = tuple(_Reader(module, precision, trained).layers(watched.events))
    notes = tuple(_notes(watched.events))
    return Inventory(
        name=name,
        source="torch",
        layers=layers,
        input_shape=tuple(input_shape),
        audio_s=audio_s,
        peak_activation_bytes=_peak(watched, precision),
        notes=notes,
        missing=frozenset({"work"} if notes else ()),
    )


def _peak(watched: Watched, precision: Precision) -> int:
    bits = WEIGHTS[precision][1]
    sizes = {storage: packed_bytes(count, bits) for storage, count in watched.elements.items()}
    steps = [(event.reads, event.makes) for event in watched.events if not event.is_layer]
    return peak_bytes(steps, sizes, kept=watched.outputs)


def _notes(events: list[Event]) -> Iterator[str]:
    known = PER_OUTPUT | PER_INPUT | POOLS | MOVES | MACS.keys()
    outside = {event.kind for event in events if not (event.is_layer or event.in_layer)}
    if outside - known:
        yield f"work of {', '.join(sorted(outside - known))} is not counted"


class _Reader:
    """Turns events into layers; remembers which parameters are in a sum already."""

    def __init__(self, module: nn.Module, precision: Precision, trained: bool) -> None:
        self.modules = dict(module.named_modules())
        self.precision, self.trained = precision, trained
        self.read: set[int] = set()

    def layers(self, events: list[Event]) -> Iterator[Layer]:
        for event in events:
            if event.in_layer:
                continue
            layer = self.called(event) if event.is_layer else self.operation(event)
            if layer.constants or layer.macs or layer.elementwise:
                yield layer
        for path, module in self.modules.items():
            held = tuple(c for c in self.constants(module) if not c.shared)
            if held:  # used by functions, or not at all
                yield Layer(path, type(module).__name__, held, 0, 0, 0, ())

    def called(self, event: Event) -> Layer:
        module, shape = self.modules[event.path], event.output_shape
        constants = tuple(self.constants(module))
        official = torchinfo_macs(module, shape)
        macs = linear_macs(module, shape) if isinstance(module, nn.Linear) else official
        made = Layer(event.path, event.kind, constants, macs, 0, self.bytes(shape), shape)
        return made if macs == official else replace(made, torchinfo_macs=official)

    def operation(self, event: Event) -> Layer:
        kind, shape = event.kind, event.output_shape
        macs = MACS[kind](event) if kind in MACS else 0
        elementwise = 0
        if kind in PER_OUTPUT or kind in POOLS:
            elementwise = prod(shape) * event.window
        elif kind in PER_INPUT:
            elementwise = prod(event.shapes[0])
        return Layer(event.path, kind, (), macs, elementwise, self.bytes(shape), shape)

    def bytes(self, shape: Shape) -> int:
        return packed_bytes(prod(shape), WEIGHTS[self.precision][1])

    def constants(self, module: nn.Module) -> Iterator[Constant]:
        """Parameters and running statistics of a module itself."""
        is_norm = isinstance(module, NORMS)
        for name, parameter in module.named_parameters(recurse=False):
            role: Role = "norm" if is_norm else "bias" if name == "bias" else "weight"
            yield self.constant(parameter, role)
        for name, buffer in module.named_buffers(recurse=False):
            if is_norm and name in ("running_mean", "running_var"):
                yield self.constant(buffer, "statistics")

    def constant(self, tensor: Tensor, role: Role) -> Constant:
        widths = BIASES if tensor.dim() <= 1 else WEIGHTS
        dtype, bits = widths[self.precision]
        shared = id(tensor) in self.read
        self.read.add(id(tensor))
        count = tensor.numel()
        nonzero = int(tensor.count_nonzero()) if self.trained else count
        here = 0 if shared else packed_bytes(count, bits)
        return Constant(role, dtype, bits, count, nonzero, here, shared)


def linear_macs(module: nn.Linear, output_shape: Shape) -> int:
    """Multiply-accumulates of a linear layer's call: its weights and bias at each place."""
    count = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    return count * prod(output_shape[:-1])


def torchinfo_macs(module: nn.Module, output_shape: Shape) -> int:
    """What torchinfo counts of a layer's call, by its parameters and its output."""
    count = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    if "Conv" in type(module).__name__:  # as torchinfo tells convolutions
        return count * output_shape[0] * prod(output_shape[2:])
    if isinstance(module, nn.RNNBase):
        return count * prod(output_shape[:2])
    return count * output_shape[0]


def _product(event: Event) -> int:
    return prod(event.output_shape) * event.shapes[-1][-2]  # the last operand is [.., in, out]


# Operations with weights where no layer has counted them.
MACS: dict[str, Callable[[Event], int]] = {
    "convolution": lambda event: prod(event.output_shape) * prod(event.shapes[1][1:]),
    **dict.fromkeys(("addmm", "baddbmm", "bmm", "mm"), _product),
}
