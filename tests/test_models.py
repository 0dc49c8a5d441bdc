import pytest
import torch
from torch import nn

from edge_asc.models import MODELS, build
from edge_asc.models.amfm import CBAM, AMFMBlock, ConvMFM
from networks import CASES, Case


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_every_model_is_tried() -> None:
    assert {case.name for case in CASES} == set(MODELS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_logits_and_gradients(case: Case) -> None:
    torch.manual_seed(1)  # with others the only hidden unit of a small CBAM may start dead
    torch.manual_seed(0)
    network = build(case.name, case.options, n_scenes=10, n_abstract=case.n_abstract).train()
    for module in network.modules():
        if isinstance(
            module, CBAM
        ):  # alive: of its one or two units none may start behind the relu
            nn.init.ones_(module.squeeze.bias)
    outputs = network(case.inputs())
    assert [o.shape for o in outputs] == [(3, 10)] + [(3, 3)] * bool(case.n_abstract)
    sum(o.square().sum() for o in outputs).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("case", [c for c in CASES if c.name != "full"], ids=str)
def test_any_length(case: Case) -> None:
    network = case.network()
    for n_frames in (case.n_frames, 17, 100):
        assert network(case.inputs(2, n_frames))[0].shape == (2, 10)


def test_full_network_has_the_papers_parameters() -> None:
    network = build("full", {}, n_scenes=10, n_abstract=3)
    trunk, scene, abstract = (count(m) for m in network.children())
    branch, hidden = 11_605, 230_600  # facts of the paper's public code
    assert trunk == 138_469
    assert (scene, abstract) == (branch + hidden + 1_010, branch + hidden + 303)
    assert count(network) == 624_192


def test_full_network_has_the_papers_shapes() -> None:
    shapes = []
    network = build("full", {}, n_scenes=10, n_abstract=3).eval()
    for stage in network.trunk:
        stage.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    network(torch.zeros(1, 1, 256, 251))
    assert shapes == [
        (32, 252, 263), (32, 126, 132),
        (48, 126, 132), (48, 63, 66), (48, 63, 66),
        (64, 63, 66), (64, 32, 33),
        (32, 32, 33), (32, 32, 33), (32, 16, 17),
    ]  # fmt: skip


def test_baseline_has_its_authors_parameters() -> None:
    assert count(build("dcase2024-baseline", {}, n_scenes=10)) == 61_148


def test_max_feature_map_is_the_larger_half() -> None:
    layer, x = ConvMFM(3, 5, 3, padding=1), torch.randn(2, 3, 8, 9)
    both = layer.filter(x)
    torch.testing.assert_close(layer(x), torch.maximum(both[:, :5], both[:, 5:]))


def test_attention_only_shrinks_and_block_keeps_the_larger() -> None:
    cbam, x = CBAM(16).eval(), torch.randn(2, 16, 8, 9)
    assert (cbam(x).abs() <= x.abs()).all()
    block = AMFMBlock(16, 16).eval()
    b = block.conv(block.norm(block.pointwise(x)))
    torch.testing.assert_close(block(x), torch.maximum(b, block.cbam(b)))


def test_channel_gate_is_the_sum_of_both_poolings() -> None:
    """The one pass over (average, maximum) equals the paper's two passes through the MLP."""
    cbam, x = CBAM(32), torch.randn(2, 32, 8, 9)

    def mlp(pooled: torch.Tensor) -> torch.Tensor:
        return cbam.excite(cbam.squeeze(pooled).relu())

    expected = mlp(x.mean((2, 3), keepdim=True)) + mlp(x.amax((2, 3), keepdim=True))
    torch.testing.assert_close(cbam.channel_gate(x), expected.sigmoid())


@pytest.mark.parametrize(
    ("name", "options", "n_abstract", "message"),
    [
        ("vgg", {}, 0, "model 'vgg' is not one of compact"),
        ("compact", {"width": 3}, 0, "model compact: .*width"),
        ("dcase2024-baseline", {}, 3, "no abstract head"),
    ],
)
def test_wrong_model_is_said(name: str, options: dict, n_abstract: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, options, 10, n_abstract)
