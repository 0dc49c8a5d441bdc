"""The block that every AMFM network repeats, and its variants of the paper's table 1.

Source: "Attentive Max Feature Map and Joint Training for Acoustic Scene Classification"
(Shim, Jung, Kim, Yu, ICASSP 2022), section 2.1. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edge_asc.models.attention import ATTENTIONS
from edge_asc.models.units import ACTIVATIONS, ConvUnit
from edge_asc.suggest import no_such

COMBINATIONS = ("max", "replace")


@dataclass(frozen=True)
class Style:
    """What the blocks of a network are made of.

    | the paper's name | unit | attention | combine |
    |---|---|---|---|
    | CNN + ReLU, CNN + LeakyReLU, MFM | relu, leaky-relu, mfm | none | |
    | the same with CBAM | relu, leaky-relu, mfm | cbam | replace |
    | AMFM | mfm | cbam | max |

    Attributes:
        unit: of `ACTIVATIONS`: the activation behind every convolution.
        attention: of `ATTENTIONS`, or "none".
        combine: "max" keeps, at every position, the larger of the plain and the attended feature;
            "replace" passes on the attended one alone.
        reduction: channels per hidden unit of the attention's gate.
        norm_first: batch norm before each activation, where it trains faster and folds into the
            convolutions; else after the first activation, as in the paper.
        branches: k x k convolutions are trained as sums of several; needs `norm_first`.

    Raises:
        ValueError: a name that is not there, or a combination in which the attention has no say.
    """

    unit: str = "mfm"
    attention: str = "cbam"
    combine: str = "max"
    reduction: int = 16
    norm_first: bool = False
    branches: bool = False

    def __post_init__(self) -> None:
        check_option("unit", self.unit, ACTIVATIONS)
        check_option("attention", self.attention, ("none", *ATTENTIONS))
        check_option("combine", self.combine, COMBINATIONS)
        if not isinstance(self.branches, bool):
            raise ValueError(f"branches={self.branches!r}: expected true or false")
        if (self.unit, self.combine) == ("relu", "max") and self.attention != "none":
            # Of b >= 0 and a gate in (0, 1), the larger of b and gate * b is always b.
            raise ValueError(
                "unit 'relu' with combine 'max' never keeps an attended feature: combine='replace'"
            )


def check_option(option: str, value: str, known: Collection[str]) -> None:
    """Raise ValueError where an option's value is none of those known."""
    if value not in known:
        raise ValueError(no_such(option, value, known))


class Block(nn.Module):
    """1x1 unit, k x k unit b, then max(b, attention(b)): `[B, in, M, F] -> [B, out, M, F]`.

    What figure 2 of the paper shows are the outputs of `conv` (before attention), of `attention`
    and of the block.
    """

    def __init__(self, c_in: int, c_out: int, style: Style, kernel: int = 3) -> None:
        super().__init__()
        unit, first = style.unit, style.norm_first
        self.pointwise = ConvUnit(c_in, c_in, 1, norm=first, unit=unit)
        self.norm = nn.Identity() if first else nn.BatchNorm2d(c_in)
        self.conv = ConvUnit(
            c_in, c_out, kernel, padding=kernel // 2, norm=first, unit=unit, branches=style.branches
        )
        has_attention = style.attention != "none"
        self.attention = (
            ATTENTIONS[style.attention](c_out, style.reduction) if has_attention else None
        )
        self.keeps_larger = style.combine == "max"

    def forward(self, x: Tensor) -> Tensor:
        """Compute features, attend to them, combine the two."""
        b = self.conv(self.norm(self.pointwise(x)))
        if self.attention is None:
            return b
        return torch.max(b, self.attention(b)) if self.keeps_larger else self.attention(b)


def halve() -> nn.MaxPool2d:
    """2x2 max pooling that keeps the odd last row and column."""
    return nn.MaxPool2d(2, ceil_mode=True)
