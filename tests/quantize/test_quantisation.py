"""NNCF trains, the graph says and the module built from the graph computes the same."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import edge_asc as ea
from edge_asc.graph.graph import (
    FIXED_GRIDS,
    SAME_GRID_OPS,
    Graph,
    Grid,
    Node,
    scale_groups,
)
from edge_asc.graph.integers import quantise_node
from edge_asc.graph.network import GraphNetwork
from edge_asc.quantize import qat
from edge_asc.quantize.nncf_setup import TorchKernels, grid
from edge_asc.quantize.ranges import measure_ranges
from networks import CASES, Case, quantised


def train_a_little(module: GraphNetwork, case: Case, steps: int = 4) -> None:
    optimiser = torch.optim.AdamW(module.parameters(), lr=2e-3)
    module.train()
    for _ in range(steps):
        loss = F.cross_entropy(module(case.inputs(4))[0], torch.randint(0, 10, (4,)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    module.eval()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_frozen_graph_computes_what_was_trained(case: Case) -> None:
    module = quantised(case)
    train_a_little(module, case)
    graph = qat.freeze(module)
    x = case.inputs()
    with torch.no_grad():
        trained, frozen = module(x), GraphNetwork(graph).eval()(x)
    for a, b, value in zip(trained, frozen, graph.outputs.values(), strict=True):
        steps = (a - b).abs() / graph.grids[value].scale
        # Sums of integer products often fall just between two steps; NNCF rounds these ties to
        # another side than torch, and a network of random weights carries that to its logits.
        assert steps.max() <= 3.01
        assert steps.mean() <= 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_quantised_stays_near_float(case: Case) -> None:
    module, x = quantised(case), case.inputs()
    with torch.no_grad():
        for a, b in zip(module.eval()(x), case.network()(x), strict=True):
            assert (a - b).abs().max() <= 0.1 * b.abs().max()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_grid_is_what_the_file_formats_force(case: Case) -> None:
    graph = qat.freeze(quantised(case))
    values = {graph.input} | {v for node in graph.nodes for v in node.outputs}
    assert set(graph.grids) == values  # nothing between input and logits is left in float
    for node in graph.nodes:
        if node.op in SAME_GRID_OPS:
            assert len({graph.grids[v] for v in (*node.inputs, *node.outputs)}) == 1
        if node.op == "sigmoid":
            assert graph.grids[node.output] == FIXED_GRIDS["sigmoid"]
        if node.attributes.get("relu"):
            assert graph.grids[node.output].zero_point == -128
        if node.op in ("conv", "linear"):
            assert node.tensors["weight"].dtype == np.int8
            assert np.abs(node.tensors["weight"].astype(int)).max() <= 127
            assert node.tensors["bias"].dtype == np.int32
            assert len(node.tensors["weight_scale"]) == len(node.tensors["weight"])


def test_every_parameter_and_range_gets_a_gradient() -> None:
    module = quantised(CASES[1]).train()
    sum(o.square().sum() for o in module(CASES[1].inputs())).backward()
    without = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    case = CASES[0]
    module = quantised(case)
    train_a_little(module, case, steps=1)
    qat.save(module, tmp_path)
    again = qat.load(GraphNetwork(case.graph()), tmp_path).eval()
    x = case.inputs()
    with torch.no_grad():
        assert torch.equal(module(x)[0], again(x)[0])
    with pytest.raises(ValueError, match="of another network"):
        qat.load(GraphNetwork(CASES[3].graph()), tmp_path)


TELEMETRY = """
from edge_asc.quantize.nncf_setup import import_nncf
import_nncf()
from nncf.telemetry import wrapper
print(isinstance(wrapper.telemetry, wrapper.NNCFTelemetry))
"""


def test_nncf_sends_nothing() -> None:
    """In an interpreter of its own: under pytest NNCF stubs its telemetry by itself."""
    environment = {name: value for name, value in os.environ.items() if name != "NNCF_CI"}
    done = subprocess.run(
        [sys.executable, "-c", TELEMETRY], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("levels", [15, 128, 256])
@pytest.mark.parametrize("scale", [0.01, 0.0371, 1e-3])
def test_rounding_is_that_of_torchs_own_kernel(levels: int, scale: float) -> None:
    """To the bit, halves of a step and what lies outside the range among them."""
    low = torch.tensor([-scale * (levels // 3)])
    span = torch.tensor([scale * (levels - 1)])
    x = torch.cat([torch.arange(-2 * levels, 2 * levels) * scale / 2, torch.randn(10_000)])
    step, zero_point = grid(low, span, levels)
    torchs = torch.fake_quantize_per_tensor_affine(x, step, zero_point, 0, levels - 1)
    assert torch.equal(TorchKernels.Quantize_forward(x, low, span, levels), torchs)


def test_ranges_ignore_what_a_maximum_throws_away() -> None:
    split = Node("split", ("x",), ("a", "b"))
    larger = Node("max", ("a", "b"), ("m",))
    mean = Node("global_mean", ("m",), ("y",))
    graph = Graph([split, larger, mean], "x", 1, {"scene": "y"})
    x = torch.tensor([-50.0, 3.0]).reshape(1, 2, 1, 1)  # max(-50, 3)
    ranges = measure_ranges(GraphNetwork(graph), [x])
    assert [{"x", "a", "b", "m"}, {"y"}] == scale_groups(graph)
    assert ranges == [(0.0, 3.0), (0.0, 3.0)]


def test_a_layer_of_dead_units_gets_a_grid_that_kernels_take() -> None:
    """XNNPACK refuses to scale sums by 256 or more."""
    weight, bias = np.full((2, 2, 1, 1), 0.5, np.float32), np.full(2, -1e3, np.float32)
    attributes = {"stride": (1, 1), "padding": (0, 0), "groups": 1, "relu": True}
    dead = Node("conv", ("x",), ("y",), attributes, {"weight": weight, "bias": bias})
    network = GraphNetwork(Graph([dead], "x", 1, {"scene": "y"}))
    (low, high), (least, most) = measure_ranges(network, [torch.randn(4, 2, 1, 5).clamp(-3, 3)])
    assert least == 0  # a relu's grid begins there
    assert (high - low) * (0.5 / 127) / most <= 128.001


def test_dead_channel_keeps_its_bias() -> None:
    weight = np.array([[[[1.0]]], [[[0.0]]]], np.float32)
    bias = np.array([0.5, 0.25], np.float32)
    node = Node("conv", ("x",), ("y",), {}, {"weight": weight, "bias": bias})
    quantise_node(node, np.array([1 / 127, 1e-16], np.float32), Grid(0.1, 0))
    stored = node.tensors["bias"] * (node.tensors["weight_scale"] * np.float64(0.1))
    np.testing.assert_allclose(stored, bias, rtol=2e-3)  # one step of the bias's own scale


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (-1.0, 0), (1.0, 128), (np.nan, 0)])
def test_impossible_grid_is_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(ValueError, match="no int8 grid"):
        Grid(scale, zero_point)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda x: x.fill_(float("nan")), "features hold NaN or Inf"),
        (lambda x: x.index_put_(tuple(torch.tensor([0]) for _ in range(4)), torch.tensor(-np.inf)),
         "features hold NaN or Inf"),
        (lambda x: x.double() * 1e300, "features hold NaN or Inf"),  # in float32
        (lambda x: x.to(torch.int64), "int64, expected normalised features in float32"),
        (lambda x: x[:0], r"shape \[0, 1, "),
    ],
)  # fmt: skip
def test_batches_that_have_no_range_are_named(
    spoil: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    """A NaN is neither smaller nor larger than anything, and would leave a range of zero."""
    case = CASES[0]
    with pytest.raises(ValueError, match=f"batch 2 of 3: {said}"):
        ea.quantize(case.graph(), [case.inputs(2), spoil(case.inputs(2)), case.inputs(2)])


def test_a_network_that_computes_nan_has_no_range() -> None:
    network = GraphNetwork(CASES[0].graph()).eval()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="the network computes NaN or Inf"):
        measure_ranges(network, [CASES[0].inputs(2)])


def test_other_floating_point_numbers_are_taken() -> None:
    case = CASES[0]
    x = case.inputs(2)
    graphs = [ea.freeze(ea.quantize(case.graph(), [b])) for b in (x, x.double(), x.numpy())]
    assert graphs[0].grids == graphs[1].grids == graphs[2].grids
