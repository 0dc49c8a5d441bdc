"""The AMFM network: max feature maps, attention, and the larger of the two at every position.

Source: "Attentive Max Feature Map and Joint Training for Acoustic Scene Classification"
(Shim, Jung, Kim, Yu, ICASSP 2022), section 2.1. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvMFM(nn.Module):
    """Convolution with twice the channels, split in two halves, elementwise maximum.

    `[B, in, M, F] -> [B, out, M', F']`. With `norm`, batch norm stands before the maximum.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.filter = nn.Conv2d(
            in_channels, 2 * out_channels, kernel, stride, padding, bias=not norm
        )
        self.norm = nn.BatchNorm2d(2 * out_channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger of the two halves at every position."""
        a, b = self.norm(self.filter(x)).chunk(2, dim=1)
        return torch.max(a, b)


class LinearMFM(nn.Module):
    """Linear layer with twice the outputs and the maximum of its halves, `[B, in] -> [B, out]`."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.filter = nn.Linear(in_features, 2 * out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger of the two halves."""
        a, b = self.filter(x).chunk(2, dim=1)
        return torch.max(a, b)


class CBAM(nn.Module):
    """Convolutional block attention: a gate per channel, then a gate per position.

    `[B, C, M, F] -> [B, C, M, F]`. The hidden layer of the channel gate has C // reduction units
    (at least two, but one where the paper's own reduction of 16 gives one).
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.spatial_norm = nn.BatchNorm2d(1, eps=1e-5, momentum=0.01)

    def channel_gate(self, x: Tensor) -> Tensor:
        """Gate in (0, 1) per channel, `[B, C, 1, 1]`.

        MLP(average) + MLP(maximum). The output layer is linear, so it is applied once to the mean
        of the two hidden vectors and doubled: the same number with half the work.
        """
        average, maximum = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        hidden = F.relu(self.squeeze(torch.cat((average, maximum), dim=2)))  # [B, C/r, 2, 1]
        return torch.sigmoid(2.0 * self.excite(F.adaptive_avg_pool2d(hidden, 1)))

    def spatial_gate(self, x: Tensor) -> Tensor:
        """Gate in (0, 1) per position, `[B, 1, M, F]`, from maximum and mean over channels."""
        summary = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return torch.sigmoid(self.spatial_norm(self.spatial(summary)))

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels, then positions."""
        x = x * self.channel_gate(x)
        return x * self.spatial_gate(x)


class AMFMBlock(nn.Module):
    """1x1 MFM, k x k MFM, then max(b, CBAM(b)): `[B, in, M, F] -> [B, out, M, F]`.

    As in the paper batch norm follows the first maximum; with `norm_first` it precedes both
    maxima, which trains faster and folds into the convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        reduction: int = 16,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        self.pointwise = ConvMFM(in_channels, in_channels, 1, norm=norm_first)
        self.norm = nn.Identity() if norm_first else nn.BatchNorm2d(in_channels)
        self.conv = ConvMFM(in_channels, out_channels, kernel, padding=kernel // 2, norm=norm_first)
        self.cbam = CBAM(out_channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Keep, at every position, the larger of the plain and the attended feature."""
        b = self.conv(self.norm(self.pointwise(x)))
        return torch.max(b, self.cbam(b))


def halve() -> nn.MaxPool2d:
    """2x2 max pooling that keeps the odd last row and column."""
    return nn.MaxPool2d(2, ceil_mode=True)


class CompactAMFM(nn.Module):
    """AMFM blocks with global average pooling, small enough for 128,000 bytes.

    Our own design in the style of the paper's DCASE 2021 entry, whose layers are unpublished.
    `channels[0]` belongs to the strided stem, each further entry to one block; a 2x2 max pool
    follows every block but the last. Any number of frames; `[B, 1, M, F] -> ([B, scenes],)` or,
    with abstract classes, `([B, scenes], [B, abstract])`.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 0,
        channels: Sequence[int] = (16, 16, 24, 32, 48, 40),
        stem_kernel: int = 5,
        reduction: int = 8,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        stem = ConvMFM(1, channels[0], stem_kernel, 2, stem_kernel // 2, norm=True)
        layers: list[nn.Module] = [stem]
        for c_in, c_out in pairwise(channels):
            layers += [AMFMBlock(c_in, c_out, 3, reduction, norm_first=True), halve()]
        self.trunk = nn.Sequential(*layers[:-1])
        self.dropout = nn.Dropout(dropout)
        self.scene = nn.Linear(channels[-1], n_scenes)
        self.abstract = nn.Linear(channels[-1], n_abstract) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = F.adaptive_avg_pool2d(self.trunk(x), 1).flatten(1)  # [B, C]
        x = self.dropout(x)
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)


class Branch(nn.Module):
    """One task's own layers of the full network, `[B, 32, 16, 17] -> [B, classes]`."""

    def __init__(self, n_classes: int, flat_features: int, hidden: int = 100) -> None:
        super().__init__()
        self.block = AMFMBlock(32, 16)
        self.norm = nn.BatchNorm2d(16)
        self.pool = halve()
        self.dropout = nn.Dropout(0.5)
        self.hidden = LinearMFM(flat_features, hidden)
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return this task's logits."""
        x = self.pool(self.norm(self.block(x))).flatten(1)
        return self.out(self.hidden(self.dropout(x)))


class FullAMFM(nn.Module):
    """The paper's extended multi-task network: shared trunk, one branch per label set.

    624,192 parameters with 10 scenes and 3 abstract classes on `[B, 1, 256, 251]`, which is 5 s
    (section 2.2; without abstract classes the 3-class branch is left out). The flattened input of
    the linear layers fixes mels and frames.
    """

    def __init__(
        self, n_scenes: int, n_abstract: int = 3, n_mels: int = 256, n_frames: int = 251
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            ConvMFM(1, 32, (7, 3), padding=(1, 7)),  # [B, 32, 252, 263]
            halve(),
            AMFMBlock(32, 48),
            halve(),
            nn.BatchNorm2d(48),  # [B, 48, 63, 66]
            AMFMBlock(48, 64),
            halve(),
            AMFMBlock(64, 32),
            nn.BatchNorm2d(32),
            halve(),  # [B, 32, 16, 17]
        )
        flat = 16 * _after_halving(n_mels + 2 - 6, 5) * _after_halving(n_frames + 14 - 2, 5)
        self.scene = Branch(n_scenes, flat)
        self.abstract = Branch(n_abstract, flat) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = self.trunk(x)
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)


def _after_halving(size: int, times: int) -> int:
    for _ in range(times):
        size = -(-size // 2)
    return size
