"""The paper's networks: one trunk, and four ways to predict scenes and abstract classes from it.

Source: "Attentive Max Feature Map and Joint Training for Acoustic Scene Classification"
(Shim, Jung, Kim, Yu, ICASSP 2022), sections 2.2 and 3, and its public code, which holds the
extended network alone. Layers of the other three are unpublished: each docstring says which
reading leads to it and how near it comes to the size that the paper prints.

Shapes: B clips, C channels, M mels, F frames. Comments are for 5 s, `[B, 1, 256, 251]`; the
flattened inputs of the linear layers fix mels and frames. `style` takes the fields of `Style`.
"""

from typing import Any

from torch import Tensor, nn

from edge_asc.models.blocks import Block, Style, halve
from edge_asc.models.units import ConvUnit, LinearUnit

TRUNK_CHANNELS, TRUNK_HALVINGS = 32, 4


def paper_trunk(style: Style) -> nn.Sequential:
    """The shared part: 138,469 parameters, `[B, 1, 256, 251] -> [B, 32, 16, 17]`."""
    return nn.Sequential(
        ConvUnit(1, 32, (7, 3), padding=(1, 7), unit=style.unit),  # [B, 32, 252, 263]
        halve(),
        Block(32, 48, style),
        halve(),
        nn.BatchNorm2d(48),  # [B, 48, 63, 66]
        Block(48, 64, style),
        halve(),
        Block(64, 32, style),
        nn.BatchNorm2d(32),
        halve(),
    )


def flat_size(channels: int, n_mels: int, n_frames: int, halvings: int) -> int:
    """Features of the flattened map, after the stem and so many poolings in all."""
    mels, frames = n_mels + 2 - 6, n_frames + 14 - 2  # the stem's padding and kernel
    for _ in range(halvings):
        mels, frames = -(-mels // 2), -(-frames // 2)
    return channels * mels * frames


class Head(nn.Module):
    """Dropout, a hidden layer and one task's logits: `[B, C, M, F] -> [B, classes]`."""

    def __init__(self, n_classes: int, flat: int, style: Style, hidden: int = 100) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.hidden = LinearUnit(flat, hidden, style.unit)
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return this task's logits."""
        return self.out(self.hidden(self.dropout(x.flatten(1))))


class Branch(nn.Module):
    """One task's own layers of the extended network, `[B, 32, M, F] -> [B, classes]`."""

    def __init__(self, n_classes: int, flat: int, style: Style) -> None:
        super().__init__()
        self.block = Block(TRUNK_CHANNELS, 16, style)
        self.norm = nn.BatchNorm2d(16)
        self.pool = halve()
        self.head = Head(n_classes, flat, style)

    def forward(self, x: Tensor) -> Tensor:
        """Return this task's logits."""
        return self.head(self.pool(self.norm(self.block(x))))


class FullAMFM(nn.Module):
    """Extended multi-task learning: shared trunk, then a branch of layers per label set.

    The network of the public code: 624,192 parameters with 10 scenes and 3 abstract classes, the
    paper's "0.6M". Without abstract classes the 3-class branch is left out.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 3,
        n_mels: int = 256,
        n_frames: int = 251,
        **style: Any,
    ) -> None:
        super().__init__()
        made_of = Style(**style)
        flat = flat_size(16, n_mels, n_frames, TRUNK_HALVINGS + 1)  # 16 x 8 x 9 = 1152
        self.trunk = paper_trunk(made_of)
        self.scene = Branch(n_scenes, flat, made_of)
        self.abstract = Branch(n_abstract, flat, made_of) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = self.trunk(x)
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)


class SingleAMFM(nn.Module):
    """Single-task network, and that of pre-training (the same layers, first with other labels).

    The paper's "1.5M" is more than twice the extended network, although it predicts less, so what
    the extended network narrows for each task (32 → 16 channels and one more pooling) is wide here:
    the trunk's 32 x 16 x 17 = 8704 features go into the hidden layer at once. With the 80 units of
    the LCNN that the trunk is built after (Lavrentyeva et al., Interspeech 2019) that makes
    1,532,079 parameters; with the branches' 100 units it would be 1.9 M. `table 1` compares trunks
    of this network, since its AMFM row equals table 2's row without joint training.
    """

    HIDDEN = 80

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 0,
        n_mels: int = 256,
        n_frames: int = 251,
        **style: Any,
    ) -> None:
        super().__init__()
        if n_abstract:
            raise ValueError("a single-task network has no abstract head (n_abstract must be 0)")
        made_of = Style(**style)
        flat = flat_size(TRUNK_CHANNELS, n_mels, n_frames, TRUNK_HALVINGS)
        self.trunk = paper_trunk(made_of)
        self.dropout = nn.Dropout(0.5)
        self.hidden = LinearUnit(flat, self.HIDDEN, made_of.unit)
        self.scene = nn.Linear(self.HIDDEN, n_scenes)

    def features(self, x: Tensor) -> Tensor:
        """The last layer that tasks share, `[B, 80]`."""
        return self.hidden(self.dropout(self.trunk(x).flatten(1)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes."""
        return (self.scene(self.features(x)),)


class ConventionalAMFM(SingleAMFM):
    """Conventional multi-task learning: two output layers on the last shared layer.

    The single-task network with 80 x 3 + 3 parameters more: 1,532,322, "1.5M". A hidden layer per
    task would make it 2.9 M, so the hidden layer is shared.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 3,
        n_mels: int = 256,
        n_frames: int = 251,
        **style: Any,
    ) -> None:
        _require_abstract("conventional", n_abstract)
        super().__init__(n_scenes, 0, n_mels, n_frames, **style)
        self.abstract = nn.Linear(self.HIDDEN, n_abstract)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and the abstract classes."""
        shared = self.features(x)
        return self.scene(shared), self.abstract(shared)


class SequentialAMFM(nn.Module):
    """Sequential multi-task learning: abstract classes half-way, scenes at the end.

    "3-class output after an intermediate hidden layer, then 10-class": the coarse classes come out
    behind one more stage of the trunk (block 32 → 32, batch norm, pool) and a hidden layer; the
    extended network's 10-class branch goes on from that stage. 697,585 parameters, the paper's
    "0.7M". Chaining the hidden layers instead (the 3-class one feeds the 10-class one) gives 0.4 M
    with the branch's sizes.
    """

    def __init__(
        self,
        n_scenes: int,
        n_abstract: int = 3,
        n_mels: int = 256,
        n_frames: int = 251,
        **style: Any,
    ) -> None:
        super().__init__()
        _require_abstract("sequential", n_abstract)
        made_of = Style(**style)
        halvings = TRUNK_HALVINGS + 1
        self.trunk = paper_trunk(made_of)
        self.stage = nn.Sequential(  # [B, 32, 8, 9]
            Block(TRUNK_CHANNELS, 32, made_of), nn.BatchNorm2d(32), halve()
        )
        self.abstract = Head(n_abstract, flat_size(32, n_mels, n_frames, halvings), made_of)
        self.scene = Branch(n_scenes, flat_size(16, n_mels, n_frames, halvings + 1), made_of)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and the abstract classes."""
        x = self.stage(self.trunk(x))
        return self.scene(x), self.abstract(x)


def _require_abstract(name: str, n_abstract: int) -> None:
    if not n_abstract:
        raise ValueError(f"{name} needs abstract classes (model.abstract = true)")
