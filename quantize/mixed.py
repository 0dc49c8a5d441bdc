"""Which layers have weights of four bits: those that lose least for each byte they save.

What a layer loses is measured on training clips: its weights alone are rounded to four bits, and
the network's answers compared with those of the float network (Kullback-Leibler divergence of the
softmax, mean over clips and heads). Training gets most of it back, and a layer that loses little
before it loses little behind it, too.
"""

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

# Without a size to keep: layers are taken until this part of what could be saved is.
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

    @property
    def price(self) -> float:
        """Loss for each byte."""
        return self.loss / self.saved_bytes


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
    ranked = sorted(candidates(network, batches), key=lambda c: c.price)
    if most_bytes and file_bytes is not None:
        return _until_small(ranked, most_bytes, file_bytes)
    return _until_part(ranked)


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


def _until_part(ranked: Sequence[Candidate]) -> list[int]:
    wanted = USUAL_PART * sum(c.saved_bytes for c in ranked)
    taken: list[Candidate] = []
    for candidate in ranked:
        if sum(c.saved_bytes for c in taken) >= wanted:
            break
        taken.append(candidate)
    return sorted(c.index for c in taken)


def _until_small(ranked: Sequence[Candidate], most_bytes: int, file_bytes: FileBytes) -> list[int]:
    taken: list[int] = []
    size = file_bytes(taken)
    for candidate in ranked:
        if size <= most_bytes - SPARE_BYTES:
            break
        taken.append(candidate.index)
        size = file_bytes(taken)
    if size > most_bytes - SPARE_BYTES:
        raise ValueError(
            f"quantize.bytes = {most_bytes:,}: with four bits in every layer that may have them the"
            f" larger file takes {size:,} bytes"
        )
    return sorted(taken)
