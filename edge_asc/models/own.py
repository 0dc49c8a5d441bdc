"""Networks of one's own: any module that takes features `[B, 1, M, F]` and returns logits.

`model.name = "package.module:Class"` in a preset names one that every process can build. One that
is handed over as an object is kept here, under a name with `#`, for as long as this process runs.
"""

import inspect
import itertools
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from edge_asc.config.own_code import agree, failure, imported
from edge_asc.graph.trace import trace

Builder = Callable[..., nn.Module]

SCENES = ("n_scenes", "n_classes", "num_classes")

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
        agree(name)
        imported("model", name)  # once more: from now on other processes know it, too
        return name
    name = f"{name}#{next(_NUMBERS)}"
    keep(name, model)
    return name


def keep(name: str, model: nn.Module | Builder) -> None:
    """Let a name of this process stand for a network; a module is copied as it is now."""
    _KEPT[name] = deepcopy(model) if isinstance(model, nn.Module) else model


def build_own(name: str, options: dict[str, Any], n_scenes: int, n_abstract: int) -> nn.Module:
    """Build a network of one's own.

    A class or function gets `n_scenes` (also as `n_classes` or `num_classes`) and `n_abstract`
    where it has arguments of these names, and the options.

    Raises:
        ValueError: nothing of that name, or it makes no network of these options.
    """
    model = _KEPT[name] if name in _KEPT else _found(name)
    if isinstance(model, nn.Module):
        return OwnNetwork(deepcopy(model))
    try:
        network = model(**_given(model, n_scenes, n_abstract), **options)
    except Exception as error:  # whatever somebody's code may raise
        raise ValueError(f"model {name} cannot be built: {failure(error)}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"model {name} made a {type(network).__name__}, not a torch module")
    return OwnNetwork(network)


def _given(model: Builder, n_scenes: int, n_abstract: int) -> dict[str, int]:
    """What it takes of the numbers of classes."""
    asked = inspect.signature(model).parameters
    spelling = next((word for word in SCENES if word in asked), None)
    given = {spelling: n_scenes} if spelling else {}
    return given | ({"n_abstract": n_abstract} if "n_abstract" in asked else {})


def check_own(name: str, input_shape: tuple[int, ...], n_classes: list[int]) -> None:
    """Let a network see one silent input `[1, 1, M, F]`, so that a misfit is told early.

    Raises:
        ValueError: it does not take the input, or its heads are not of these sizes.
    """
    network = build_own(name, {}, *(n_classes if len(n_classes) > 1 else [*n_classes, 0]))
    check_heads(network, name, input_shape, n_classes)


@torch.no_grad()
def check_heads(
    network: nn.Module, name: str, input_shape: tuple[int, ...], n_classes: list[int]
) -> None:
    """The same for one that is built.

    Raises:
        ValueError: as `check_own`.
    """
    try:
        logits = network.eval()(torch.zeros(input_shape))
    except Exception as error:  # whatever somebody's code may raise
        raise ValueError(
            f"model {name} does not take {list(input_shape)}: {failure(error)}"
        ) from error
    if not all(isinstance(head, Tensor) for head in logits):
        kinds = ", ".join(type(head).__name__ for head in logits)
        raise ValueError(f"model {name} gives {kinds}: logits [B, S], or a tuple of them")
    found = [list(head.shape) for head in logits]
    if found != [[1, n] for n in n_classes]:
        wanted = " and ".join(str([1, n]) for n in n_classes)
        two = "; the second are of the abstract classes (model.abstract = true)"
        raise ValueError(
            f"model {name} gives logits {found}, the labels ask for"
            f" {wanted}{two if len(n_classes) > 1 else ''}"
        )


def say_if_not_exportable(network: nn.Module, n_mels: int, n_frames: int) -> None:
    """A line on stderr for a network that no file can hold, before the hours of its training.

    Chance goes on as if nobody had looked.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            trace(network, n_mels, n_frames)
        except Exception as error:  # whatever somebody's code may raise
            line = str(error) if isinstance(error, ValueError) else failure(error)
            print(f"note: this network trains but cannot be exported: {line}", file=sys.stderr)


def _is_importable(name: str, model: Any) -> bool:
    if name.startswith("__main__:"):  # of this process alone
        return False
    try:
        return bool(imported("model", name) is model)
    except ValueError:
        return False


def _found(name: str) -> Any:
    if "#" in name:
        raise ValueError(
            f"model {name} was an object of the process that trained it: open its run there, or"
            " with ea.Run(path, model=...); a class that can be imported is found everywhere"
        )
    found = imported("model", name)
    is_network = inspect.isclass(found) and issubclass(found, nn.Module)
    if not is_network and not _takes_scenes(found):
        raise ValueError(
            f"model {name} is neither a class of torch modules nor a function of n_scenes"
        )
    return found


def _takes_scenes(found: Any) -> bool:
    """Else any function of any package could be named by a run folder, and called."""
    if not inspect.isfunction(found):
        return False
    return any(word in inspect.signature(found).parameters for word in SCENES)
