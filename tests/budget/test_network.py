"""Counts of torch networks: published figures, a second counter, functional operations."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edge_asc.budget import biodcase2026
from edge_asc.budget.network.reader import inventory_of_torch
from edge_asc.budget.rules import RULES, nessi_macs, report
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.trace import trace
from edge_asc.models import build
from networks import CASES, Case

# The layers of the DCASE 2024 baseline as its authors publish them: parameters and MACs of each
# convolution together with its batch norm.
BASELINE = [
    (88, 304_144), (2_368, 2_506_816),
    (2_176, 2_228_352), (704, 626_816), (2_112, 2_228_288),
    (2_176, 2_228_352), (704, 626_816), (2_112, 2_228_288),
    (2_176, 2_228_352), (704, 331_904), (2_112, 1_179_712),
    (2_176, 1_179_776), (704, 166_016), (3_696, 1_032_304),
    (6_960, 1_935_600), (1_320, 311_280), (6_832, 1_935_472),
    (6_960, 1_935_600), (1_320, 311_280), (12_688, 3_594_448),
    (1_060, 299_540),
]  # fmt: skip


def baseline() -> nn.Module:
    return build("dcase2024-baseline", {}, n_scenes=10, n_abstract=0)


def test_dcase2024_baseline_layer_by_layer() -> None:
    inventory = inventory_of_torch(baseline(), (1, 1, 256, 65), 1.0, precision="float16")
    layers = [layer for layer in inventory.layers if layer.kind in ("Conv2d", "BatchNorm2d")]
    pairs = zip(layers[::2], layers[1::2], strict=True)
    assert [(a.parameters + b.parameters, a.macs + b.macs) for a, b in pairs] == BASELINE
    assert (inventory.parameters, inventory.macs) == (61_148, 29_419_156)
    widths = [c.wide_bytes for c in inventory.constants if c.role != "statistics"]
    assert sum(widths) == 122_296


def test_full_network_has_the_published_size() -> None:
    network = build("full", {}, n_scenes=10, n_abstract=3)
    inventory = inventory_of_torch(network, (1, 1, 256, 251), 5.0)
    assert inventory.parameters == 624_192
    assert inventory.peak_activation_bytes < 32e6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights_work_as_torch_counts_it(case: Case) -> None:
    """Second counter: torch's own FLOPs, which leave out biases and batch norm."""
    network, shape = case.network(), (1, 1, case.n_mels, case.n_frames)
    inventory = inventory_of_torch(network, shape, 1.0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(shape))
    extra = 0
    for layer in inventory.layers:
        biases = sum(c.count for c in layer.own if c.role == "bias")
        norms = sum(c.count for c in layer.own if c.role == "norm")
        positions = layer.output_shape[2:] if "Conv" in layer.kind else ()
        extra += biases * int(torch.Size(positions).numel()) + norms
    assert inventory.macs - extra == counter.get_total_flops() // 2
    assert inventory.parameters == sum(p.numel() for p in network.parameters())
    assert inventory.nonzero == sum(int(p.count_nonzero()) for p in network.parameters())
    assert not inventory.notes


