"""In the manner of TF-SepNet: half of the channels filtered over mels, half over frames, shuffled.

After Cai, Zhang, Li: "TF-SepNet: An Efficient 1D Kernel Design in CNNs for Low-Complexity Acoustic
Scene Classification", ICASSP 2024. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Channels of the groups one by one, `[B, C, M, F] -> [B, C, M, F]`."""
    b, c, m, f = x.shape
    x = x.view(b, groups, c // groups, m, f).transpose(1, 2).contiguous()
    return x.view(b, c, m, f)


def conv_norm(
    c_in: int, c_out: int, kernel: int | tuple[int, int], **options: int
) -> list[nn.Module]:
    """A convolution that keeps the size, and batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, padding="same", bias=False, **options)
    return [conv, nn.BatchNorm2d(c_out)]


class Separated(nn.Module):
    """`[B, in, M, F] -> [B, out, M, F]`: each half sees one axis, and the mean over the other."""

    def __init__(self, c_in: int, c_out: int, dropout: float) -> None:
        super().__init__()
        half = c_out // 2
        self.enter = nn.Sequential(*conv_norm(c_in, c_out, 1), nn.ReLU())
        self.over_mels = nn.Sequential(*conv_norm(half, half, (3, 1), groups=half), nn.ReLU())
        self.mean_mels = nn.Sequential(*conv_norm(half, half, 1), nn.ReLU())
        self.over_frames = nn.Sequential(*conv_norm(half, half, (1, 3), groups=half), nn.ReLU())
        self.mean_frames = nn.Sequential(*conv_norm(half, half, 1), nn.ReLU())
        self.dropout = nn.Dropout2d(dropout)
        self.residual = c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Split, filter, join."""
        y = shuffled(self.enter(x), 2)
        a, b = torch.chunk(y, 2, dim=1)
        a = self.over_mels(a)
        a = a + self.mean_mels(a.mean(3, keepdim=True))
        b = self.over_frames(b)
        b = b + self.mean_frames(b.mean(2, keepdim=True))
        y = self.dropout(torch.cat([a, b], 1))
        return x + y if self.residual else y


class TFSepNet(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames. A 2 x 2 pool stands between stages."""

    def __init__(
        self,
        n_scenes: int,
        stages: Sequence[tuple[int, int]] = ((24, 2), (32, 2), (48, 2)),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width = stages[0][0]
        layers: list[nn.Module] = [
            nn.Conv2d(1, width // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, 2, 1, groups=width // 2, bias=False),
            nn.BatchNorm2d(width), nn.ReLU(),
        ]  # fmt: skip
        for stage, (channels, blocks) in enumerate(stages):
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if stage else []
            for _ in range(blocks):
                layers.append(Separated(width, channels, dropout))
                width = channels
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, n_scenes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return torch.flatten(nn.functional.adaptive_avg_pool2d(self.head(self.trunk(x)), 1), 1)
