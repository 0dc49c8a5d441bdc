"""How a network runs forward in training: compiled, with cheaper maxima, or just as it is."""

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from edge_asc.models.maximum import CheapMaximum

Forward = Callable[[Tensor], Any]


def forward_of(network: nn.Module, compile: bool, fast_maximum: bool = False) -> Forward:
    """The forward pass that `train.compile` and `train.fast_maximum` ask for."""
    plain = eager(network) if fast_maximum else network.__call__  # no second submodule
    return compiled(plain) if compile else plain


def eager(network: nn.Module) -> Forward:
    """Run a network as it is, with the cheaper gradient of maxima."""

    def forward(x: Tensor) -> Any:
        with CheapMaximum():
            return network(x)

    return forward


def compiled(plain: Forward) -> Forward:
    """Compile a forward pass; say one line and run it as it is where that fails."""
    if not has_compiler():
        print("train.compile: no C++ compiler found, training without", file=sys.stderr)
        return plain
    run: list[Forward] = [torch.compile(plain, dynamic=False)]

    def forward(x: Tensor) -> Any:
        try:
            return run[0](x)
        except Exception as error:  # whatever a compiler may raise, the network itself runs
            if run[0] is plain:
                raise
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"train.compile failed ({line}), training without", file=sys.stderr)
            run[0] = plain
            return plain(x)

    return forward


def has_compiler() -> bool:
    """Whether there is a C++ compiler, without which nothing is compiled."""
    return any(shutil.which(c) for c in (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))
