"""A network and its graph side by side, at any length of input."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.tracing.length import MISFITS

N_CLIPS = 2  # so that the clips' axis is told from one of a single number
# Float32 sums in another order, and batch norms folded: measured up to 2e-5 of the largest logit.
TOLERANCE = 1e-3
# Of a length beyond which it is not looked: about a second of one core, and 256 MB of a value.
MOST_PRODUCTS, MOST_NUMBERS = 2e10, 1 << 26


def features(network: nn.Module, n_mels: int, n_frames: int) -> Tensor:
    """Random features `[B, 1, M, F]` of the network's type, the same ones each time."""
    weights = next(network.parameters(), torch.empty(0))
    draw = torch.Generator().manual_seed(n_frames)
    x = torch.randn(N_CLIPS, 1, n_mels, n_frames, generator=draw)
    return x.to(weights.device, weights.dtype)


def as_heads(outputs: Any) -> list[Tensor]:
    """The logits that a network returns.

    Raises:
        ValueError: it returns something else.
    """
    heads = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    if not heads or not all(isinstance(head, Tensor) for head in heads):
        kind = type(outputs).__name__
        raise ValueError(f"the network returns a {kind}: logits [B, S], or a tuple of them")
    return heads


def where_they_differ(network: nn.Module, graph: Graph, lengths: Sequence[int]) -> int | None:
    """The first length at which both compute different numbers on other features.

    Those that the network does not take are left out.
    """
    written = GraphNetwork(fold(graph)).eval()
    for n_frames in lengths:
        x = louder_and_louder(-features(network, graph.n_mels, n_frames), graph.n_frames)
        try:
            theirs = [head.float().cpu() for head in as_heads(network(x.clone()))]
        except (*MISFITS, ValueError):
            continue  # it does not take this length
        try:
            ours = written(x.float().cpu())
        except MISFITS:
            return n_frames
        if not all(map(_close, ours, theirs)):
            return n_frames
    return None


def louder_and_louder(x: Tensor, n_frames: int) -> Tensor:
    """One clip that grows, where it is longer than so many frames: no piece is like the whole."""
    if x.shape[-1] <= n_frames:
        return x
    slope = torch.linspace(0, 2, x.shape[-1]).to(x)
    return x * (1 + slope) + slope


def quickly_seen(graph: Graph, lengths: Sequence[int]) -> list[int]:
    """Without those, longer than the graph's, that would keep a processor busy for long."""
    return [n for n in lengths if n <= graph.n_frames or not _is_long_work(graph, n)]


def _is_long_work(graph: Graph, n_frames: int) -> bool:
    try:
        shapes = graph.shapes(n_frames)
    except ValueError:  # too short, or of another length than the only one: quickly seen
        return False
    products = 0.0
    for node in graph.nodes:
        if "weight" in node.tensors:
            products += node.tensors["weight"][0].size * prod(shapes[node.output])
    most = max(prod(shape) for shape in shapes.values())
    return N_CLIPS * products > MOST_PRODUCTS or N_CLIPS * most > MOST_NUMBERS


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    return bool((a - b).abs().max() <= TOLERANCE * b.abs().max().clamp_min(TOLERANCE))
