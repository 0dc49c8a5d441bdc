"""A residual network under 128 KB: a companion to the compact AMFM network.

The paper's team entered DCASE 2021 with two systems under 128 KB, one of AMFM blocks and one "based
on ResNet" (section 3.2.5). Neither architecture is published; this is our own design, and only the
budget and the residual blocks (He, Zhang, Ren, Sun, CVPR 2016) are theirs.
Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.models.baselines import conv_norm
from edge_asc.models.blocks import halve


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut: `[B, in, M, F] -> [B, out, M / stride, F / stride]`.

    Where shape changes the shortcut is a 1x1 convolution.
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *conv_norm(c_in, c_out, 3, stride), nn.ReLU(), *conv_norm(c_out, c_out, 3)
        )
        same = c_in == c_out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(c_in, c_out, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions find to what is there."""
        return F.relu(self.layers(x) + self.shortcut(x))


class ResNetLight(nn.Module):
    """Strided stem, max pool, residual blocks, global average pooling.

    `channels[0]` belongs to the stem, each further entry to one block; a block that widens halves
    mels and frames. Any number of frames; `[B, 1, M, F] -> ([B, scenes],)` or, with abstract
    classes, `([B, scenes], [B, abstract])`.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 0,
        channels: Sequence[int] = (16, 16, 32, 48, 48),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [*conv_norm(1, channels[0], 5, 2), nn.ReLU(), halve()]
        layers += [Residual(a, b, stride=2 if b > a else 1) for a, b in pairwise(channels)]
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.scene = nn.Linear(channels[-1], n_scenes)
        self.abstract = nn.Linear(channels[-1], n_abstract) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = self.dropout(F.adaptive_avg_pool2d(self.trunk(x), 1).flatten(1))
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)
