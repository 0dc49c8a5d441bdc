"""torch network → float graph: the network is run once, and what it computes is written down.

However a network spells it, in modules, functions, methods, loops or sizes of its input, only what
torch computes counts. Dropout and Identity vanish; what the graph has no op for is an error that
names the layer, its line of source and what would do. The graph is then run beside the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph, Node
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.tracing.length import MISFITS, NOMINAL, frames_that_fit, one_line
from edge_asc.graph.tracing.place import Whereabouts, unwrapped
from edge_asc.graph.tracing.readers import READERS
from edge_asc.graph.tracing.recorder import Recorder

OUTPUT_NAMES = ("scene", "abstract")
N_CLIPS = 2  # so that the clips' axis is told from one of a single number
# Float32 sums in another order, and batch norms folded: measured up to 2e-5 of the largest logit.
TOLERANCE = 1e-3


@runtime_checkable
class HasGraph(Protocol):
    """A network that was made of a graph and says itself what it has become."""

    def to_graph(self, n_mels: int) -> Graph:
        """The float graph with the weights of now; ValueError where it takes other mels."""


@torch.no_grad()
def trace(network: nn.Module, n_mels: int, n_frames: int | None = None) -> Graph:
    """Read the graph of a network in eval mode, batch norm still apart.

    Args:
        network: `[B, 1, M, F] ->` logits `[B, S]`, or a tuple of logits; left as it is.
        n_mels: M.
        n_frames: F, for a network that takes one length alone; None: it is looked for.

    Raises:
        ValueError: an op that the graph does not have, or a network that takes no such input.

    Example:
        >>> from torch import nn
        >>> layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        >>> net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3))
        >>> [node.op for node in ea.trace(net, n_mels=64).nodes]
        ['conv', 'affine', 'relu', 'global_mean', 'flatten', 'linear']
    """
    if isinstance(network, HasGraph):
        return network.to_graph(n_mels)
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise ValueError("a scripted network says no longer what it is: trace the Python module")
    with evaluating(network):
        tried = NOMINAL
        try:
            graph = _written_down(network, n_mels, tried)
        except MISFITS as error:
            tried = frames_that_fit(network, n_mels, n_frames, one_line(error))
            graph = _written_down(network, n_mels, tried)
        if not _is_ours(network):
            _check_same(network, graph, (tried, tried - tried // 4))
    return graph


def _is_ours(network: nn.Module) -> bool:
    """Whether a network is one of this package, which tests hold to its graph."""
    place = type(network).__module__
    return place.startswith("edge_asc.models.") and place != "edge_asc.models.own"


def _written_down(network: nn.Module, n_mels: int, n_frames: int) -> Graph:
    x = features(network, n_mels, n_frames)
    where = Whereabouts(network)
    recorder = Recorder(x, where, READERS)
    with where.follow(), recorder:
        heads = _as_heads(network(x))
        outputs = [recorder.vector(head) for head in _live(recorder, heads)]
    if len(outputs) > len(OUTPUT_NAMES):
        raise ValueError(f"the network returns {len(outputs)} tensors: scene logits, or two")
    names = dict(zip(OUTPUT_NAMES, outputs, strict=False))
    return Graph(_needed(recorder.nodes, outputs), "x", n_mels, names)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode; afterwards each module is in its own again."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def features(network: nn.Module, n_mels: int, n_frames: int) -> Tensor:
    """Random features `[B, 1, M, F]` of the network's type, the same ones each time."""
    weights = next(network.parameters(), torch.empty(0))
    draw = torch.Generator().manual_seed(n_frames)
    x = torch.randn(N_CLIPS, 1, n_mels, n_frames, generator=draw)
    return x.to(weights.device, weights.dtype)


def _as_heads(outputs: Any) -> list[Tensor]:
    heads = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    if not heads or not all(isinstance(head, Tensor) for head in heads):
        kind = type(outputs).__name__
        raise ValueError(f"the network returns a {kind}: logits [B, S], or a tuple of them")
    return heads


def _live(recorder: Recorder, heads: list[Tensor]) -> list[Tensor]:
    for head in heads:
        if not recorder.is_live(head):
            raise ValueError("the network's logits do not hang on its input by torch's operations")
        if head.ndim != 2:
            raise ValueError(f"the network returns logits {list(head.shape)}: they must be [B, S]")
    return heads


def _needed(nodes: list[Node], outputs: list[str]) -> list[Node]:
    """The nodes that an output hangs on."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _check_same(network: nn.Module, graph: Graph, lengths: tuple[int, int]) -> None:
    """Run both on other features, also on shorter ones where the network takes them.

    Raises:
        ValueError: they compute different numbers.
    """
    written = GraphNetwork(fold(graph)).eval()
    for n_frames in lengths:
        x = -features(network, graph.n_mels, n_frames)
        try:
            theirs = [head.float().cpu() for head in _as_heads(network(x.clone()))]
        except (*MISFITS, ValueError):
            continue  # it takes one length alone
        ours = written(x.float().cpu())
        for a, b in zip(ours, theirs, strict=True):
            if a.shape != b.shape or not _close(a, b):
                raise ValueError(
                    f"{type(unwrapped(network)).__name__} computes something else on other input of"
                    f" {n_frames} frames: what it does may hang on shapes only where any number of"
                    " frames gives the same layers, and not on the numbers of its input, on chance"
                    " or on numpy"
                )


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= TOLERANCE * b.abs().max().clamp_min(TOLERANCE))
