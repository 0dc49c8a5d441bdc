"""AMFM blocks with depthwise filters, where bytes are scarcer than operations.

A 3x3 unit from C to C maps holds 18 C² weights. Split into a depthwise filter and a 1x1 unit it
holds 2 C² + 9 C: at equal bytes the maps are three times as many. Shapes: B clips, C channels,
M mels, F frames.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.models.attention import ATTENTIONS
from edge_asc.models.blocks import check_option, halve
from edge_asc.models.units import ConvUnit

CHANNELS = (16, 24, 56, 88, 96, 96, 96)  # of the two strided units, then of each block
FRAME_STRIDES = (2, 4)


class SlimBlock(nn.Module):
    """Depthwise filter, 1x1 unit b, max(b, attention(b)): `[B, in, M, F] -> [B, out, M, F]`."""

    def __init__(self, c_in: int, c_out: int, attention: str, reduction: int = 16) -> None:
        super().__init__()
        self.filter = nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in, bias=False)
        self.norm = nn.BatchNorm2d(c_in)
        self.conv = ConvUnit(c_in, c_out, 1, norm=True)
        attends = attention != "none"
        self.attention = ATTENTIONS[attention](c_out, reduction) if attends else None

    def forward(self, x: Tensor) -> Tensor:
        """Compute features, attend to them, keep the larger of the two."""
        b = self.conv(F.relu(self.norm(self.filter(x))))
        return b if self.attention is None else torch.max(b, self.attention(b))


class SlimTrunk(nn.Module):
    """Two strided units, then slim blocks: `[B, 1, M, F] -> [B, C, M / 8, F / 8]` at the last.

    `channels`: of the two units, then of each block; a 2x2 max pool follows the first block. The
    blocks behind it have attention, where a map is small and one gate is cheap. `frame_stride`: of
    the first unit along frames; 4 instead of 2 is half the work and maps of half the size.
    """

    def __init__(
        self,
        channels: Sequence[int] = CHANNELS,
        attention: str = "eca",
        reduction: int = 16,
        frame_stride: int = 2,
    ) -> None:
        super().__init__()
        check_option("attention", attention, ("none", *ATTENTIONS))
        if frame_stride not in FRAME_STRIDES:
            raise ValueError(f"frame_stride is 2 or 4, not {frame_stride}")
        first, second, third, *_ = channels
        kernel, padding = (3, frame_stride + 1), (1, frame_stride // 2)
        layers: list[nn.Module] = [
            ConvUnit(1, first, kernel, (2, frame_stride), padding, norm=True),
            ConvUnit(first, second, 3, 2, 1, norm=True),
            SlimBlock(second, third, "none"),
            halve(),
        ]
        layers += [SlimBlock(a, b, attention, reduction) for a, b in pairwise(channels[2:])]
        self.layers = nn.Sequential(*layers)
        self.channels = tuple(channels[2:])  # of each block

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of every layer, in order."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps


class Embedding(nn.Module):
    """Mean and maximum of each map, on scales of their own: `[B, C, M, F] -> 2 x [B, C, 1, 1]`.

    Standardised by batch norm, so that 256 integer steps serve both well.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean_norm = nn.BatchNorm2d(channels)
        self.max_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pool over mels and frames, of which there can be any number."""
        mean = self.mean_norm(F.adaptive_avg_pool2d(x, 1))
        return mean, self.max_norm(F.adaptive_max_pool2d(x, 1))


class SlimEncoder(nn.Module):
    """Sound to embedding, for heads that are taught later: `[B, 1, M, F] -> ([B, D],)`.

    The last maps are pooled. With `earlier`, those of the block so many before the last are too:
    they know of a sound what the later blocks have dropped.
    """

    def __init__(
        self,
        channels: Sequence[int] = CHANNELS,
        attention: str = "eca",
        reduction: int = 16,
        earlier: int = 0,
        frame_stride: int = 2,
    ) -> None:
        super().__init__()
        self.trunk = SlimTrunk(channels, attention, reduction, frame_stride)
        blocks = len(self.trunk.channels)
        if not 0 <= earlier < blocks - 1:  # the pooling lies between the first and the others
            raise ValueError(
                f"earlier is {earlier}; of {blocks} blocks it can be 0 to {blocks - 2}"
            )
        self.pooled = (-1 - earlier, -1) if earlier else (-1,)
        sizes = [self.trunk.channels[layer] for layer in self.pooled]
        self.embeddings = nn.ModuleList(Embedding(size) for size in sizes)
        self.size = 2 * sum(sizes)  # D

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding."""
        maps, parts = self.trunk(x), []
        for embedding, layer in zip(self.embeddings, self.pooled, strict=True):
            parts += embedding(maps[layer])
        return (torch.cat(parts, dim=1).flatten(1),)


class SlimAMFM(nn.Module):
    """A slim encoder with heads: `[B, 1, M, F] -> ([B, scenes],)` or with `[B, abstract]` too."""

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 0,
        channels: Sequence[int] = CHANNELS,
        attention: str = "eca",
        reduction: int = 16,
        dropout: float = 0.2,
        earlier: int = 0,
        frame_stride: int = 2,
    ) -> None:
        super().__init__()
        self.encoder = SlimEncoder(channels, attention, reduction, earlier, frame_stride)
        self.dropout = nn.Dropout(dropout)
        self.scene = nn.Linear(self.encoder.size, n_scenes)
        self.abstract = nn.Linear(self.encoder.size, n_abstract) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        (embedding,) = self.encoder(x)
        embedding = self.dropout(embedding)
        if self.abstract is None:
            return (self.scene(embedding),)
        return self.scene(embedding), self.abstract(embedding)
