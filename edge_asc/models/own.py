"""Networks of one's own: any module that takes features `[B, 1, M, F]` and returns logits.

`model.name = "package.module:Class"` in a preset names one that every process can build. One that
is handed over as an object is kept here, under a name with `#`, for as long as this process runs.
"""

import importlib
import inspect
import itertools
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

Builder = Callable[..., nn.Module]

_KEPT: dict[str, nn.Module | Builder] = {}
_NUMBERS = itertools.count(1)


class OwnNetwork(nn.Module):
    """Makes a tuple of the logits of a network, whether it returns one tensor or several."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`[B, 1, M, F] -> ([B, classes], ...)`."""
        logits = self.network(x)
        return tuple(logits) if isinstance(logits, tuple | list) else (logits,)


def register(model: nn.Module | Builder) -> str:
    """The name under which `build` finds a network, or a class or function that builds one.

    `package.module:Class` where that can be imported; else an object of this process.
    """
    made = type(model) if isinstance(model, nn.Module) else model
    name = f"{getattr(made, '__module__', '')}:{getattr(made, '__qualname__', type(made).__name__)}"
    if made is model and _is_importable(name, model):
        return name
    name = f"{name}#{next(_NUMBERS)}"
    keep(name, model)
    return name


def keep(name: str, model: nn.Module | Builder) -> None:
    """Let a name of this process stand for a network; a module is copied as it is now."""
    _KEPT[name] = deepcopy(model) if isinstance(model, nn.Module) else model


def is_own(name: str) -> bool:
    """Whether a name is that of a network of one's own."""
    return ":" in name


def build_own(name: str, options: dict[str, Any], n_scenes: int, n_abstract: int) -> nn.Module:
    """Build a network of one's own; what it takes of `n_scenes` and `n_abstract`, it is given.

    Raises:
        ValueError: nothing of that name, or it makes no network of these options.
    """
    model = _KEPT[name] if name in _KEPT else _imported(name)
    if isinstance(model, nn.Module):
        return OwnNetwork(deepcopy(model))
    try:
        asked = inspect.signature(model).parameters
        given = {"n_scenes": n_scenes, "n_abstract": n_abstract}
        network = model(**{k: v for k, v in given.items() if k in asked}, **options)
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"model {name} made a {type(network).__name__}, not a torch module")
    return OwnNetwork(network)


@torch.no_grad()
def check_own(name: str, input_shape: tuple[int, ...], n_classes: list[int]) -> None:
    """Let a network see one silent input `[1, 1, M, F]`, so that a misfit is told early.

    Raises:
        ValueError: it does not take the input, or its heads are not of these sizes.
    """
    network = build_own(name, {}, *(n_classes if len(n_classes) > 1 else [*n_classes, 0]))
    try:
        logits = network.eval()(torch.zeros(input_shape))
    except (RuntimeError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise ValueError(f"model {name} does not take {list(input_shape)}: {line}") from error
    found = [list(head.shape) for head in logits]
    if found != [[1, n] for n in n_classes]:
        wanted = " and ".join(str([1, n]) for n in n_classes)
        raise ValueError(f"model {name} gives logits {found}, the labels ask for {wanted}")


def _is_importable(name: str, model: Any) -> bool:
    try:
        return _imported(name) is model
    except ValueError:
        return False


def _imported(name: str) -> Any:
    if "#" in name:
        raise ValueError(
            f"model {name} was an object of the process that trained it: open its run there, or"
            " with ea.Run(path, model=...); a class that can be imported is found everywhere"
        )
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"model {name}: {error}; is its folder on PYTHONPATH?") from error
    return found