class AtEachFrame(nn.Module):
    """Linear layers on every frame, on every patch, and on what is left of a clip."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = nn.Linear(40, 16), nn.Linear(16, 16, bias=False)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, 1, 40, F]
        x = self.mix(torch.relu(self.embed(x.squeeze(1).transpose(1, 2))))
        return self.head(x.mean(1))


def test_a_linear_layer_works_at_each_place_and_torchinfo_counts_it_once() -> None:
    shape = (1, 1, 40, 50)
    network = AtEachFrame().eval()
    found = inventory_of_torch(network, shape, 1.0)
    of = {layer.name: (layer.macs, layer.torchinfo_macs) for layer in found.layers if layer.macs}
    assert of == {"embed": (50 * 656, 656), "mix": (50 * 256, 256), "head": (170, None)}
    assert (found.macs, found.torchinfo_macs) == (50 * (656 + 256) + 170, 656 + 256 + 170)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(shape))
    assert found.macs - 50 * 16 - 10 == counter.get_total_flops() // 2  # which has no biases
    # A file of it counts the same work, but for the biases; its linear layers are convolutions.
    file = read_tflite(to_tflite(fold(trace(network, 40, 50)), 50), frames=50, audio_s=1.0)
    assert file.macs == counter.get_total_flops() // 2
    assert file.torchinfo_macs == file.macs
    assert [verdict.value for verdict in RULES["dcase2024"].measure(found)][1] == 1082
    assert nessi_macs(found) == biodcase2026.macs(found) == 1082  # as the tools of the tasks
    assert report(found, [])["torchinfo_macs"] == 1082


class Functional(nn.Module):
    """Weights used by functions, a layer called twice, one never called, attention by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(4, 2, 3, 3))
        self.twice = nn.Conv2d(4, 4, 1)
        self.idle = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.kernel, padding=1)  # 4 x 6 x 7 outputs of 2 x 9 products
        x = self.twice(self.twice(x))
        u, v = x.chunk(2, 1)
        x = torch.max(u, v)  # 2 x 6 x 7
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))  # in 84, out 2, out 84
        x = F.max_pool2d(x, (2, 3))  # 2 x 3 x 2 windows of 6
        return F.softmax(x.flatten(1) @ torch.ones(12, 3), dim=1)  # 12 x 3 products, 3 out


def test_functions_count_like_modules() -> None:
    inventory = inventory_of_torch(Functional(), (1, 2, 6, 7), 1.0)
    assert inventory.macs == 4 * 42 * 18 + 2 * (16 + 4) * 42 + 36
    assert inventory.elementwise == 84 + 84 + 2 + 84 + 12 * 6 + 3
    assert inventory.parameters == 72 + 20 + 30
    rows = [(layer.name, layer.parameters) for layer in inventory.layers if layer.parameters]
    assert rows == [("twice", 20), ("", 72), ("idle", 30)]
    assert not inventory.notes


def test_unknown_operations_are_named() -> None:
    class Spectral(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cumsum(x, -1)

    assert inventory_of_torch(Spectral(), (1, 8), 1.0).notes == ("work of cumsum is not counted",)


def test_peak_by_hand() -> None:
    """The skip connection is alive while the branch is computed: 3 + 3 + 3 planes of 10 x 10."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
            self.norm = nn.BatchNorm2d(3)  # folds: no tensor of its own

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            return torch.max(x, F.relu(self.norm(self.b(x))))

    for precision, width in (("float32", 4), ("float16", 2), ("int8", 1)):
        counted = inventory_of_torch(Residual(), (1, 3, 10, 10), 1.0, precision=precision)
        assert counted.peak_activation_bytes == 900 * width


def test_widths() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    nn.init.zeros_(network[0].weight)
    nn.init.ones_(network[0].bias)
    counts = {}
    for precision in ("float32", "float16", "int8"):
        inventory = inventory_of_torch(network, (1, 2, 5, 5), 1.0, precision=precision)
        counts[precision] = inventory.bytes_by_dtype
    assert counts == {
        "float32": {"float32": 4 * (54 + 3 + 6 + 6)},
        "float16": {"float16": 2 * (54 + 3 + 6 + 6)},
        "int8": {"int32": 4 * (3 + 6 + 6), "int8": 54},
    }
    assert inventory.nonzero == 3 + 3  # bias and scale; the fresh shift is zero
    untrained = inventory_of_torch(network, (1, 2, 5, 5), 1.0, trained=False)
    assert untrained.nonzero == untrained.parameters == 63


def test_network_is_left_as_it_is() -> None:
    network = baseline().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inventory_of_torch(network, (1, 1, 64, 33), 1.0)
    assert network.training and not any(m._forward_hooks for m in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_wrong_use_is_one_line() -> None:
    network = nn.Conv2d(1, 4, 5)
    with pytest.raises(ValueError, match="precision must be one of float32, float16, int8"):
        inventory_of_torch(network, (1, 1, 9, 9), 1.0, precision="int4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seconds of audio must be above 0, not 0"):
        inventory_of_torch(network, (1, 1, 9, 9), 0)
    with pytest.raises(ValueError, match=r"Conv2d on input \[1, 1, 2, 9\]: ") as caught:
        inventory_of_torch(network, (1, 1, 2, 9), 1.0)
    assert "\n" not in str(caught.value)
