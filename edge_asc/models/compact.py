"""AMFM blocks for small machines. Shapes: B clips, C channels, M mels, F frames."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.models.blocks import Block, Style, check_option, halve
from edge_asc.models.units import ConvUnit

SALIENT_FRAMES = 3  # odd


def mean(x: Tensor) -> Tensor:
    """`[B, C, M, F] -> [B, C, 1, 1]`."""
    return F.adaptive_avg_pool2d(x, 1)


def mean_and_max(x: Tensor) -> Tensor:
    """The sum of a map's mean and its maximum, `[B, C, M, F] -> [B, C, 1, 1]`.

    After Kong et al., "PANNs", 2020, who add both over frames.
    """
    return mean(x) + F.adaptive_max_pool2d(x, 1)


def salient(x: Tensor) -> Tensor:
    """The largest of the means of short windows, `[B, C, M, F] -> [B, C, 1, 1]`.

    A window is `SALIENT_FRAMES` of the map, at its ends fewer: a sound that lasts a second of five
    counts as if it lasted all of them, and one frame of noise does not.
    """
    means = x.mean(2, keepdim=True)
    width = (1, SALIENT_FRAMES)
    padding = (0, SALIENT_FRAMES // 2)
    means = F.avg_pool2d(means, width, 1, padding, count_include_pad=False)
    return F.adaptive_max_pool2d(means, 1)


POOLS = {"mean": mean, "mean+max": mean_and_max, "salient": salient}


class CompactAMFM(nn.Module):
    """AMFM blocks and global pooling, small enough for 128,000 bytes.

    Our own design in the style of the paper's DCASE 2021 entry, whose layers are unpublished.
    `channels[0]` belongs to the strided stem, each further entry to one block; a 2x2 max pool
    follows every block but the last `unpooled`. Both kernels are odd. Any number of frames;
    `[B, 1, M, F] -> ([B, scenes],)` or, with abstract classes, `([B, scenes], [B, abstract])`.
    `unit`, `attention`, `combine`: `Style`. `pool`: what of a clip's maps the classifier sees,
    their `mean`, or, as silence dilutes a short sound's mean, `mean+max`, the sum of mean and
    maximum, or `salient`, the maximum over means of short windows.
    `branches`: kernels of blocks are trained as sums of several, no byte more in the file.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 0,
        channels: Sequence[int] = (16, 16, 24, 32, 48, 40),
        stem_kernel: int = 5,
        stem_stride: int = 2,
        kernel: int = 3,
        reduction: int = 8,
        dropout: float = 0.2,
        unit: str = "mfm",
        attention: str = "cbam",
        combine: str = "max",
        pool: str = "mean",
        unpooled: int = 1,
        branches: bool = False,
    ) -> None:
        super().__init__()
        blocks = len(channels) - 1
        if not 1 <= unpooled <= blocks:
            raise ValueError(f"unpooled must be 1 to {blocks}, the number of blocks: {unpooled}")
        check_option("pool", pool, POOLS)
        self.pool = POOLS[pool]
        style = Style(unit, attention, combine, reduction, norm_first=True, branches=branches)
        stem = ConvUnit(
            1, channels[0], stem_kernel, stem_stride, stem_kernel // 2, norm=True, unit=unit
        )
        layers: list[nn.Module] = [stem]
        for number, (c_in, c_out) in enumerate(pairwise(channels), start=1):
            layers.append(Block(c_in, c_out, style, kernel))
            if number <= blocks - unpooled:
                layers.append(halve())
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.scene = nn.Linear(channels[-1], n_scenes)
        self.abstract = nn.Linear(channels[-1], n_abstract) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = self.pool(self.trunk(x)).flatten(1)  # [B, C]
        x = self.dropout(x)
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)
