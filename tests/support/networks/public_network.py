"""The architecture of the paper's public code, written a second time and in another way.

From the published facts alone: state dict names, shapes, order of operators. It shares nothing
with `edge_asc.models`: plain functions on a dict of tensors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]

BLOCKS = {"features.2": (32, 48), "features.5": (48, 64), "features.7": (64, 32),
          "features2.0": (32, 16), "features3.0": (32, 16)}  # fmt: skip
NORMS = {"features.4": 48, "features.8": 32, "features2.1": 16, "features3.1": 16}
LINEARS = {"pre_mid.filter": (1152, 200), "out_mid": (100, 3),
           "fc1.filter": (1152, 200), "fc_last": (100, 10)}  # fmt: skip


def random_state(seed: int = 0, conv: str = "conv", norm: str = "bn") -> State:
    """Weights and statistics as odd as training can make them; outputs stay of order one."""
    draw = torch.Generator().manual_seed(seed)
    state: State = {}

    def weights(name: str, *shape: int, bias: bool = True) -> None:
        fan_in = torch.Size(shape[1:]).numel()
        state[f"{name}.weight"] = torch.randn(shape, generator=draw) * (2 / fan_in) ** 0.5
        if bias:
            state[f"{name}.bias"] = torch.randn(shape[0], generator=draw) / 2

    def batch_norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            state[f"{name}.{part}"] = torch.randn(channels, generator=draw)
        state[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=draw)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    weights("features.0.filter", 64, 1, 7, 3)
    for block, (c_in, c_out) in BLOCKS.items():
        weights(f"{block}.conv_a.filter", 2 * c_in, c_in, 1, 1)
        batch_norm(f"{block}.{norm}", c_in)
        weights(f"{block}.{conv}.filter", 2 * c_out, c_in, 3, 3)
        weights(f"{block}.cbam.ChannelGate.mlp.1", c_out // 16, c_out)
        weights(f"{block}.cbam.ChannelGate.mlp.3", c_out, c_out // 16)
        weights(f"{block}.cbam.SpatialGate.spatial.conv", 1, 2, 7, 7, bias=False)
        batch_norm(f"{block}.cbam.SpatialGate.spatial.bn", 1)
    for name, channels in NORMS.items():
        batch_norm(name, channels)
    for name, (inputs, outputs) in LINEARS.items():
        weights(name, outputs, inputs)
    return state


def logits(state: State, x: Tensor) -> tuple[Tensor, Tensor]:
    """(3-class, 10-class) logits of features `[B, 1, 256, 251]`, in evaluation mode."""
    x = mfm(conv(state, "features.0.filter", x, padding=(1, 7)))
    x = block(state, "features.2", pool(x))
    x = batch_norm(state, "features.4", pool(x))
    x = pool(block(state, "features.5", x))
    x = pool(batch_norm(state, "features.8", block(state, "features.7", x)))
    heads = []
    for features, hidden, last in (
        ("features2", "pre_mid", "out_mid"),
        ("features3", "fc1", "fc_last"),
    ):
        y = batch_norm(state, f"{features}.1", block(state, f"{features}.0", x))
        y = mfm(linear(state, f"{hidden}.filter", pool(y).reshape(len(y), -1)))
        heads.append(linear(state, last, y))
    return heads[0], heads[1]


def block(state: State, name: str, x: Tensor) -> Tensor:
    between = sorted({k[len(name) + 1 :].split(".")[0] for k in state if k.startswith(f"{name}.")})
    second, norm = sorted(
        set(between) - {"conv_a", "cbam"}, key=lambda n: f"{name}.{n}.filter.weight" not in state
    )
    x = batch_norm(state, f"{name}.{norm}", mfm(conv(state, f"{name}.conv_a.filter", x)))
    b = mfm(conv(state, f"{name}.{second}.filter", x, padding=1))
    attended = b * channel_gate(state, f"{name}.cbam.ChannelGate.mlp", b)
    gate = spatial_gate(state, f"{name}.cbam.SpatialGate.spatial", attended)
    return torch.maximum(b, attended * gate)


def channel_gate(state: State, mlp: str, x: Tensor) -> Tensor:
    flat = x.flatten(2)
    both = [
        linear(state, f"{mlp}.3", linear(state, f"{mlp}.1", pooled).relu())
        for pooled in (flat.mean(2), flat.max(2).values)
    ]
    return torch.sigmoid(both[0] + both[1])[:, :, None, None]


def spatial_gate(state: State, name: str, x: Tensor) -> Tensor:
    summary = torch.stack([x.max(1).values, x.mean(1)], dim=1)
    convolved = conv(state, f"{name}.conv", summary, padding=3)
    return torch.sigmoid(batch_norm(state, f"{name}.bn", convolved))


def mfm(x: Tensor) -> Tensor:
    half = x.shape[1] // 2
    return torch.maximum(x[:, :half], x[:, half:])


def conv(state: State, name: str, x: Tensor, padding: int | tuple[int, int] = 0) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), padding=padding)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    scale, shift, mean, var = (
        state[f"{name}.{part}"][:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift


def pool(x: Tensor) -> Tensor:
    """2x2 maximum, odd rows and columns kept."""
    x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=-torch.inf)
    return x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
