"""Where in a network something happens: its layer, and the line of the source that asks for it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

TORCH = str(Path(torch.__file__).parent)
HERE = str(Path(__file__).parent)


@dataclass(frozen=True)
class Place:
    """A call: the innermost module with its path, and the line of source outside of torch."""

    path: str
    module: nn.Module
    source: str

    def __str__(self) -> str:
        kind = type(self.module).__name__
        named = f"layer {self.path} ({kind})" if self.path else f"network {kind}"
        return f"{named}, {self.source}" if self.source else named


class Whereabouts:
    """Follows which module of a network is being called.

    A network that ours wraps is called by the names that it has in itself.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = unwrapped(network)
        self.open: list[tuple[str, nn.Module]] = [("", self.network)]

    @contextmanager
    def follow(self) -> Iterator[None]:
        """Watch the calls of all modules, until the end of the block."""
        hooks = []
        for path, module in self.network.named_modules():
            hooks.append(module.register_forward_pre_hook(self._enter(path)))
            hooks.append(module.register_forward_hook(self._leave, always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, path: str) -> Callable[[nn.Module, Any], None]:
        return lambda module, inputs: self.open.append((path, module))

    def _leave(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        self.open.pop()

    def now(self) -> Place:
        """Where the call lies that is being made."""
        path, module = self.open[-1]
        return Place(path, module, source_line(sys._getframe(1)))


def unwrapped(network: nn.Module) -> nn.Module:
    """The network that one of ours does nothing but call."""
    children = dict(network.named_children())
    ours = type(network).__module__.startswith("edge_asc.")
    return children["network"] if ours and [*children] == ["network"] else network


def source_line(frame: FrameType | None) -> str:
    """`file.py:12` of the innermost line that is neither torch's nor ours; empty where none is."""
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((TORCH, HERE)) and not file.startswith("<frozen"):
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
