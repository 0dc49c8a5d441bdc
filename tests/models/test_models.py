from collections.abc import Callable
from math import prod

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edge_asc.models import MODELS, build
from edge_asc.models.attention import ATTENTIONS, CBAM, SqueezeExcitation
from edge_asc.models.blocks import Block, Style
from edge_asc.models.compact import CompactAMFM, salient
from edge_asc.models.units import ConvUnit
from networks import ANY_LENGTH, CASES, Case


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_every_model_is_tried() -> None:
    """What begins with an int8 file has no float files: tests/graph/test_pretrained.py tries it."""
    assert {case.name for case in CASES} | {"pretrained"} == set(MODELS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_logits_and_gradients(case: Case) -> None:
    network = build(case.name, case.options, n_scenes=10, n_abstract=case.n_abstract).train()
    for module in network.modules():
        if isinstance(module, CBAM | SqueezeExcitation):
            nn.init.ones_(module.squeeze.bias)  # none of its one or two units starts behind relu
    outputs = network(case.inputs())
    assert [o.shape for o in outputs] == [(3, 10)] + [(3, 3)] * bool(case.n_abstract)
    sum(o.square().sum() for o in outputs).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("case", [c for c in CASES if c.name in ANY_LENGTH], ids=str)
def test_any_length(case: Case) -> None:
    network = case.network()
    for n_frames in (case.n_frames, 17, 100):
        assert network(case.inputs(2, n_frames))[0].shape == (2, 10)


BRANCH, HIDDEN = 11_605, 230_600  # facts of the paper's public code: a branch's two parts


def test_full_network_has_the_papers_parameters() -> None:
    network = build("full", {}, n_scenes=10, n_abstract=3)
    assert count(network.trunk) == 138_469
    for branch, out in ((network.scene, 1_010), (network.abstract, 303)):
        parts = (branch.block, branch.norm, branch.head.hidden, branch.head.out)
        block, norm, hidden, head = map(count, parts)
        assert (block + norm, hidden, head) == (BRANCH, HIDDEN, out)
    assert count(network) == 624_192


def shapes_in(network: nn.Module, layers: dict[str, nn.Module]) -> dict[str, tuple[int, ...]]:
    """Shape behind each layer, for one clip of the paper's size."""
    shapes = {}
    for name, layer in layers.items():
        layer.register_forward_hook(
            lambda *args, name=name: shapes.update({name: tuple(args[2].shape[1:])})
        )
    network.eval()(torch.zeros(1, 1, 256, 251))
    return shapes


PAPERS_STAGES = (
    (32, 252, 263), (32, 126, 132),  # stem, pool
    (48, 126, 132), (48, 63, 66), (48, 63, 66),  # block, pool, norm
    (64, 63, 66), (64, 32, 33),
    (32, 32, 33), (32, 32, 33), (32, 16, 17),  # block, norm, pool
)  # fmt: skip
PAPERS_BRANCH = {"block": (16, 16, 17), "norm": (16, 16, 17), "pool": (16, 8, 9),
                 "head.dropout": (1152,), "head.hidden": (100,)}  # fmt: skip


def test_full_network_has_the_papers_shapes() -> None:
    network = build("full", {}, n_scenes=10, n_abstract=3)
    assert network.trunk[0].filter.kernel_size == (7, 3)
    assert network.trunk[0].filter.padding == (1, 7)
    trunk = {str(i): stage for i, stage in enumerate(network.trunk)}
    branches = {
        f"{task}.{part}": network.get_submodule(f"{task}.{part}")
        for task in ("scene", "abstract")
        for part in (*PAPERS_BRANCH, "head.out")
    }
    shapes = shapes_in(network, trunk | branches)
    assert tuple(shapes[name] for name in trunk) == PAPERS_STAGES
    for task, classes in (("scene", 10), ("abstract", 3)):
        found = {part: shapes[f"{task}.{part}"] for part in PAPERS_BRANCH}
        assert found == PAPERS_BRANCH
        assert shapes[f"{task}.head.out"] == (classes,)


def test_full_network_has_the_papers_operations() -> None:
    """888 million products of weights for one 5 s crop, as measured of the public code."""
    network = build("full", {}, n_scenes=10, n_abstract=3)
    layers = {k: m for k, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    shapes = shapes_in(network, layers)
    products = sum(m.weight.numel() * prod(shapes[k][1:]) for k, m in layers.items())
    assert round(products / 1e6) == 888


# What the paper prints, and what its words lead to (see the networks' docstrings).
PAPERS_SIZES = [
    ("full", 3, "0.6M", 624_192),
    ("single", 0, "1.5M", 1_532_079),
    ("conventional", 3, "1.5M", 1_532_322),
    ("sequential", 3, "0.7M", 697_585),
]


@pytest.mark.parametrize(("name", "n_abstract", "printed", "exactly"), PAPERS_SIZES)
def test_networks_have_the_papers_sizes(
    name: str, n_abstract: int, printed: str, exactly: int
) -> None:
    parameters = count(build(name, {}, n_scenes=10, n_abstract=n_abstract))
    assert (f"{parameters / 1e6:.1f}M", parameters) == (printed, exactly)


def test_pre_training_is_the_single_task_network_with_other_labels() -> None:
    first, then = build("single", {}, n_scenes=3), build("single", {}, n_scenes=10)
    assert f"{count(first) / 1e6:.1f}M" == "1.5M"
    changed = {k for k, v in first.state_dict().items() if v.shape != then.state_dict()[k].shape}
    assert changed == {"scene.weight", "scene.bias"}


# Table 1: half the filters without a max feature map; attention adds the same to each.
TRUNKS = {"mfm": 1_530_698, "relu": 765_978, "leaky-relu": 765_978}
ATTENTION = {"none": 0, "cbam": 1_381, "se": 1_081, "eca": 9}


@pytest.mark.parametrize("unit", TRUNKS)
@pytest.mark.parametrize("attention", ATTENTION)
def test_trunks_of_table_1_have_their_sizes(unit: str, attention: str) -> None:
    options = {"unit": unit, "attention": attention, "combine": "replace"}
    assert count(build("single", options, n_scenes=10)) == TRUNKS[unit] + ATTENTION[attention]


def test_baseline_has_its_authors_parameters() -> None:
    assert count(build("dcase2024-baseline", {}, n_scenes=10)) == 61_148


def test_max_feature_map_is_the_larger_half() -> None:
    layer, x = ConvUnit(3, 5, 3, padding=1), torch.randn(2, 3, 8, 9)
    both = layer.filter(x)
    torch.testing.assert_close(layer(x), torch.maximum(both[:, :5], both[:, 5:]))


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_only_shrinks(name: str) -> None:
    x = torch.randn(2, 16, 8, 9)
    attended = ATTENTIONS[name](16, 4).eval()(x)
    assert attended.shape == x.shape
    assert (attended.abs() <= x.abs()).all() and (attended * x >= 0).all()
    assert not torch.equal(attended, x)


@pytest.mark.parametrize("unit", ["mfm", "leaky-relu"])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_block_combines_as_its_style_says(unit: str, attention: str) -> None:
    x = torch.randn(2, 16, 8, 9)
    for combine in ("max", "replace"):
        block = Block(16, 16, Style(unit, attention, combine)).eval()
        b = block.conv(block.norm(block.pointwise(x)))
        attended = block.attention(b)
        expected = torch.maximum(b, attended) if combine == "max" else attended
        torch.testing.assert_close(block(x), expected)
    plain = Block(16, 16, Style(unit, "none")).eval()
    torch.testing.assert_close(plain(x), plain.conv(plain.norm(plain.pointwise(x))))


@pytest.mark.parametrize(
    ("unit", "function"), [("relu", F.relu), ("leaky-relu", lambda x: F.leaky_relu(x, 3 / 256))]
)
def test_other_units_are_torchs_activations(
    unit: str, function: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    layer, x = ConvUnit(3, 5, 3, padding=1, norm=True, unit=unit), torch.randn(2, 3, 8, 9)
    torch.testing.assert_close(layer(x), function(layer.norm(layer.filter(x))))


@pytest.mark.parametrize(("channels", "width"), [(4, 1), (8, 3), (48, 3), (64, 3), (128, 5)])
def test_eca_is_one_convolution_over_channels(channels: int, width: int) -> None:
    """Widths of the ECA paper's equation 12; the module against torch's own Conv1d."""
    attention, x = ATTENTIONS["eca"](channels, 16), torch.randn(2, channels, 5, 6)
    assert count(attention) == width
    weight = attention.excite.weight[:, :, 0]
    gate = F.conv1d(x.mean((2, 3))[:, None], weight, padding=width // 2).sigmoid()
    torch.testing.assert_close(attention(x), x * gate[:, 0, :, None, None])


def test_channel_gate_is_the_sum_of_both_poolings() -> None:
    """The one pass over (average, maximum) equals the paper's two passes through the MLP."""
    cbam, x = CBAM(32), torch.randn(2, 32, 8, 9)

    def mlp(pooled: torch.Tensor) -> torch.Tensor:
        return cbam.excite(cbam.squeeze(pooled).relu())

    expected = mlp(x.mean((2, 3), keepdim=True)) + mlp(x.amax((2, 3), keepdim=True))
    torch.testing.assert_close(cbam.channel_gate(x), expected.sigmoid())


@pytest.mark.parametrize(
    ("unpooled", "shape"), [(1, (10, 5, 7)), (2, (10, 10, 13)), (3, (10, 20, 26))]
)
def test_unpooled_blocks_see_the_map_before_them(unpooled: int, shape: tuple[int, ...]) -> None:
    channels = (8, 8, 12, 10)  # of the stem, which strides by two, and of three blocks
    network = CompactAMFM(10, channels=channels, reduction=4, unpooled=unpooled).eval()
    assert network.trunk(torch.zeros(1, 1, 40, 51)).shape[1:] == shape


@pytest.mark.parametrize(
    ("name", "options", "n_abstract", "message"),
    [
        ("vgg", {}, 0, "model 'vgg' is not one of compact"),
        ("compact", {"width": 3}, 0, "model compact: .*width"),
        ("dcase2024-baseline", {}, 3, "no abstract head"),
        ("single", {}, 3, "no abstract head"),
        ("conventional", {}, 0, "conventional needs abstract classes"),
        ("sequential", {}, 0, "sequential needs abstract classes"),
        ("full", {"width": 3}, 3, "model full: .*width"),
        ("compact", {"unit": "gelu"}, 0, "unit 'gelu' is not one of mfm, relu, leaky-relu"),
        ("full", {"attention": "sa"}, 3, "attention 'sa' is not one of none, cbam, se, eca"),
        ("single", {"combine": "sum"}, 0, "combine 'sum' is not one of max, replace"),
        ("compact", {"unpooled": 6}, 0, "unpooled must be 1 to 5, the number of blocks: 6"),
        ("compact", {"unit": "relu"}, 0, "'relu' with combine 'max' never keeps an attended"),
    ],
)
def test_wrong_model_is_said(name: str, options: dict, n_abstract: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, options, 10, n_abstract)


@pytest.mark.parametrize("value", ["no", "true", 1, None])
def test_branches_are_true_or_false(value: object) -> None:
    with pytest.raises(ValueError, match="expected true or false"):
        build("compact", {"branches": value}, 10, 0)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 8, 21])
def test_salient_pooling_is_the_largest_mean_of_three_frames(n_frames: int) -> None:
    x = torch.randn(2, 5, 4, n_frames)
    windows = [x[..., max(0, i - 1) : i + 2].mean((2, 3)) for i in range(n_frames)]
    assert torch.allclose(salient(x)[..., 0, 0], torch.stack(windows).amax(0), atol=1e-6)


def test_salient_pooling_hears_a_short_sound() -> None:
    """A second of five counts for all of it, where the mean has a fifth."""
    x = torch.zeros(1, 1, 4, 15)
    x[..., 6:9] = 1
    assert salient(x).item() == pytest.approx(1) and x.mean().item() == pytest.approx(0.2)
