"""Which layers have weights of four bits: of all sets that save enough, the one that loses least.

What a layer loses is measured on training clips: its weights alone are rounded to four bits, and
the network's answers compared with those of the float network (Kullback-Leibler divergence of the
softmax, mean over clips and heads). A set loses the sum. Training gets most of it back, and a layer
that loses little before it loses little behind it, too.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from edge_asc.graph.graph import Graph
from edge_asc.graph.network import Convolution, GraphNetwork, module_name
from edge_asc.quantize.four_bits import layers_of_four_bits, rounded
from edge_asc.runtime.metadata import Weights

# Without a size to keep: this part of what could be saved is.
USUAL_PART = 0.9
# What a file may gain by training: numbers that were equal before, and so stored once, and no more.
SPARE_BYTES = 128

FileBytes = Callable[[Sequence[int]], int]  # of layers of four bits -> bytes of the larger file


@dataclass(frozen=True)
class Candidate:
    """A layer that may have weights of four bits.

    Attributes:
        index: of its node in the graph.
        saved_bytes: by four bits a weight instead of eight.
        loss: what rounding it does to the answers, nats.
    """

    index: int
    saved_bytes: int
    loss: float


def layers_to_narrow(
    network: GraphNetwork,
    batches: Sequence[Tensor],
    weights: Weights,
    most_bytes: int = 0,
    file_bytes: FileBytes | None = None,
) -> list[int]:
    """Places in the graph of the layers whose weights get four bits, in order.

    Args:
        network: float.
        batches: features `[B, 1, M, F]` of training clips.
        weights: "int8": none; "int4": all that may; "mixed": those that lose least.
        most_bytes: with mixed, the size that the file must keep; 0: none.
        file_bytes: tells the size with some layers in four bits; needed with `most_bytes`.

    Raises:
        ValueError: no such weights, or a size that cannot be had.
    """
    if weights == "int8":
        return []
    if weights == "int4":
        return layers_of_four_bits(network.graph)
    found = candidates(network, batches)
    if most_bytes and file_bytes is not None:
        return _within(found, most_bytes, file_bytes)
    return least_loss(found, math.ceil(USUAL_PART * sum(c.saved_bytes for c in found)))


def candidates(network: GraphNetwork, batches: Sequence[Tensor]) -> list[Candidate]:
    """All layers that may have weights of four bits, with what they lose by them."""
    indices = layers_of_four_bits(network.graph)
    return [
        Candidate(index, _saved_bytes(network.graph, index), _loss(network, index, batches))
        for index in indices
    ]


def _saved_bytes(graph: Graph, index: int) -> int:
    return int(graph.nodes[index].tensors["weight"].size // 2)


@torch.no_grad()
def _loss(network: GraphNetwork, index: int, batches: Sequence[Tensor]) -> float:
    network.eval()
    layer = network.get_submodule(module_name(index))
    assert isinstance(layer, Convolution)  # no other node has weights
    plain = [network(batch) for batch in batches]
    with _rounded(layer):
        narrow = [network(batch) for batch in batches]
    pairs = (pair for a, b in zip(plain, narrow, strict=True) for pair in zip(a, b, strict=True))
    divergences = [
        F.kl_div(b.log_softmax(1), a.log_softmax(1), log_target=True, reduction="none").sum(1)
        for a, b in pairs
    ]
    return float(torch.cat(divergences).mean())


@contextmanager
def _rounded(layer: Convolution) -> Iterator[None]:
    before = layer.weight.detach().clone()
    layer.weight.copy_(torch.from_numpy(rounded(before.numpy())))
    try:
        yield
    finally:
        layer.weight.copy_(before)


def least_loss(found: Sequence[Candidate], wanted_bytes: int) -> list[int]:
    """Places of the layers that lose least of all that save so many bytes together, in order.

    Kept of the sets of the layers so far: those that no other beats in both. All, where no set
    saves enough.
    """
    sets: list[tuple[int, float, tuple[int, ...]]] = [(0, 0.0, ())]  # bytes saved, loss, layers
    for c in found:
        with_it = [(n + c.saved_bytes, loss + c.loss, (*of, c.index)) for n, loss, of in sets]
        best = math.inf
        kept = []
        for n, loss, of in sorted(
            [*sets, *with_it], key=lambda s: (-min(s[0], wanted_bytes), s[1])
        ):
            if loss < best:
                kept.append((n, loss, of))
                best = loss
        sets = kept
    enough = [s for s in sets if s[0] >= wanted_bytes]
    return sorted(min(enough, key=lambda s: s[1])[2] if enough else (c.index for c in found))


def _within(found: Sequence[Candidate], most_bytes: int, file_bytes: FileBytes) -> list[int]:
    """As `least_loss`, where the larger file itself tells what is saved."""
    limit = most_bytes - SPARE_BYTES
    size = file_bytes([])
    wanted, taken = 0, list[int]()
    while size > limit:
        if len(taken) == len(found):
            raise ValueError(
                f"quantize.bytes = {most_bytes:,}: with four bits in every layer that may have them"
                f" the larger file takes {size:,} bytes"
            )
        wanted += size - limit  # a file saves a little less than its weights do
        taken = least_loss(found, wanted)
        size = file_bytes(taken)
    return taken
