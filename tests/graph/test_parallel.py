"""Convolutions side by side become one that computes their sum, and nothing else is touched."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.models import build
from edge_asc.models.units import ParallelConv
from own_networks import unsettled

# float32 sums in another order, relative to the largest number
ROUNDING = 5e-6
CHANNELS = 4


class Sum(nn.Module):
    """A 1 x 1 convolution, the sum of branches, what else reads the first of them."""

    def __init__(self, *branches: nn.Module, and_first: bool = False) -> None:
        super().__init__()
        self.before = nn.Conv2d(1, CHANNELS, 1)
        self.branches = nn.ModuleList(branches)
        self.and_first = and_first

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        values = [branch(x) for branch in self.branches]
        total = values[0]
        for value in values[1:]:
            total = total + value
        total = torch.relu(total)
        if self.and_first:
            total = total * torch.sigmoid(values[0])
        return F.adaptive_avg_pool2d(total, 1).flatten(1)


@torch.no_grad()
def folded_of(network: nn.Module) -> Graph:
    """Its folded graph, which computes what it does."""
    graph, x = fold(trace(unsettled(network), 9)), torch.randn(2, 1, 9, 14)
    theirs = network(x)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert (GraphNetwork(graph)(x)[0] - theirs).abs().max() <= ROUNDING * theirs.abs().max()
    return graph


def n_sums(graph: Graph) -> int:
    return Counter(node.op for node in graph.nodes)["add"]


KERNELS = st.sampled_from([1, 3, 5])


@settings(max_examples=40)
@given(
    sizes=st.lists(st.tuples(KERNELS, KERNELS), min_size=2, max_size=4),
    stride=st.sampled_from([1, 2, (2, 1)]),
    groups=st.lists(st.sampled_from([1, CHANNELS]), min_size=4, max_size=4),
    norm=st.booleans(),
)
def test_any_odd_kernels_become_one(
    sizes: list[tuple[int, int]], stride: int | tuple[int, int], groups: list[int], norm: bool
) -> None:
    torch.manual_seed(0)
    branches = []
    for (high, wide), n_groups in zip(sizes, groups, strict=False):
        middle = (high // 2, wide // 2)
        conv = nn.Conv2d(
            CHANNELS, CHANNELS, (high, wide), stride, middle, groups=n_groups, bias=not norm
        )
        branches.append(nn.Sequential(conv, nn.BatchNorm2d(CHANNELS) if norm else nn.Identity()))
    graph = folded_of(Sum(*branches))
    assert n_sums(graph) == 0
    conv = [node for node in graph.nodes if node.op == "conv"][1]
    assert conv.tensors["weight"].shape[2:] == tuple(map(max, zip(*sizes, strict=True)))


def test_a_normalised_copy_of_the_map_is_a_kernel_too() -> None:
    conv = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.BatchNorm2d(CHANNELS))
    assert n_sums(folded_of(Sum(conv, nn.BatchNorm2d(CHANNELS)))) == 0


APART = {
    "strides": (nn.Conv2d(4, 4, 3, (1, 2), 1), nn.Conv2d(4, 4, 3, (1, 2), 1, bias=False), True),
    "gaps": (nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 4, 1), False),
    "bounds": (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), nn.Conv2d(4, 4, 1), False),
    "means": (nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 4, 1), False),
    "the map itself": (nn.Identity(), nn.Conv2d(4, 4, 1), False),
}


@pytest.mark.parametrize(("a", "b", "and_first"), APART.values(), ids=APART)
def test_others_stay_as_they_are(a: nn.Module, b: nn.Module, and_first: bool) -> None:
    torch.manual_seed(0)
    assert n_sums(folded_of(Sum(a, b, and_first=and_first))) == 1


def test_kernels_that_look_elsewhere_stay_apart() -> None:
    torch.manual_seed(0)
    early = nn.Sequential(nn.ZeroPad2d((2, 0, 1, 1)), nn.Conv2d(4, 4, 3))
    assert n_sums(folded_of(Sum(early, nn.Conv2d(4, 4, 1)))) == 1


def test_a_network_with_branches_has_the_file_of_one_without() -> None:
    options = {"channels": [8, 8, 12], "reduction": 4}
    plain, branched = (
        folded_of(build("compact", options | {"branches": branches}, n_scenes=3, n_abstract=0))
        for branches in (False, True)
    )
    for ours, theirs in zip(branched.nodes, plain.nodes, strict=True):
        assert (ours.op, ours.attributes) == (theirs.op, theirs.attributes)
        shapes = [{k: v.shape for k, v in node.tensors.items()} for node in (ours, theirs)]
        assert shapes[0] == shapes[1]


def test_branches_begin_with_the_variance_of_one() -> None:
    torch.manual_seed(0)
    layer = ParallelConv(8, 64, 3)
    total = layer(torch.randn(4, 8, 20, 20))
    assert total.var().item() == pytest.approx(1.0, rel=0.1)  # of 64 filters, some alike
