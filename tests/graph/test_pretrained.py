"""A network that begins with a model file computes what the file does, and learns from there."""

import numpy as np
import pytest
import torch

from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.graph import Grid
from edge_asc.graph.network import GraphNetwork, as_float, fake_quantise
from edge_asc.graph.pretrained import Pretrained
from edge_asc.graph.trace import trace
from edge_asc.graph.trunk import read_trunk
from edge_asc.models import build
from edge_asc.quantize import qat
from edge_asc.teaching.encoder import OWN, find_encoder

N_MELS, N_FRAMES = 64, 101
STEP = 1 / 128  # of an embedding
# The kernel's roundings of a step differ now and then, one layer after the other (export.parity);
# an embedding of length 1 shows one step of it.
MOST_STEPS = 1.01
SAME = 1e-5  # float32 sums in another order
# Of logits: sums in another order may round a few of an embedding's numbers to the next step, each
# of which the first weights, at most 1 / sqrt(D), and the factor sqrt(D) turn into a step at most.
FEW_STEPS = 4 * STEP


def network(n_abstract: int = 0) -> Pretrained:
    made = build("pretrained", {"base": "encoder"}, n_scenes=3, n_abstract=n_abstract)
    assert isinstance(made, Pretrained)
    return made.eval()


def features(n: int = 4) -> torch.Tensor:
    """As normalised features lie: some far outside of what int8 holds."""
    return 2 * torch.randn(n, 1, N_MELS, N_FRAMES)


@torch.no_grad()
def test_its_embedding_is_the_files_own() -> None:
    encoder, ours = find_encoder(), network()
    x = features()
    theirs = np.stack([encoder(clip) for clip in x[:, 0].numpy()])
    (found,) = ours.encoder(x)
    assert np.abs(found.numpy() - theirs).max() / STEP <= MOST_STEPS
    # It is the roundings that make it so: the same weights without them compute something else.
    ours.encoder.graph.known_grids = {}
    (free,) = ours.encoder(x)
    assert np.abs(free.numpy() - theirs).max() / STEP > 5 * MOST_STEPS


@torch.no_grad()
@pytest.mark.parametrize("n_abstract", [0, 2])
def test_its_graph_computes_the_same(n_abstract: int) -> None:
    ours, x = network(n_abstract), features()
    graph = trace(ours, N_MELS)
    assert list(graph.outputs) == ["scene", "abstract"][: 1 + bool(n_abstract)]
    for a, b in zip(GraphNetwork(graph)(x), ours(x), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=FEW_STEPS)
    with pytest.raises(ValueError, match="takes 64 mels, not 40"):
        trace(ours, 40)


def test_the_first_logits_are_of_the_size_of_any_other_networks() -> None:
    """Embeddings have length 1: without the factor they would be 14 times as small."""
    with torch.no_grad():
        (logits,) = network()(features(16))
    assert 0.1 < float(logits.std()) < 3


def test_held_it_stands_still_and_let_go_every_parameter_learns() -> None:
    ours, x = network().train(), features(8)
    ours.hold(True)
    ours(x)[0].square().sum().backward()
    assert all(p.grad is None for p in ours.encoder.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in ours.scene.parameters())
    ours.hold(False)
    ours(x)[0].square().sum().backward()
    for name, p in ours.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_quantised_before_any_training_its_trunk_is_the_file() -> None:
    trunk = read_trunk(OWN).graph
    quantised = qat.prepare(GraphNetwork(trace(network(), N_MELS)).eval(), [features()])
    frozen = qat.freeze(quantised)
    for name, grid in trunk.grids.items():
        assert frozen.grids[name].scale == pytest.approx(grid.scale, rel=SAME), name
        assert frozen.grids[name].zero_point == grid.zero_point, name
    for ours, theirs in zip(frozen.nodes, trunk.nodes, strict=False):
        if "weight" in theirs.tensors:  # NNCF takes scales of its own: a step apart
            scale = theirs.tensors["weight_scale"].max()
            a, b = (as_weights(node) for node in (ours, theirs))
            assert np.abs(a - b).max() <= scale


def as_weights(node) -> np.ndarray:
    scale = node.tensors["weight_scale"]
    return node.tensors["weight"] * scale.reshape(-1, *[1] * (node.tensors["weight"].ndim - 1))


@torch.no_grad()
def test_without_unit_length_the_direction_is_the_same_and_the_operation_gone() -> None:
    """Each number of an embedding is half a step away at most; dividing halves no error."""
    free = build("pretrained", {"base": "encoder", "unit_length": False}, n_scenes=3).eval()
    assert isinstance(free, Pretrained) and free.factor == 1
    x = features()
    (long,), (unit,) = free.encoder(x), network().encoder(x)
    lengths = long.norm(dim=1, keepdim=True)
    assert float((lengths - 1).abs().min()) > 1
    torch.testing.assert_close(long / lengths, unit, rtol=0, atol=STEP / 2 + SAME)
    graph = trace(free, N_MELS)
    assert "l2_normalise" not in {node.op for node in graph.nodes}
    frozen = qat.freeze(qat.prepare(GraphNetwork(graph).eval(), [x]))
    assert frozen.grids.keys() == {
        value for node in frozen.nodes for value in (*node.inputs, *node.outputs)
    }


@pytest.mark.parametrize("write", [to_tflite, to_onnx])
def test_no_float_file_is_written_that_lacks_the_roundings(write) -> None:
    with pytest.raises(ValueError, match="has int8 files alone"):
        write(trace(network(), N_MELS), N_FRAMES)


def test_a_float_graph_of_a_quantised_one_has_its_numbers() -> None:
    trunk = read_trunk(OWN).graph
    graph = as_float(trunk)
    assert not graph.is_quantised and graph.known_grids == trunk.grids
    x = features()
    with torch.no_grad():
        assert torch.equal(GraphNetwork(graph)(x)[0], GraphNetwork(trunk)(x)[0])


@pytest.mark.parametrize("grid", [Grid(0.03, -53), Grid(1 / 128, 0), Grid(0.25, -128)])
def test_rounding_is_torchs_own_and_so_are_its_gradients(grid: Grid) -> None:
    halves = torch.arange(-400, 400) * grid.scale / 2
    x = torch.cat([halves, 40 * torch.randn(10_000)])
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torchs = torch.fake_quantize_per_tensor_affine
    rounded = fake_quantise(ours, grid), torchs(theirs, grid.scale, grid.zero_point, -128, 127)
    assert torch.equal(*rounded)
    gradient = torch.randn_like(x)
    pairs = zip(rounded, (ours, theirs), strict=True)
    of_ours, of_theirs = (torch.autograd.grad(y, of, gradient)[0] for y, of in pairs)
    assert torch.equal(of_ours, of_theirs)
    assert torch.equal(fake_quantise(x, grid), rounded[0].detach())
