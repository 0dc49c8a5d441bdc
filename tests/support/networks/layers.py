"""Layers as people's networks have them, in many spellings: each `[B, 4, M, F] -> [B, C, M', F']`.

`with_layer` puts one between a stem and a head. What a reader cannot see from a name is said.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 4

# [B, 4, M, F] -> anything that pools


class Call(nn.Module):
    """A function of maps as a layer, with layers of its own."""

    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.layers)


class Between(nn.Module):
    """Stem, the layer, means over the map, head."""

    def __init__(self, layer: nn.Module, n_channels: int, n_scenes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, CHANNELS, 3, padding=1)
        self.layer = layer
        self.head = nn.Linear(n_channels, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.stem(x))
        return self.head(x if x.ndim == 2 else x.mean((2, 3)))


def with_layer(make: Callable[[], nn.Module]) -> nn.Module:
    """The network, in evaluation mode, its batch norms moved from their start."""
    torch.manual_seed(0)
    layer = make()
    with torch.no_grad():
        size = layer.eval()(torch.zeros(2, CHANNELS, 12, 61)).shape[1]
    network = Between(layer, size)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
            if module.running_mean is not None and module.running_var is not None:
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def shuffled(x: Tensor, groups: int = 2) -> Tensor:
    """Channels of the groups one by one, as networks with grouped convolutions write it."""
    b, c, m, f = x.size()
    x = x.view(b, groups, c // groups, m, f)
    return torch.transpose(x, 1, 2).contiguous().view(b, -1, m, f)


def squeezed(x: Tensor, first: nn.Module, second: nn.Module) -> Tensor:
    """Squeeze-and-excite by linear layers, as it was first published."""
    b, c, _, _ = x.size()
    gate = F.adaptive_avg_pool2d(x, 1).view(b, c)
    gate = torch.sigmoid(second(torch.relu(first(gate)))).view(b, c, 1, 1)
    return x * gate.expand_as(x)


def pooled_twice(x: Tensor) -> Tensor:
    """Over mels, then the mean and the maximum over frames."""
    x = torch.mean(x, dim=2)
    largest, _ = torch.max(x, dim=2)
    return largest + torch.mean(x, dim=2)


def unit(x: Tensor, branch: nn.Module) -> Tensor:
    """Half of the channels go by, half are computed with, then they are shuffled."""
    aside, computed = x.chunk(2, dim=1)
    return shuffled(torch.cat((aside, branch(computed)), 1))


def broadcast(x: Tensor, along_mels: nn.Module, along_frames: nn.Module) -> Tensor:
    """A residual of the mean over mels is given to all mels."""
    y = along_mels(x)
    return x + y + along_frames(y.mean(2, keepdim=True))


def by_loop(x: Tensor, *layers: nn.Module) -> Tensor:
    """Control flow on shapes and a list of maps."""
    maps = [x]
    for layer in layers:
        if maps[-1].shape[1] == CHANNELS:
            maps.append(layer(torch.cat(maps[-2:], dim=1)[:, -CHANNELS:]))
    return sum(maps[1:], maps[0])


def bn_over_mels(x: Tensor, norm: nn.Module) -> Tensor:
    return norm(x.transpose(1, 2)).transpose(1, 2)


class Bands(nn.Module):
    """Batch norm of each channel in each of some bands of mels: sub-spectral normalisation."""

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.bands, self.norm = bands, nn.BatchNorm2d(channels * bands)

    def forward(self, x: Tensor) -> Tensor:
        b, c, m, f = x.shape
        return self.norm(x.view(b, c * self.bands, m // self.bands, f)).view(b, c, m, f)


def causal(x: Tensor, enter: nn.Module, conv: nn.Module) -> Tensor:
    """A residual of frames that were, as temporal convolutional networks have it."""
    y = enter(x.flatten(1, 2))
    return torch.relu(y + conv(F.pad(y, (2, 0))))[:, :, None]


def chomped(x: Tensor, conv: nn.Module) -> Tensor:
    """The same by cutting off what looks ahead."""
    return conv(x)[..., :-4]


def gated_by_both(x: Tensor, conv: nn.Module) -> Tensor:
    """Coordinate attention: means over frames and over mels, one behind the other."""
    mels = x.shape[2]
    y = conv(torch.cat([x.mean(3, True), x.mean(2, True).transpose(2, 3)], 2))
    return x * torch.sigmoid(y[:, :, :mels]) * torch.sigmoid(y[:, :, mels:].transpose(2, 3))


def parted_mels(x: Tensor, conv: nn.Module) -> Tensor:
    """Every second mel becomes a channel."""
    b, c, m, f = x.shape
    return conv(x.view(b, c, m // 2, 2, f).transpose(2, 3).flatten(1, 2))


def of_joined(x: Tensor, *layers: nn.Module) -> Tensor:
    """Layers over frames, whose channels are all channels of all mels."""
    x = x.flatten(1, 2)
    for layer in layers:
        x = layer(x)
    return x[:, :, None]


LAYERS: dict[str, Callable[[], nn.Module]] = {
    # Convolutions
    "conv without bias": lambda: nn.Conv2d(4, 6, 3, bias=False),
    "dilation": lambda: nn.Conv2d(4, 6, 3, dilation=2),
    "dilation, padded": lambda: nn.Conv2d(4, 6, (3, 5), padding=(2, 4), dilation=2),
    "dilation, stride": lambda: nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=(1, 2)),
    "padding same": lambda: nn.Conv2d(4, 6, 3, padding="same"),
    "padding same, dilation": lambda: nn.Conv2d(4, 6, 5, padding="same", dilation=2),
    "padding same, even kernel": lambda: nn.Conv2d(4, 6, (2, 4), padding="same"),
    "groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "groups, norm on both sides": lambda: nn.Sequential(
        nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)
    ),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4),
    "depthwise, dilation": lambda: nn.Conv2d(4, 4, 3, padding=2, groups=4, dilation=2),
    "depthwise multiplier": lambda: nn.Sequential(
        nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 12, 3, groups=4), nn.BatchNorm2d(12)
    ),
    "zeros around, then conv": lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(4, 6, 3, 2)),
    "uneven zeros": lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(4, 6, 3)),
    "F.pad": lambda: Call(lambda x: F.pad(x, (1, 0, 2, 2))),
    "more channels of zeros": lambda: Call(lambda x: F.pad(x, (0, 0, 0, 0, 1, 2))),
    "conv over frames": lambda: Call(
        lambda x, conv: conv(x.mean(2)).unsqueeze(2), nn.Conv1d(4, 6, 3, padding=1)
    ),
    "linear at each place": lambda: Call(
        lambda x, linear: linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.Linear(4, 6)
    ),
    # Channels and mels joined
    "joined, conv": lambda: Call(of_joined, nn.Conv1d(48, 6, 3, padding=1)),
    "joined, conv, stride, dilation": lambda: Call(
        of_joined, nn.Conv1d(48, 6, 3, stride=2, padding=2, dilation=2)
    ),
    "joined, groups": lambda: Call(of_joined, nn.Conv1d(48, 24, 3, groups=4)),
    "joined, depthwise": lambda: Call(
        of_joined, nn.Conv1d(48, 48, 5, groups=48, padding="same"), nn.Conv1d(48, 6, 1)
    ),
    "joined, norm, relu, conv": lambda: Call(
        of_joined, nn.BatchNorm1d(48), nn.ReLU(), nn.Conv1d(48, 6, 3)
    ),
    "joined, pools": lambda: Call(
        of_joined, nn.MaxPool1d(2), nn.AvgPool1d(3, 2), nn.Conv1d(48, 6, 3)
    ),
    "joined, mels first": lambda: Call(
        lambda x, c: of_joined(x.transpose(1, 2), c), nn.Conv1d(48, 6, 3)
    ),
    "joined, linear at each frame": lambda: Call(
        lambda x, a: a(x.permute(0, 3, 1, 2).flatten(2)).mean(1), nn.Linear(48, 6)
    ),
    "joined, frames first": lambda: Call(
        lambda x, a, b: a(b(x.transpose(2, 3)).permute(0, 2, 1, 3).flatten(2)).amax(1),
        nn.Linear(48, 6), nn.Conv2d(4, 4, 3, padding=1),
    ),
    "joined, summaries": lambda: Call(
        lambda x: torch.cat([x.flatten(1, 2).mean(2), x.flatten(1, 2).amax(2)], 1)
    ),
    "joined, last frame": lambda: Call(
        lambda x, a: F.max_pool2d(a(x), (6, 1))[..., -1].flatten(1), nn.Conv2d(4, 3, 1)
    ),
    "joined and parted": lambda: Call(
        lambda x, c: c(x.flatten(1, 2)).unflatten(1, (4, 12)), nn.Conv1d(48, 48, 1)
    ),
    "causal": lambda: Call(causal, nn.Conv1d(48, 6, 1), nn.Conv1d(6, 6, 3)),
    "mels become channels": lambda: Call(parted_mels, nn.Conv2d(8, 6, 3)),
    # Norms
    "of channels": lambda: Call(
        lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(4)
    ),
    "of channels, alone": lambda: Call(
        lambda x, a, n: n(a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        nn.Conv2d(4, 6, 3), nn.LayerNorm(6, eps=0.01, elementwise_affine=False),
    ),
    "of channels and mels": lambda: Call(
        lambda x, n: n(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), nn.LayerNorm([4, 12])
    ),
    "of joined channels": lambda: Call(
        lambda x, n, a: a(n(x.flatten(1, 2).transpose(1, 2))).mean(1),
        nn.LayerNorm(48), nn.Linear(48, 6),
    ),
    "of vectors": lambda: Call(lambda x, n: n(x.mean((2, 3))), nn.LayerNorm(4)),
    "instances": lambda: nn.InstanceNorm2d(4, affine=True),
    "instances over frames": lambda: Call(of_joined, nn.InstanceNorm1d(48), nn.Conv1d(48, 6, 3)),
    "instances of mels": lambda: Call(
        lambda x, n: 0.1 * x + n(x.transpose(1, 2)).transpose(1, 2), nn.InstanceNorm2d(12)
    ),
    "groups of channels": lambda: nn.GroupNorm(2, 4),
    "one group": lambda: nn.GroupNorm(1, 4),
    "root mean square": lambda: Call(
        lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.RMSNorm(4, eps=1e-5)
    ),
    "deviation over frames": lambda: Call(
        lambda x: torch.cat([x.mean(3), (x.var(3, correction=0) + 1e-5).sqrt()], 1)[:, :, None]
    ),
    "deviation over mels": lambda: Call(lambda x: x.std(2, keepdim=True)),
    "by the deviation": lambda: Call(
        lambda x: (x - x.mean(2, True)) / (x.std(2, keepdim=True) + 1)
    ),
    "bands": lambda: Bands(4, 3),
    "bands, relu, conv": lambda: nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1), Bands(6, 2), nn.ReLU(), nn.Conv2d(6, 4, 3)
    ),
    "norm without affine": lambda: nn.BatchNorm2d(4, affine=False),
    "norm of vectors": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9), nn.ReLU(), nn.BatchNorm1d(9)
    ),
    "norm of vectors, then relu": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.ReLU(), nn.BatchNorm1d(4), nn.ReLU()
    ),
    "norm over mels": lambda: Call(bn_over_mels, nn.BatchNorm2d(12)),
    # Activations
    "ReLU6": nn.ReLU6,
    "ReLU6 in place behind a norm": lambda: nn.Sequential(
        nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6(inplace=True)
    ),
    "ReLU6 of a sum": lambda: Call(lambda x, a: F.relu6(4 * x + a(x)), nn.Conv2d(4, 4, 1)),
    "ReLU6 by itself": lambda: nn.Sequential(nn.MaxPool2d(2), nn.ReLU6()),
    "Hardtanh": nn.Hardtanh,
    "Hardtanh of other bounds": lambda: nn.Hardtanh(-0.3, 0.7),
    "clamp": lambda: Call(lambda x: x.clamp(max=0.4)),
    "clamp from below": lambda: Call(lambda x: torch.clamp(x, min=-0.2)),
    "clip joined with more": lambda: Call(
        lambda x, a: torch.cat((a(x).clamp(-0.1, 0.2), x), 1), nn.Conv2d(4, 4, 1)
    ),
    "relu joined with less": lambda: Call(
        lambda x, a: torch.cat((F.relu(a(x)), x), 1), nn.Conv2d(4, 4, 1)
    ),
    "Hardsigmoid": nn.Hardsigmoid,
    "Hardsigmoid by itself": lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Hardsigmoid()),
    "Hardswish": nn.Hardswish,
    "Sigmoid": nn.Sigmoid,
    "SiLU": lambda: nn.SiLU(inplace=True),
    "swish by hand": lambda: Call(lambda x: x * torch.sigmoid(x)),
    "Tanh": nn.Tanh,
    "PReLU": nn.PReLU,
    "PReLU for each channel": lambda: Call(
        lambda x, p: p(x), nn.PReLU(4)
    ),
    "LeakyReLU": lambda: nn.LeakyReLU(0.1),
    "GELU": nn.GELU,
    "GELU behind a conv": lambda: nn.Sequential(nn.Conv2d(4, 6, 3, bias=False), nn.GELU()),
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "ELU": nn.ELU,
    # Means and maxima
    "mean over mels": lambda: Call(lambda x: x.mean(2, keepdim=True)),
    "mean over frames": lambda: Call(lambda x: x.mean(dim=-1, keepdim=True)),
    "mean over frames, then mels": lambda: Call(lambda x: x.mean(3).mean(2)),
    "amax over both": lambda: Call(lambda x: torch.amax(x, (2, 3))),
    "amax over mels": lambda: Call(lambda x: x.amax(2, keepdim=True)),
    "max over frames": lambda: Call(lambda x: x.max(dim=3, keepdim=True).values),
    "max over channels": lambda: Call(lambda x: torch.max(x, dim=1, keepdim=True)[0] * x),
    "mean over channels, gone": lambda: Call(lambda x: x * torch.sigmoid(x.mean(1))[:, None]),
    "sum over mels": lambda: Call(lambda x: x.sum(2, keepdim=True)),
    "mean over places": lambda: Call(lambda x: x.flatten(2).mean(-1)),
    "max over places": lambda: Call(
        lambda x: x.view(*x.shape[:2], -1).max(2, keepdim=True)[0][:, :, 0]
    ),
    "pooled twice": lambda: Call(pooled_twice),
    "adaptive to one row": lambda: nn.AdaptiveAvgPool2d((1, None)),
    "adaptive to some mels": lambda: nn.AdaptiveAvgPool2d((3, 1)),
    "adaptive maximum to some mels": lambda: nn.AdaptiveMaxPool2d((4, None)),
    "average pool": lambda: nn.AvgPool2d(2),
    "average pool, padded": lambda: nn.AvgPool2d(3, 2, padding=1),
    "average pool over all mels": lambda: Call(lambda x: F.avg_pool2d(x, (x.shape[2], 1))),
    "average pool, rounded up": lambda: nn.AvgPool2d(2, ceil_mode=True),
    "average pool of mels, rounded up": lambda: nn.AvgPool2d((1, 2), ceil_mode=True),
    "average pool of the map alone": lambda: nn.AvgPool2d(
        3, 1, padding=1, count_include_pad=False
    ),
    "average pool of the map alone, strides": lambda: nn.AvgPool2d(
        (3, 5), (2, 3), padding=(1, 2), count_include_pad=False
    ),
    "average pool by another number": lambda: nn.AvgPool2d(3, 2, 1, divisor_override=5),
    "max pool, rounded up": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
    "max pool of mels, rounded up": lambda: nn.MaxPool2d((5, 1), (5, 1), ceil_mode=True),
    "max pool of relu, padded, rounded up": lambda: nn.Sequential(
        nn.ReLU(), nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
    ),
    "max pool, padded": lambda: nn.MaxPool2d(3, 2, padding=1),
    "max pool of relu, padded": lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)),
    "max pool, same": lambda: nn.MaxPool2d(3, 1, padding=1),
    "max pool over mels": lambda: nn.MaxPool2d((2, 1)),
    # Arithmetic
    "constants": lambda: Call(lambda x: (1 - x / 3) * 0.5 + 0.1 - (-x)),
    "for each channel": lambda: Call(lambda x: x * torch.arange(1.0, 5).view(1, 4, 1, 1) + 1),
    "for each mel": lambda: Call(lambda x: x + torch.linspace(-1, 1, 12)[:, None]),
    "for each channel and mel": lambda: Call(
        lambda x: x * torch.linspace(-1, 1, 48).view(4, 12, 1) + 0.5
    ),
    "difference": lambda: Call(lambda x, a: x - a(x), nn.Conv2d(4, 4, 1)),
    "larger and smaller": lambda: Call(
        lambda x, a: torch.maximum(x, a(x)) + torch.minimum(x, a(x)), nn.Conv2d(4, 4, 1)
    ),
    "residual in place": lambda: Call(lambda x, a: a(x).add_(x).relu_(), nn.Conv2d(4, 4, 1)),
    "cat by position": lambda: Call(lambda x, a: torch.cat([x, a(x)], 1), nn.Conv2d(4, 5, 1)),
    "cat over mels": lambda: Call(lambda x, a: torch.cat([x, a(x)], 2), nn.Conv2d(4, 4, 1)),
    "stack of summaries": lambda: Call(
        lambda x, a: x * torch.sigmoid(a(torch.stack([x.mean(1), x.amax(1)], 1))),
        nn.Conv2d(2, 1, 7, padding=3),
    ),
    # Shapes
    "halves": lambda: Call(lambda x: torch.mul(*torch.chunk(x, 2, 1))),
    "pieces": lambda: Call(lambda x: x[:, :1] * x[:, 1:2] + torch.split(x, [2, 1, 1], 1)[2]),
    "shuffle": lambda: nn.Sequential(Call(shuffled), nn.Conv2d(4, 6, 3, groups=2)),
    "ChannelShuffle": lambda: nn.Sequential(nn.ChannelShuffle(2), nn.Conv2d(4, 4, 3, groups=4)),
    "split, compute, shuffle": lambda: Call(
        unit, nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
    ),
    "one channel repeated": lambda: Call(
        lambda x, conv: conv(x[:, :1].expand(-1, 3, -1, -1)), nn.Conv2d(3, 4, 3)
    ),
    "means beside the map": lambda: Call(
        lambda x: torch.cat([x, x.mean((2, 3), keepdim=True).expand_as(x)], 1)
    ),
    "flipped channels": lambda: Call(lambda x: x.flip(1)),
    "frames cut": lambda: Call(lambda x: x[..., 1:-2]),
    "first frames": lambda: Call(lambda x: x[..., :9]),
    "frames up to many": lambda: Call(lambda x: 2 * x[..., :200]),
    "last of many frames": lambda: Call(lambda x: 2 * x[..., -200:]),
    "one over": lambda: Call(lambda x: 1 / (1 + x * x)),
    "quotient": lambda: Call(lambda x: x / (1 + x.relu())),
    "last frame": lambda: Call(lambda x: x[..., -1].mean(2)),
    "steps between frames": lambda: Call(lambda x: x[..., 1:] - x[..., :-1]),
    "chomped": lambda: Call(
        chomped, nn.Conv2d(4, 4, (1, 3), padding=(0, 4), dilation=(1, 2))
    ),
    "gated by mels and frames": lambda: Call(gated_by_both, nn.Conv2d(4, 4, 1)),
    "mels cut": lambda: Call(lambda x: x[:, :, 2:8]),
    "turned": lambda: Call(lambda x, conv: conv(x.transpose(2, 3)), nn.Conv2d(4, 4, (3, 1))),
    "squeeze-and-excite": lambda: Call(squeezed, nn.Linear(4, 2), nn.Linear(2, 4)),
    "squeeze-and-excite, wide": lambda: Call(squeezed, nn.Linear(4, 16, bias=False),
                                             nn.Linear(16, 4, bias=False)),
    "broadcast": lambda: Call(
        broadcast, nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=4),
        nn.Sequential(
            nn.Conv2d(4, 4, (1, 3), padding=(0, 1), groups=4), nn.BatchNorm2d(4), nn.SiLU()
        ),
    ),
    "loop": lambda: Call(by_loop, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)),
    "silu of vectors": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9), nn.SiLU(), nn.Dropout(0.5)
    ),
    "unused branch": lambda: Call(lambda x, a: (a(x), x)[1], nn.Conv2d(4, 4, 1)),
}  # fmt: skip

FLOAT_ONLY = frozenset({
    "instances", "instances over frames", "instances of mels", "groups of channels", "one group",
    "root mean square", "deviation over frames", "deviation over mels", "by the deviation",
    "one over", "quotient",
})  # fmt: skip
