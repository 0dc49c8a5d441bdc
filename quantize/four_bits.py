"""Weights of four bits: which layers may have them, their scales, and what rounding does to sums.

A channel's fifteen numbers, -7 to 7 times its scale, are placed where their squared error is least:
at the largest weight they would be too coarse for all the others. Rounding so coarse moves the mean
of a layer's sums, which its bias takes back. Activations keep their eight bits.

Not every layer is worth it. Small ones stay int8: they are many, and hold few of the bytes. So do
depthwise kernels, whose filters of nine weights save five bytes each, with nothing that averages
their rounding; and constants that are no weights, such as the share of each number in a mean.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.graph.graph import Graph, Node, per_channel, weight_bits
from edge_asc.graph.integers import most_of
from edge_asc.graph.network import Convolution
from edge_asc.quantize.nncf_setup import import_nncf
from edge_asc.runtime.metadata import Weights

BITS = 4
LEAST_WEIGHTS = 1024  # of a layer, below which there is little to save
# A scale's choices: parts of the one that reaches the largest weight.
SCALE_PARTS = np.linspace(0.3, 1.0, 71)


def may_have_four_bits(node: Node) -> bool:
    """Whether a layer's weights can be stored in four bits and are worth it."""
    if node.op not in ("conv", "linear") or node.attributes.get("constant"):
        return False
    weight, groups = node.tensors["weight"], node.attributes.get("groups", 1)
    is_depthwise = groups > 1 and weight.shape[1] == 1
    return weight.size >= LEAST_WEIGHTS and not is_depthwise


def layers_of_four_bits(graph: Graph) -> list[int]:
    """Places in `graph.nodes` of all layers that may have weights of four bits."""
    return [index for index, node in enumerate(graph.nodes) if may_have_four_bits(node)]


def weights_of(graph: Graph) -> Weights:
    """What a quantised graph's weights are: int4 where all have four bits that may."""
    narrow = [weight_bits(node) == BITS for node in graph.nodes]
    if not any(narrow):
        return "int8"
    return "int4" if all(narrow[i] for i in layers_of_four_bits(graph)) else "mixed"


def scales_of(weight: np.ndarray) -> np.ndarray:
    """Scale `[out]` of each channel of `[out, …]` with the least squared error in four bits."""
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    largest = np.maximum(np.abs(flat).max(1), 1e-8) / most_of(BITS)
    scales = largest[:, None] * SCALE_PARTS  # [out, choices]
    errors = np.stack([((_steps(flat, s) * s[:, None] - flat) ** 2).sum(1) for s in scales.T], 1)
    return scales[np.arange(len(flat)), errors.argmin(1)].astype(np.float32)


def rounded(weight: np.ndarray) -> np.ndarray:
    """The weights `[out, …]` as four bits hold them."""
    scale = scales_of(weight)
    return (_steps(weight, scale) * per_channel(scale, weight.ndim)).astype(np.float32)


def _steps(weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    most = most_of(BITS)
    return np.clip(np.rint(weight / per_channel(scale, weight.ndim)), -most, most)


def quantiser_of_four_bits(weight: Tensor) -> nn.Module:
    """NNCF's symmetric quantiser of a layer's weights `[out, …]`, a scale a channel."""
    import_nncf()
    from nncf.torch.quantization.layers import (
        PTQuantizerSpec,
        QuantizationMode,
        SymmetricQuantizer,
    )

    shape = (len(weight), *[1] * (weight.ndim - 1))
    spec = PTQuantizerSpec(BITS, QuantizationMode.SYMMETRIC, True, True, False, shape, False)
    quantiser = SymmetricQuantizer(spec)
    ends = most_of(BITS) * scales_of(weight.detach().numpy())
    with torch.no_grad():
        quantiser.scale.copy_(torch.from_numpy(ends).reshape(shape))
    return quantiser


@torch.no_grad()
def correct_bias(network: nn.Module, layer: Convolution, batches: Sequence[Tensor]) -> None:
    """Add to a layer's bias the mean that four bits will take from its sums.

    Args:
        network: with its quantisers; layers before this one have their four bits already.
        layer: of the network.
        batches: features `[B, 1, M, F]`.
    """
    network.eval()
    weight = layer.weight.detach()
    lost = weight - torch.from_numpy(rounded(weight.numpy()))
    means = [_mean_of_sums(layer, lost, x) for x in _inputs_of(network, layer, batches)]
    layer.bias.add_(torch.stack(means).mean(0))


def _mean_of_sums(layer: Convolution, weight: Tensor, x: Tensor) -> Tensor:
    """Mean `[out]` of what weights make of a layer's input."""
    if layer.window:
        return F.conv2d(x, weight, None, **layer.window).mean((0, 2, 3))
    return F.linear(x, weight).mean(0)


def _inputs_of(network: nn.Module, layer: nn.Module, batches: Sequence[Tensor]) -> Iterator[Tensor]:
    """What a layer is given, batch by batch."""
    for batch in batches:
        with _caught(layer) as seen:
            network(batch)
        yield seen[0]


@contextmanager
def _caught(layer: nn.Module) -> Iterator[list[Any]]:
    seen: list[Any] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        yield seen
    finally:
        handle.remove()
