"""Runs a torch network without computing anything and takes down every operation.

The network is copied to torch's meta device, where tensors have shapes and no numbers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from edge_asc.budget.inventory import Shape

# Batch norm folds into the convolution beside it and relu is part of it: no tensor of their own.
IN_PLACE = frozenset({"native_batch_norm", "_native_batch_norm_legit_no_training", "relu"})


@dataclass(frozen=True)
class Event:
    """One operation, or the call of one layer with parameters.

    Attributes:
        path: Module that it happens in.
        kind: Name of the operation (`aten` without its prefix) or class of the layer.
        is_layer: Whether it is a layer's call; the operations inside it come before.
        in_layer: Whether it happens inside such a call.
        shapes: Of the tensors read.
        output_shape: Of the first tensor made.
        window: Elements of a pooling's kernel, else 1.
        reads: Storages read.
        makes: Storages written.
    """

    path: str
    kind: str
    is_layer: bool
    in_layer: bool
    shapes: tuple[Shape, ...]
    output_shape: Shape
    window: int = 1
    reads: tuple[int, ...] = ()
    makes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Watched:
    """What happened: events in order, elements of each activation's storage, network outputs."""

    events: list[Event]
    elements: dict[int, int]
    outputs: frozenset[int]


def watch(network: nn.Module, input_shape: Shape) -> Watched:
    """Take down one call in eval mode; the network itself is not touched."""
    copied = copy.deepcopy(network).eval().to("meta")
    recorder = _Recorder(copied)
    x = torch.empty(input_shape, device="meta")
    with torch.no_grad(), torch.device("meta"), recorder:  # also what the network makes anew
        outputs = copied(x)
    kept = frozenset(recorder.storage(tensor) for tensor in tensors_in(outputs))
    return Watched(recorder.events, recorder.elements, kept)


def is_layer(module: nn.Module) -> bool:
    """Whether a module has parameters of its own and no modules inside."""
    return not any(module.children()) and any(True for _ in module.parameters(recurse=False))


def tensors_in(values: Any) -> list[Tensor]:
    """Floating-point tensors in nested arguments; indices and sizes are no activations."""
    return [v for v in tree_flatten(values)[0] if isinstance(v, Tensor) and v.is_floating_point()]


class _Recorder(TorchDispatchMode):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.elements: dict[int, int] = {}
        self.paths: list[str] = [""]
        self.layers = 0  # how many layer calls are open
        self.stands_for: dict[int, int] = {}  # storage -> the one it would be computed in
        # Storages are told apart by their address, so none may be freed while we watch.
        self.alive: list[Tensor] = [*network.parameters(), *network.buffers()]
        self.constants = {self.storage(tensor) for tensor in self.alive}
        for path, module in network.named_modules():
            module.register_forward_pre_hook(self.enter(path))
            module.register_forward_hook(self.leave)

    def enter(self, path: str) -> Callable[[nn.Module, Any], None]:
        def hook(module: nn.Module, inputs: Any) -> None:
            self.paths.append(path)
            self.layers += is_layer(module)

        return hook

    def leave(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        path = self.paths.pop()
        if is_layer(module):
            self.layers -= 1
            kind, shape = type(module).__name__, tuple(tensors_in(outputs)[0].shape)
            self.events.append(Event(path, kind, True, self.layers > 0, (), shape))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by torch for each operation."""
        result = func(*args, **(kwargs or {}))
        kind = func.overloadpacket.__name__
        if not kind.startswith("_"):
            kind = kind.rstrip("_")  # in place is the same work
        reads, makes = tensors_in((args, kwargs)), tensors_in(result)
        self.alive += [*reads, *makes]
        if kind in IN_PLACE and reads and makes:
            self.stands_for.setdefault(makes[0].untyped_storage()._cdata, self.storage(reads[0]))
        for tensor in (*reads, *makes):
            self.take_size(tensor)
        if makes:
            self.events.append(self.operation(kind, args, reads, makes))
        return result

    def operation(self, kind: str, args: tuple, reads: list[Tensor], makes: list[Tensor]) -> Event:
        return Event(
            path=self.paths[-1],
            kind=kind,
            is_layer=False,
            in_layer=self.layers > 0,
            shapes=tuple(tuple(tensor.shape) for tensor in reads),
            output_shape=tuple(makes[0].shape),
            window=_window(args[1]) if "pool2d" in kind and len(args) > 1 else 1,
            reads=tuple(self.storage(tensor) for tensor in reads),
            makes=tuple(self.storage(tensor) for tensor in makes),
        )

    def storage(self, tensor: Tensor) -> int:
        address = tensor.untyped_storage()._cdata
        return self.stands_for.get(address, address)

    def take_size(self, tensor: Tensor) -> None:
        storage = self.storage(tensor)
        if storage not in self.constants:
            count = tensor.untyped_storage().nbytes() // tensor.element_size()
            self.elements[storage] = max(count, self.elements.get(storage, 0))


def _window(kernel: Any) -> int:
    return prod([*kernel, *kernel][:2]) if isinstance(kernel, list | tuple) else kernel**2
