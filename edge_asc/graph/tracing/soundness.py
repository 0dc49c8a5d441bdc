"""What a network and its input must be before it is read."""

from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from edge_asc.graph.tracing.place import Place, unwrapped

LEGAL_TYPES = torch.float32, torch.float64


def check_arguments(network: Any, n_mels: int, n_frames: int | None) -> None:
    """That a network is one, and its input has a size.

    Raises:
        TypeError: something else than a module.
        ValueError: a number of mels or frames that no input has.
    """
    if isinstance(network, type):
        raise TypeError(
            f"{network.__name__} is a class: trace a network of it, {network.__name__}()"
        )
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise TypeError(f"a network is a torch.nn.Module, found a {kind}")
    for name, number in {"n_mels": n_mels, "n_frames": n_frames}.items():
        if number is not None and (not isinstance(number, Integral) or number < 1):
            raise ValueError(f"{name} must be a whole number of 1 or more, found {number!r}")


def check_numbers(network: nn.Module) -> None:
    """That a network's numbers are there, of a type that is kept, and finite.

    Raises:
        ValueError: names the layer, and what of it is not.
    """
    for path, module in unwrapped(network).named_modules():
        place = Place(path, module, "")
        for name, tensor in module.named_parameters(recurse=False):
            _check(place, name, tensor)
        if isinstance(module, nn.modules.batchnorm._NormBase):
            for name, tensor in module.named_buffers(recurse=False):
                _check(place, name, tensor)
            spread = module.running_var
            if spread is not None and bool((spread + module.eps <= 0).any()):
                raise ValueError(f"{place}: its running_var is 0 or less, and it divides by it")


def _check(place: Place, name: str, tensor: Tensor) -> None:
    if is_lazy(tensor):
        raise ValueError(f"{place}: has no {name} yet: run the network on an input first")
    if not tensor.is_floating_point():
        return
    if tensor.dtype not in LEGAL_TYPES:
        found = str(tensor.dtype).removeprefix("torch.")
        raise ValueError(f"{place}: its {name} is {found}: trace it as float32, network.float()")
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"{place}: its {name} is not finite")
