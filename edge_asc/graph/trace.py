"""torch network → float graph: the network is run once, and what it computes is written down.

However a network spells it, in modules, functions, methods, loops or sizes of its input, only what
torch computes counts. Dropout and Identity vanish; what the graph has no op for is an error that
names the layer, its line of source and what would do. The graph is then run beside the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from edge_asc.graph.graph import NOMINAL_FRAMES, Graph, Node
from edge_asc.graph.tracing.comparison import as_heads, features, quickly_seen, where_they_differ
from edge_asc.graph.tracing.indexing import Indexing
from edge_asc.graph.tracing.length import (
    MISFITS,
    frames_that_fit,
    no_such_input,
    one_line,
    other_lengths,
)
from edge_asc.graph.tracing.place import Whereabouts, unwrapped
from edge_asc.graph.tracing.readers import OF_WINDOWS, READERS
from edge_asc.graph.tracing.recorder import Reader, Recorder
from edge_asc.graph.tracing.refusals import Refused
from edge_asc.graph.tracing.soundness import check_arguments, check_numbers

OUTPUT_NAMES = ("scene", "abstract")


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
        n_frames: F. A network that is another one at another length is read as it is at F, and
            written for F alone. None: such a network is refused, and an F that fits looked for.

    Raises:
        ValueError: an op that the graph does not have, a network that takes no such input, or one
            whose numbers are not finite.
        TypeError: no network.

    Example:
        >>> from torch import nn
        >>> layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        >>> net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3))
        >>> [node.op for node in ea.trace(net, n_mels=64).nodes]
        ['conv', 'affine', 'relu', 'global_mean', 'flatten', 'linear']
    """
    check_arguments(network, n_mels, n_frames)
    if isinstance(network, HasGraph):
        return network.to_graph(n_mels)
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise ValueError("a scripted network says no longer what it is: trace the Python module")
    check_numbers(network)
    with evaluating(network):
        graph = _first_reading(network, n_mels, n_frames)
        graph.n_frames = n_frames or graph.n_frames
        if not _is_ours(network):
            graph = _checked(network, graph, is_said=n_frames is not None)
        graph.one_length |= n_frames is not None and graph.has_fixed_length()
    return graph


def _first_reading(network: nn.Module, n_mels: int, n_frames: int | None) -> Graph:
    """At the length that is said; a network of ours at the nominal one, if it takes that."""
    said = n_frames or NOMINAL_FRAMES
    problem = ""
    for length in dict.fromkeys((NOMINAL_FRAMES, said) if _is_ours(network) else (said,)):
        try:
            return _written_down(network, n_mels, length)
        except MISFITS as error:
            problem = one_line(error)
        except Refused:
            if n_frames is None:
                raise
            graph = _written_down(network, n_mels, n_frames, one_length=True)
            return replace(graph, one_length=True)
    if n_frames is not None:
        raise no_such_input(network, n_mels, n_frames, problem)
    return _written_down(network, n_mels, frames_that_fit(network, n_mels, problem))


def _is_ours(network: nn.Module) -> bool:
    """Whether a network is one of this package, which tests hold to its graph."""
    place = type(network).__module__
    return place.startswith("edge_asc.models.") and place != "edge_asc.models.own"


def _written_down(
    network: nn.Module,
    n_mels: int,
    n_frames: int,
    readers: dict[str, Reader] = READERS,
    **reading: bool,
) -> Graph:
    x = features(network, n_mels, n_frames)
    where = Whereabouts(network)
    recorder = Recorder(x, where, readers, **reading)
    with where.follow(), recorder, Indexing(recorder):
        heads = as_heads(network(x))
        outputs = [recorder.vector(head) for head in _live(recorder, heads)]
    if len(outputs) > len(OUTPUT_NAMES):
        raise ValueError(f"the network returns {len(outputs)} tensors: scene logits, or two")
    names = dict(zip(OUTPUT_NAMES, outputs, strict=False))
    return Graph(_needed(recorder.nodes, outputs), "x", n_mels, names, n_frames=n_frames)


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


def _checked(network: nn.Module, graph: Graph, is_said: bool) -> Graph:
    """The graph that computes what the network does, at all lengths that it takes or at one.

    Raises:
        ValueError: they compute different numbers.
    """
    name = type(unwrapped(network)).__name__
    if where_they_differ(network, graph, [graph.n_frames]):
        raise ValueError(
            f"{name} computes something else on other input of {graph.n_frames} frames: what it"
            " does may not hang on the numbers of its input, on chance or on numpy"
        )
    others = quickly_seen(graph, other_lengths(graph.n_frames))
    other = where_they_differ(network, graph, others)
    if other is None:
        return graph
    for reading in _other_readings(network, graph):
        if where_they_differ(network, reading, [graph.n_frames, *others]) is None:
            return replace(reading, n_frames=graph.n_frames)
    if not is_said:
        raise ValueError(
            f"{name} computes something else at {other} frames than at {graph.n_frames}: what it"
            " does may hang on shapes only where any number of frames gives the same layers; with"
            " n_frames it is read for one length alone"
        )
    graph.one_length = True
    return graph


@torch.no_grad()
def check_length(network: nn.Module, graph: Graph, n_frames: int) -> None:
    """That a network computes at a length what its graph does.

    Raises:
        ValueError: it computes something else there.
    """
    with evaluating(network):
        if where_they_differ(network, graph, [n_frames]) is not None:
            name = type(unwrapped(network)).__name__
            raise ValueError(
                f"{name} computes something else at {n_frames} frames than at {graph.n_frames}:"
                " a file for them needs a run of that clip length"
            )


def _other_readings(network: nn.Module, graph: Graph) -> Iterator[Graph]:
    """Windows that are as large as a map by chance, and maps that are one frame long by chance.

    And pieces of the frames that are told from the other end.
    """
    with suppress(ValueError):
        yield _written_down(network, graph.n_mels, graph.n_frames, OF_WINDOWS)
    with suppress(ValueError):
        yield _written_down(network, graph.n_mels, graph.n_frames, by_count=True)
    longer = max(2 * graph.n_frames + 3, NOMINAL_FRAMES)
    with suppress(*MISFITS, ValueError):
        yield _written_down(network, graph.n_mels, longer)
