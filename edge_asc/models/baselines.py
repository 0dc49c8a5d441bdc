"""Networks of others that ours are compared with."""

import torch.nn.functional as F
from torch import Tensor, nn


def conv_norm(c_in: int, c_out: int, kernel: int, stride: int | tuple = 1, groups: int = 1) -> list:
    """Convolution without bias that keeps the size (but for stride), and batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(c_out)]


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1; with equal channels the input is added.

    Where the block strides, the added input is average pooled (3x3, zero padding counted).
    """

    def __init__(self, c_in: int, c_out: int, expanded: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *conv_norm(c_in, expanded, 1),
            nn.ReLU(),
            *conv_norm(expanded, expanded, 3, stride, groups=expanded),
            nn.ReLU(),
            *conv_norm(expanded, c_out, 1),
        )
        self.has_shortcut = c_in == c_out
        self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in, M, F] -> [B, out, M / stride, F / stride]`."""
        y = self.layers(x)
        return F.relu(y + self.shortcut(x) if self.has_shortcut else y)


class DCASE2024Baseline(nn.Module):
    """The baseline of DCASE 2024 and 2025, task 1: 61,148 parameters on `[B, 1, 256, 65]`.

    Layer table as its authors publish it (CP-Mobile with 32 base channels, channel multiplier 2.3,
    expansion 3.0 and 3-2-1 blocks, with their rounding of channels to multiples of 8).
    """

    BLOCKS = (  # in, out, expanded, stride (mel, frame)
        (32, 32, 64, (1, 1)),
        (32, 32, 64, (1, 1)),
        (32, 32, 64, (1, 2)),
        (32, 56, 64, (2, 1)),
        (56, 56, 120, (1, 1)),
        (56, 104, 120, (1, 1)),
    )

    def __init__(self, n_scenes: int, n_abstract: int = 0) -> None:
        super().__init__()
        if n_abstract:
            raise ValueError("dcase2024-baseline has no abstract head (n_abstract must be 0)")
        self.stem = nn.Sequential(
            *conv_norm(1, 8, 3, 2), nn.ReLU(), *conv_norm(8, 32, 3, 2), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(InvertedResidual(*block) for block in self.BLOCKS))
        self.head = nn.Sequential(*conv_norm(104, n_scenes, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`[B, 1, M, F] -> ([B, scenes],)`."""
        x = self.head(self.blocks(self.stem(x)))
        return (F.adaptive_avg_pool2d(x, 1).flatten(1),)


class BioDCASE2026Baseline(nn.Module):
    """The PyTorch baseline of BioDCASE 2026, task 3: 97,163 parameters for 11 classes.

    Three convolutions of 3x3 without padding, each with ReLU, two maxima between them, the mean of
    what is left, two linear layers (github.com/birdnet-team/BioDCASE-Tiny-2026, Apache-2.0, whose
    layer sizes these are). On `[B, 1, 40, 133]` 23,326,923 MACs, as its authors publish them.
    """

    CHANNELS = (32, 64, 128)
    HIDDEN = 32

    def __init__(self, n_scenes: int, n_abstract: int = 0) -> None:
        super().__init__()
        if n_abstract:
            raise ValueError("biodcase2026-baseline has no abstract head (n_abstract must be 0)")
        first, second, third = self.CHANNELS
        self.trunk = nn.Sequential(
            *(nn.Conv2d(1, first, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(4)),
            *(nn.Conv2d(second, third, 3), nn.ReLU()),
        )
        self.head = nn.Sequential(
            nn.Dropout(0.05), nn.Linear(third, self.HIDDEN), nn.ReLU(),
            nn.Linear(self.HIDDEN, n_scenes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`[B, 1, M, F] -> ([B, scenes],)`, of 30 mels and frames at least."""
        x = F.adaptive_avg_pool2d(self.trunk(x), 1).flatten(1)
        return (self.head(x),)
