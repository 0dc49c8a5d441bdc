"""How networks spell what they compute: the graph computes the same, whatever torch calls it."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.graph.fold import fold
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from layers import Call, with_layer

N_MELS = 12
FLOAT = 1e-5  # of the largest logit: float32 sums in another order

Layer = Callable[[], nn.Module]


def pooled(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def two_linears() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))


REPEATED: dict[str, Layer] = {
    "expand": lambda: Call(lambda x, c: c(x[:, :1].expand(-1, 3, -1, -1)), nn.Conv2d(3, 5, 3)),
    "repeat": lambda: Call(lambda x, c: c(x[:, :1].repeat(1, 3, 1, 1)), nn.Conv2d(3, 5, 3)),
    "repeat many": lambda: Call(lambda x, c: c(x.repeat(1, 2, 1, 1)), nn.Conv2d(8, 5, 3)),
    "computed on": lambda: Call(
        lambda x, c: c(F.relu(x[:, :1].expand(-1, 3, -1, -1) - 0.1)), nn.Conv2d(3, 5, 3)
    ),
    "mels": lambda: Call(
        lambda x, c: c(x.mean(2, keepdim=True).expand_as(x)), nn.Conv2d(4, 5, (12, 1))
    ),
    "pyramid": lambda: Call(lambda x: torch.cat([x, pooled(x).expand_as(x)], 1)),
    "pyramid, convolved": lambda: Call(
        lambda x, a, b: b(torch.cat([x, F.relu(a(pooled(x))).expand(-1, -1, 12, x.shape[3])], 1)),
        nn.Conv2d(4, 3, 1), nn.Conv2d(7, 5, 3),
    ),
    "gate": lambda: Call(lambda x: x * torch.sigmoid(pooled(x)).expand_as(x)),
    "sum": lambda: Call(lambda x: x[:, :1].expand(-1, 4, -1, -1).sum(1, keepdim=True) + x),
    "mean": lambda: Call(lambda x: pooled(x).expand_as(x).mean(3, keepdim=True) + x),
    "for each channel": lambda: Call(
        lambda x: x[:, :1].expand(-1, 4, -1, -1) * torch.arange(1.0, 5).view(1, 4, 1, 1)
    ),
    "vector": lambda: Call(lambda x: x.mean((1, 2, 3))[:, None].expand(-1, 4)),
}  # fmt: skip

AT_EACH_PLACE: dict[str, Layer] = {
    "over frames": lambda: Call(
        lambda x, m: m(x.mean(2).transpose(1, 2)).mean(1), two_linears()
    ),
    "over the map": lambda: Call(lambda x, m: m(x.permute(0, 2, 3, 1)).mean((1, 2)), two_linears()),
    "back": lambda: Call(
        lambda x, m: x + m(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), two_linears()
    ),
}  # fmt: skip

TURNED: dict[str, Layer] = {
    "swish": lambda: Call(
        lambda x: (lambda y: y * torch.sigmoid(y))(x.permute(0, 3, 1, 2)).mean(1).flatten(1)
    ),
    "a bound": lambda: Call(lambda x: F.relu(x.permute(0, 3, 2, 1) - 0.1).mean((1, 2))),
    "a sum": lambda: Call(lambda x: F.relu(x.permute(0, 3, 2, 1)).sum(3).mean(1)),
    "a gate": lambda: Call(
        lambda x: F.relu(x.permute(0, 3, 2, 1) * torch.sigmoid(x.mean((2, 3)))[:, None, None])
        .mean((1, 2))
    ),
    "mels cut": lambda: Call(
        lambda x, a: a(x.transpose(2, 3))[..., :5].transpose(2, 3), nn.Conv2d(4, 4, 3)
    ),
    "two orders": lambda: Call(
        lambda x, a: F.relu(x[:, :, :4] + a(x)[:, :, :4].transpose(1, 2)), nn.Conv2d(4, 4, 1)
    ),
    "PReLU": lambda: Call(
        lambda x: F.prelu(x.transpose(1, 2), torch.linspace(0, 0.9, 12)).transpose(1, 2)
    ),
    "length": lambda: Call(lambda x: F.normalize(x.permute(0, 2, 1, 3)).transpose(1, 2)),
    "length over mels": lambda: Call(lambda x: F.normalize(x.mean(3).transpose(1, 2))[:, :, 0]),
    "halves": lambda: Call(lambda x: torch.mul(*x.transpose(1, 2).chunk(2, 1)).transpose(1, 2)),
    "joined": lambda: Call(
        lambda x: torch.cat([x.permute(0, 2, 3, 1)] * 2, 3).permute(0, 3, 1, 2)
    ),
    "padded": lambda: Call(lambda x: F.pad(x.permute(0, 2, 3, 1), (1, 0)).permute(0, 3, 1, 2)),
}  # fmt: skip


def by_inference(x: Tensor) -> Tensor:
    with torch.inference_mode():
        return F.conv2d(x, torch.full((2, 4, 1, 1), 0.3)).reshape(len(x), 1, 2, 12, -1).squeeze(1)


def beside_a_repeated_view(x: Tensor) -> Tensor:
    x = x + 1
    unread = x[:, :1].expand(-1, 4, -1, -1)
    del unread
    first, second = x.chunk(2, 1)
    return torch.cat([first.relu_(), second], 1)


COMPUTED: dict[str, Layer] = {
    "GLU": lambda: nn.GLU(1),
    "GLU over mels": lambda: Call(lambda x: F.glu(x, 2)),
    "squared": lambda: Call(lambda x: x**2 + x.square()),
    "to the third": lambda: Call(lambda x: x.pow(3)),
    "bounded by a tensor": lambda: Call(lambda x: torch.maximum(x, torch.zeros(1))),
    "bounded from above": lambda: Call(lambda x: torch.minimum(torch.tensor(0.1), x)),
    "a bound for each channel": lambda: Call(
        lambda x: torch.maximum(x, torch.linspace(-0.3, 0.3, 4)[:, None, None])
    ),
    "a lower one for each channel": lambda: Call(
        lambda x: torch.minimum(x, torch.linspace(-0.3, 0.3, 4)[:, None, None])
    ),
    "sum of a stack": lambda: Call(
        lambda x, a: torch.stack([x, a(x), x]).sum(0), nn.Conv2d(4, 4, 1)
    ),
    "mean of a stack": lambda: Call(
        lambda x, a: torch.stack([x, a(x)], 1).mean(1), nn.Conv2d(4, 4, 1)
    ),
    "maximum of a stack": lambda: Call(
        lambda x, a: torch.stack([x, a(x)], -1).max(-1).values, nn.Conv2d(4, 4, 1)
    ),
    "maxima of vectors": lambda: Call(
        lambda x: torch.stack([x.mean((2, 3)), x.amax((2, 3))]).amax(0)
    ),
    "ones like it": lambda: Call(lambda x: x + torch.ones_like(x)),
    "a constant that repeats": lambda: Call(
        lambda x: x + torch.linspace(0, 1, 12)[:, None].expand_as(x)
    ),
    "means and ones": lambda: Call(lambda x: x * (pooled(x) + torch.ones_like(x))),
    "clamped by a tensor": lambda: Call(lambda x: x.clamp(min=torch.tensor(0.1))),
    "joined places": lambda: Call(lambda x: F.silu(x.flatten(2) / 2).mean(2)),
    "groups": lambda: Call(
        lambda x: F.hardsigmoid(x.reshape(len(x), 2, 2, 12, -1)).pow(2).flatten(1, 2)
    ),
    "in place": lambda: Call(beside_a_repeated_view),
    "inference": lambda: Call(by_inference),
}  # fmt: skip

EACH = {
    f"{group}: {name}": layer
    for group, layers in {
        "repeated": REPEATED, "at each place": AT_EACH_PLACE, "turned": TURNED, "computed": COMPUTED
    }.items()
    for name, layer in layers.items()
}  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_the_graph_computes_what_the_network_does(name: str) -> None:
    network = with_layer(EACH[name])
    graph = fold(trace(network, N_MELS))
    x = torch.randn(3, 1, N_MELS, 47, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = GraphNetwork(graph)(x)[0], network(x)
    assert (ours - theirs).abs().max() <= FLOAT * theirs.abs().max()


def test_a_network_is_read_in_inference_mode() -> None:
    with torch.inference_mode():
        network = with_layer(lambda: Call(lambda x, c: c(x).relu_(), nn.Conv2d(4, 4, 1)))
        graph = fold(trace(network, N_MELS))
        x = torch.randn(2, 1, N_MELS, 47)
        assert torch.allclose(GraphNetwork(graph)(x)[0], network(x), atol=FLOAT)
