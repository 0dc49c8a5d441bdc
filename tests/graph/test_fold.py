"""Folding changes a network's spelling and nothing else."""

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph, output_shape
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from networks import CASES, Case

# float32 sums in another order, relative to the largest number
ROUNDING = 5e-6


def assert_same(ours: tuple, theirs: tuple) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= ROUNDING * b.abs().max()


@pytest.mark.parametrize("case", CASES, ids=str)
@torch.no_grad()
def test_folded_graph_computes_the_network(case: Case) -> None:
    for seed in range(3):
        network, x = case.network(seed), case.inputs()
        folded = GraphNetwork(case.graph(seed)).eval()
        assert_same(folded(x), network(x))


@pytest.mark.parametrize("case", CASES, ids=str)
@torch.no_grad()
def test_shapes_are_those_of_torch(case: Case) -> None:
    graph, x = case.graph(), case.inputs(1)
    values = GraphNetwork(graph).eval().values(x)
    assert graph.shapes(case.n_frames) == {k: tuple(v.shape[1:]) for k, v in values.items()}


def test_compact_network_folds_completely() -> None:
    graph = CASES[0].graph()
    n_blocks = len(CASES[0].options["channels"]) - 1
    counts = Counter(node.op for node in graph.nodes)
    assert "affine" not in counts
    # stem, then per block: 1x1, 3x3, two of the channel gate, channel mean, 7x7
    assert counts["conv"] == 1 + 6 * n_blocks
    assert not any(node.attributes.get("groups", 1) > 1 for node in graph.nodes)


def small(*layers: nn.Module) -> nn.Module:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (F.adaptive_avg_pool2d(self.layers(x), 1).flatten(1),)

    for module in (network := Network()).modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
    return network.eval()


HARD = {
    "norm before a padded convolution": [nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3, padding=1)],
    "norm before a pool, either sign": [
        nn.Conv2d(1, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(4, 4, 1),
    ],
    "norm twice": [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.ReLU()],
    "norm at the end": [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)],
    "depthwise on both sides": [
        nn.Conv2d(1, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4),
        nn.BatchNorm2d(4),
    ],
}  # fmt: skip


@pytest.mark.parametrize("layers", HARD.values(), ids=HARD)
@torch.no_grad()
def test_hard_places(layers: list[nn.Module]) -> None:
    network, x = small(*layers), torch.randn(2, 1, 9, 11)
    folded = fold(trace(network, 9))
    assert not any(node.op == "affine" for node in folded.nodes)
    assert_same(GraphNetwork(folded)(x), network(x))


@torch.no_grad()
def test_average_pool_counts_its_padding() -> None:
    network, x = small(nn.AvgPool2d(3, (2, 1), padding=1)), torch.randn(2, 1, 8, 9)
    assert_same(GraphNetwork(fold(trace(network, 8)))(x), network(x))


def test_folding_leaves_its_input_alone() -> None:
    graph = trace(CASES[0].network(), 40)
    before = [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    fold(graph)
    assert before == [(node.op, node.inputs, node.outputs) for node in graph.nodes]


def test_too_short_input_is_said() -> None:
    graph: Graph = trace(small(nn.Conv2d(1, 4, 7)), 9)
    with pytest.raises(ValueError, match="9 mels x 3 frames is too short"):
        graph.shapes(3)
    assert output_shape(graph.nodes[0], [(1, 9, 7)]) == (4, 3, 1)


def test_half_rounds_to_float16() -> None:
    from edge_asc.quantize.half import round_to_half

    graph = CASES[0].graph()
    for node in round_to_half(graph).nodes:
        for tensor in node.tensors.values():
            assert tensor.dtype == np.float32
            np.testing.assert_array_equal(tensor, tensor.astype(np.float16))
    next(node for node in graph.nodes if node.tensors).tensors["weight"][0] = 1e6
    with pytest.raises(ValueError, match="beyond float16"):
        round_to_half(graph)
