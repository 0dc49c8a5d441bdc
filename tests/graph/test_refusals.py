"""What cannot be exported is one line: the layer, its place in the source, what would do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.graph.trace import trace
from layers import Call

N_MELS = 12


class Network(nn.Module):
    """Stem, the layer, mean, head."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.stem, self.layer, self.head = nn.Conv2d(1, 8, 1), layer, nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.stem(x))
        return self.head(x.mean((2, 3)) if x.ndim == 4 else x)


class Recurrent(nn.Module):
    """The last state of what runs over frames."""

    def __init__(self, kind: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.rnn = kind(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x.mean(2).transpose(1, 2))
        return states[:, -1]


class Attending(nn.Module):
    """Every frame looks at every other."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.mean(2).transpose(1, 2)
        return self.heads(frames, frames, frames)[0].mean(1)


def zeroed(x: Tensor) -> Tensor:
    x[:, 0] = 0
    return x


def changed_beside(x: Tensor) -> Tensor:
    x = F.relu(x)
    piece = x[:, :4]
    x.clamp_(max=1e6)  # which changes none of the numbers that are traced
    return torch.cat([piece, x], 1)[:, :8]


def filled(name: str, number: float) -> nn.Module:
    """A norm of which one tensor holds one number."""
    norm = nn.BatchNorm2d(8)
    getattr(norm, name).data.fill_(number)
    return norm


CALLS = r"layer layer \(Call\), test_refusals.py:\d+"

REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "LSTM": (lambda: Recurrent(nn.LSTM), r"layer layer\.rnn \(LSTM\).*recurrent.*convolutions"),
    "GRU": (lambda: Recurrent(nn.GRU), r"layer layer\.rnn \(GRU\).*recurrent"),
    "attention": (Attending, r"layer layer\.heads \(MultiheadAttention\).*gates"),
    "products": (
        lambda: Call(lambda x: torch.einsum("bcmf,bdmf->bcd", x, x).mean(2)),
        CALLS + ".*both factors are computed",
    ),
    "if": (lambda: Call(lambda x: x if x.mean((1, 2, 3))[0] > 0 else -x), CALLS),
    "where": (
        lambda: Call(lambda x: torch.where(x > 0, x, 0 * x)),
        CALLS + ".*not on the numbers of the input",
    ),
    "LayerNorm": (
        lambda: nn.LayerNorm([N_MELS, 131]), r"\(LayerNorm\).*channels and mels.*BatchNorm2d"
    ),
    "norm of batches": (
        lambda: nn.BatchNorm2d(8, track_running_stats=False), "track_running_stats=True"
    ),
    "Mish": (nn.Mish, r"layer layer \(Mish\), test_refusals.py:\d+: mish .*use ReLU"),
    "SELU": (nn.SELU, r"layer layer \(SELU\), .*elu with factors .*use ReLU"),
    "softmax": (lambda: nn.Softmax(1), "returns logits"),
    "dropout that is on": (lambda: Call(lambda x: F.dropout(x, 0.5)), "training=self.training"),
    "complex": (lambda: Call(lambda x: torch.fft.rfft(x).abs()), CALLS + ".*numbers are real"),
    "transposed": (lambda: nn.ConvTranspose2d(8, 8, 2), r"\(ConvTranspose2d\).*larger"),
    "larger": (lambda: nn.Upsample(scale_factor=2), r"\(Upsample\).*larger"),
    "mirrored": (lambda: nn.Conv2d(8, 8, 3, 1, 1, padding_mode="reflect"), "padding_mode='zeros'"),
    "written to": (lambda: Call(zeroed), r"test_refusals.py:\d+.*torch.cat"),
    "changed beside": (
        lambda: Call(changed_beside), CALLS + r": reads .* changed in place by .*:\d+"
    ),
    "into another": (
        lambda: Call(lambda x: torch.clamp(x, max=6.0, out=x)), CALLS + ": clamp .* be followed"
    ),
    "frames repeated": (
        lambda: Call(lambda x: F.conv2d(x[..., :1].expand_as(x), torch.ones(8, 8, 1, 1))), CALLS
    ),
    "means repeated": (
        lambda: Call(
            lambda x: F.conv2d(x.mean((2, 3), True).expand_as(x), torch.ones(8, 8, 1, 1))
        ),
        CALLS + ": repeating along the frames",
    ),
    "stacked": (lambda: Call(lambda x: torch.stack([x, x]).flatten(0, 1)[:2]), CALLS),
    "clips joined": (lambda: Call(lambda x: torch.cat([x, x])[:2]), CALLS),
    "around": (
        lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"), "padding_mode='circular'"
    ),
    "half of the frames": (
        lambda: Call(lambda x: x[..., : x.shape[3] // 2]), r"at \d+ frames than at 131.*n_frames"
    ),
    "every second frame": (
        lambda: Call(lambda x: x[..., ::2]), CALLS + ": a piece of the frames.*n_frames alone"
    ),
    "for each frame": (
        lambda: Call(lambda x: x + torch.arange(x.shape[3])), CALLS + ".*along mels.*n_frames"
    ),
    "mels and frames joined": (
        lambda: Call(lambda x, c: c(x.flatten(2)), nn.Conv1d(8, 8, 3)), CALLS + ": reshaping"
    ),
    "deviation": (lambda: Call(lambda x: x.std(3, keepdim=True)), CALLS + ": a deviation.*=0"),
    "uncounted padding": (
        lambda: nn.AvgPool2d(4, 2, 1, count_include_pad=False), "count_include_pad=True"
    ),
    "rounded up": (lambda: nn.MaxPool2d(2, 3, ceil_mode=True), "ceil_mode=False"),
    "mean rounded up": (lambda: nn.AvgPool2d(3, 2, ceil_mode=True), "ceil_mode=False"),
    "uneven parts": (lambda: nn.AdaptiveAvgPool2d((5, 4)), "divisor"),
    "resized": (
        lambda: Call(lambda x: F.interpolate(x, scale_factor=2)), CALLS + ": resizing.*larger"
    ),
    "length along mels": (lambda: Call(lambda x: F.normalize(x, dim=2)), CALLS + ".*dim=1"),
    "sum along channels": (lambda: Call(lambda x: F.normalize(x, p=1)), CALLS + ".*p=2"),
    "branch on a mean": (
        lambda: Call(lambda x: x if x.mean() > 0 else -x), CALLS + ".*branch.*numbers of the input"
    ),
    "not finite": (lambda: filled("weight", torch.nan), r"layer layer \(BatchNorm2d\): its weight"
                   " is not finite"),
    "no variance": (lambda: filled("running_var", -1.0), "running_var is 0 or less"),
    "statistics not finite": (lambda: filled("running_mean", torch.inf), "running_mean is not fin"),
    "not yet run": (lambda: nn.LazyConv2d(8, 1), r"\(LazyConv2d\): has no weight yet: run"),
    "short numbers": (lambda: nn.Conv2d(8, 8, 1).bfloat16(), "weight is bfloat16: trace it as flo"),
    "numpy": (lambda: Call(lambda x: torch.from_numpy(x.numpy() * 2)), "torch's operations"),
    "scripted": (lambda: torch.jit.script(nn.ReLU()), "Python module"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_one_line_names_layer_place_and_remedy(name: str) -> None:
    make, line = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        trace(Network(make()), N_MELS)
    assert re.search(line, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_lines_are_those_of_the_source() -> None:
    with pytest.raises(ValueError) as caught:
        trace(Network(Call(zeroed)), N_MELS)
    found = re.search(r"test_refusals\.py:(\d+)", str(caught.value))
    assert found, caught.value
    source = Path(__file__).read_text("utf-8").splitlines()
    assert source[int(found[1]) - 1].strip() == "x[:, 0] = 0"


@pytest.mark.parametrize(
    ("network", "line"),
    [
        (nn.Sequential(nn.Conv2d(1, 4, 3)), r"logits \[2, 4, 10, 129\]"),
        (nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), r"no input \[B, 1, 12, frames\]"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), r"no input \[B, 1, 12, frames\].*channels"),
        (Call(lambda x: {"scene": x.mean((2, 3))}), "returns a dict"),
        (Call(lambda x: (x.mean((2, 3)),) * 3), "3 tensors"),
    ],
)
def test_what_is_no_classifier_is_said(network: nn.Module, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        trace(network, N_MELS)


def test_a_flattening_network_says_its_length_itself() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(2 * 5 * 20, 3))
    graph = trace(network, N_MELS)
    assert graph.has_fixed_length(41) and graph.shapes(41)["conv_0"] == (2, 5, 20)
    with pytest.raises(ValueError, match=r"no input \[B, 1, 12, 80\]"):
        trace(network, N_MELS, 80)


def test_the_network_is_left_as_it_is() -> None:
    network = Network(nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.Dropout(0.5)))
    network.train()
    network.layer.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trace(network, N_MELS)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert network.training and not network.layer.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize("found", [lambda x: x, nn.Linear, None])
def test_what_is_no_network_is_said_to_be_none(found: object) -> None:
    with pytest.raises(TypeError, match=r"found a|is a class: trace a network of it") as caught:
        trace(found, N_MELS)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [(0,), (-1,), (64.0,), (64, 0), (64, -3)])
def test_sizes_that_no_input_has_are_named(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"n_(mels|frames) must be a whole number of 1 or more"):
        trace(Network(nn.ReLU()), *sizes)
