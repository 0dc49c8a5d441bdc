"""An augmentation of one's own: `augment.extra = "package.module:function"`.

It gets a batch of raw features `[B, 1, M, F]` (as the front end gives them, before normalisation)
and the step's `numpy.random.Generator`, and returns the changed batch.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from edge_asc.config.own_code import agree, failure, imported

Extra = Callable[[Tensor, np.random.Generator], Tensor]

_KEPT: dict[str, Extra] = {}
_NUMBERS = itertools.count(1)


def register(function: Extra) -> str:
    """The name under which settings say a function; with `#` it is one of this process alone."""
    place = getattr(function, "__module__", "")
    name = f"{place}:{getattr(function, '__qualname__', type(function).__name__)}"
    if place != "__main__":
        try:
            if imported("augment.extra", name) is function:
                agree(name)
                imported("augment.extra", name)  # from now on other processes know it, too
                return name
        except ValueError:
            pass  # a function within a function, or a lambda
    name = f"{name}#{next(_NUMBERS)}"
    _KEPT[name] = function
    return name


def find(name: str) -> Extra:
    """The function that settings name.

    Raises:
        ValueError: no such function, or it was an object of another process.
    """
    if name in _KEPT:
        return _KEPT[name]
    if "#" in name:
        raise ValueError(
            f"augment.extra {name} was an object of the process that trained with it; one that can"
            " be imported is found everywhere (or --set augment.extra='')"
        )
    found: Extra = imported("augment.extra", name)
    if not callable(found):
        raise ValueError(f"augment.extra {name} is no function")
    return found


def applied(name: str, function: Extra, raw: Tensor, rng: np.random.Generator) -> Tensor:
    """The batch that comes of it.

    Raises:
        ValueError: it fails, or gives something that is no batch of features like the one before.
    """
    try:
        changed = function(raw, rng)
    except Exception as error:  # whatever somebody's code may raise
        raise ValueError(f"augment.extra {name} fails: {failure(error)}") from error
    if not isinstance(changed, Tensor):
        raise ValueError(f"augment.extra {name} gave a {type(changed).__name__}, not a tensor")
    if changed.shape != raw.shape or changed.dtype != raw.dtype:
        found, asked = (f"{list(x.shape)} {x.dtype}" for x in (changed, raw))
        raise ValueError(f"augment.extra {name} gave {found}, not {asked}".replace("torch.", ""))
    if not bool(torch.isfinite(changed).all()):
        raise ValueError(f"augment.extra {name} gave numbers that are not finite")
    return changed
