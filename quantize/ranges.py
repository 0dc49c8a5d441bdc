"""Ranges of a graph's values on real data, one for every set of values that shares a grid."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from edge_asc.graph.graph import Graph, scale_groups
from edge_asc.graph.network import GraphNetwork

Range = tuple[float, float]


def checked_batches(batches: Iterable[Tensor | ArrayLike], n_mels: int) -> list[Tensor]:
    """Batches `[B, 1, M, F]` as float32 tensors that ranges can be measured on.

    Raises:
        ValueError: no batch, or one that has another shape, no clips, integers, NaN or Inf; the
            message names the first such.
    """
    tensors = [torch.as_tensor(batch) for batch in batches]
    if not tensors:
        raise ValueError("quantize needs at least one batch of features to measure ranges on")
    for number, tensor in enumerate(tensors, 1):
        shape, which = list(tensor.shape), f"batch {number} of {len(tensors)}"
        if tensor.ndim != 4 or shape[1:3] != [1, n_mels] or 0 in shape:
            raise ValueError(f"{which}: shape {shape}, expected [B, 1, {n_mels}, frames]")
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(f"{which}: {kind}, expected normalised features in float32")
        if not tensor.to(torch.float32).isfinite().all():
            raise ValueError(f"{which}: features hold NaN or Inf")
    return [tensor.to(torch.float32) for tensor in tensors]


@torch.no_grad()
def measure_ranges(network: GraphNetwork, batches: Iterable[Tensor]) -> list[Range]:
    """Range (low <= 0 <= high) of each of the graph's `scale_groups`.

    The range of a value is the mean over clips of its smallest and largest number, which one odd
    clip does not stretch; logits keep their extremes. A group covers those of its values that are
    computed with: what a maximum throws away needs no place on the grid. Where a grid is known, it
    is that grid's.

    Raises:
        ValueError: no clip, or the network computes NaN or Inf on one.
    """
    network.eval()
    values = set(network.graph.arithmetic_values())
    lows: dict[str, list[Tensor]] = {name: [] for name in values}
    highs: dict[str, list[Tensor]] = {name: [] for name in values}
    for batch in batches:
        for name, value in network.values(batch).items():
            if name in values:
                flat = value.flatten(1)
                lows[name].append(flat.amin(1))
                highs[name].append(flat.amax(1))
    if not any(lows.values()):
        raise ValueError("ranges need at least one clip")
    groups = scale_groups(network.graph)
    ranges = [
        _known_range(network.graph, group) or _group_range(network, group & values, lows, highs)
        for group in groups
    ]
    return _widened(network.graph, groups, ranges)


def _known_range(graph: Graph, group: set[str]) -> Range | None:
    """The range of a grid that the network computes with already."""
    grids = (graph.known_grids[name] for name in sorted(group & graph.known_grids.keys()))
    return next((grid.range for grid in grids), None)


def _group_range(
    network: GraphNetwork,
    group: set[str],
    lows: dict[str, list[Tensor]],
    highs: dict[str, list[Tensor]],
) -> Range:
    low, high = 0.0, 0.0
    for name in group:
        is_output = network.graph.is_output(name)
        least, most = (torch.min, torch.max) if is_output else (torch.mean, torch.mean)
        low = min(low, float(least(torch.cat(lows[name]))))
        high = max(high, float(most(torch.cat(highs[name]))))
        if not all(torch.cat(ends[name]).isfinite().all() for ends in (lows, highs)):
            raise ValueError("the network computes NaN or Inf on these features: no range holds it")
    return low, max(high, low + 1e-3)  # a value that is always zero still needs a grid


def _widened(graph: Graph, groups: list[set[str]], ranges: list[Range]) -> list[Range]:
    """The ranges, none of them finer than a 128th of the step of the sums it is rounded from.

    A layer whose units are all dead would have such a range. It can hold no more than the sums do,
    and XNNPACK refuses to multiply by 256 or more.
    """
    group_of = {value: index for index, group in enumerate(groups) for value in group}
    ranges = list(ranges)
    for node in graph.nodes:
        if node.op in ("conv", "linear"):
            (low, high), out = ranges[group_of[node.inputs[0]]], group_of[node.output]
            step = (high - low) / 255 * float(np.abs(node.tensors["weight"]).max()) / 127
            lowest = ranges[out][0]
            ranges[out] = lowest, max(ranges[out][1], lowest + step * 255 / 128)
    return ranges
