"""What an AMFM block does to its feature map: figure 2 of the paper, for any block of any network.

Letters: C channels, M mels, F frames (of the map, not of the input).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from edge_asc.audio.samples import Floats
from edge_asc.evaluation.explain.axes import Geometry
from edge_asc.graph.trace import HasGraph
from edge_asc.models.blocks import Block

WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class FoundBlock:
    """A block of a network."""

    number: int  # in the order of execution, from 1
    name: str  # of the module
    block: Block
    geometry: Geometry  # where rows and columns of its map lie on the input


@dataclass(frozen=True)
class BlockMaps:
    """The three maps of figure 2, all `[C, M, F]`."""

    before: np.ndarray  # (a) the features, before attention
    attended: np.ndarray  # (b) after attention
    after: np.ndarray  # (c) the block's output: the larger of the two, or (b) alone
    keeps_larger: bool  # whether it is the larger of the two
    probabilities: np.ndarray  # of the network's scenes, `[S]`

    @property
    def kept(self) -> np.ndarray:
        """Where the block passed on the unattended value, bool `[C, M, F]`; a tie counts."""
        return self.keeps_larger & (self.before >= self.attended)

    @property
    def share_by_channel(self) -> np.ndarray:
        """Share of positions at which the unattended value was kept, `[C]`."""
        return self.kept.mean(axis=(1, 2))

    @property
    def most_varied(self) -> int:
        """The channel with the largest variance over the map before attention."""
        return int(self.before.var(axis=(1, 2)).argmax())


class _Blocks(fx.Tracer):
    """Looks into everything but blocks."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Block) or super().is_leaf_module(m, module_qualified_name)


def find_blocks(network: nn.Module) -> list[FoundBlock]:
    """The AMFM blocks of a network in eval mode, in the order in which they run."""
    if isinstance(network, HasGraph):
        return []
    modules = dict(network.named_modules())
    geometry: dict[fx.Node, Geometry] = {}
    found: list[FoundBlock] = []
    for node in _Blocks().trace(network).nodes:
        inputs = node.all_input_nodes
        here = geometry[inputs[0]] if inputs else Geometry()
        module = modules[str(node.target)] if node.op == "call_module" else None
        geometry[node] = behind(here, module)
        if isinstance(module, Block):  # its convolutions keep the size of the map
            found.append(FoundBlock(len(found) + 1, str(node.target), module, here))
    return found


def behind(geometry: Geometry, module: nn.Module | None) -> Geometry:
    """Where the rows and columns of a module's output lie on the network's input."""
    if not isinstance(module, WINDOWED):
        return geometry
    windows = [_pair(x) for x in (module.kernel_size, module.stride, module.padding)]
    mels, frames = zip(*windows, strict=True)
    return Geometry(geometry.mels.after(*mels), geometry.frames.after(*frames))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def choose_block(network: nn.Module, number: int = 1) -> FoundBlock:
    """The block of a number, counted from 1 in the order in which blocks run.

    Raises:
        ValueError: the network has no such block, or the block has no attention.
    """
    found = find_blocks(network)
    if not found:
        raise ValueError(f"a {type(network).__name__} has no AMFM blocks: --occlusion works on all")
    if not 1 <= number <= len(found):
        names = ", ".join(f"{b.number} {b.name}" for b in found)
        raise ValueError(f"there is no block {number}; the network has {len(found)}: {names}")
    chosen = found[number - 1]
    if chosen.block.attention is None:
        raise ValueError("this network was built without attention: --occlusion works on all")
    return chosen


@torch.no_grad()
def block_maps(network: nn.Module, block: Block, features: Floats) -> BlockMaps:
    """Run a network in eval mode on features `[M, F]` and keep what one block saw."""
    attention = block.attention
    assert attention is not None  # see choose_block
    kept: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        kept[module] = output[0]

    hooks = [m.register_forward_hook(keep) for m in (block.conv, attention, block)]
    try:
        scene = network(torch.from_numpy(features)[None, None])[0]
    finally:
        for hook in hooks:
            hook.remove()
    before, attended, after = (kept[m].numpy() for m in (block.conv, attention, block))
    probabilities = scene[0].double().softmax(0).numpy()
    return BlockMaps(before, attended, after, block.keeps_larger, probabilities)
