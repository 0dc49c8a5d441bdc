"""In the manner of EfficientNet: inverted residuals with SiLU, and squeeze-and-excite in each.

After Tan, Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML
2019. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """A gate per channel, `[B, C, M, F] -> [B, C, M, F]`, by two linear layers."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels."""
        b, c, _, _ = x.shape
        gate = F.adaptive_avg_pool2d(x, 1).view(b, c)
        gate = torch.sigmoid(self.expand(F.silu(self.reduce(gate))))
        return x * gate.view(b, c, 1, 1)


class MBConv(nn.Module):
    """Widen, filter each channel, weigh, narrow: `[B, in, M, F] -> [B, out, M / s, F / s]`."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = nn.Conv2d(c_in, wide, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wide)
        self.filter = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.weigh = SqueezeExcite(wide, max(c_in // 4, 4))
        self.project = nn.Conv2d(wide, c_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(c_out)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Add what is found where the shape allows it."""
        y = F.silu(self.norm1(self.expand(x)))
        y = F.silu(self.norm2(self.filter(y)))
        y = self.norm3(self.project(self.weigh(y)))
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames."""

    def __init__(
        self,
        n_scenes: int,
        stages: Sequence[tuple[int, int, int]] = ((12, 3, 1), (20, 3, 2), (20, 3, 1), (32, 5, 2)),
        expansion: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.SiLU(inplace=True)
        )
        blocks, width = [], 12
        for channels, kernel, stride in stages:
            blocks.append(MBConv(width, channels, kernel, stride, expansion))
            width = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            nn.Conv2d(width, 80, 1, bias=False), nn.BatchNorm2d(80), nn.SiLU(inplace=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(80, n_scenes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.blocks(self.stem(x)))
