"""The paper's networks: one trunk, and four ways to predict scenes and abstract classes from it.

Source: "Attentive Max Feature Map and Joint Training for Acoustic Scene Classification"
(Shim, Jung, Kim, Yu, ICASSP 2022), sections 2.2 and 3, and its public code, which holds the
extended network alone. Layers of the other three are unpublished: each docstring says which
reading leads to it and how near it comes to the size that the paper prints.

Shapes: B clips, C channels, M mels, F frames. Comments are for 5 s, `[B, 1, 256, 251]`; the
flattened inputs of the linear layers fix mels and frames. Each network takes `n_mels`, `n_frames`
and the fields of `Style` besides what it names (`OnTrunk`).
"""

from typing import Any

from torch import Tensor, nn

from edge_asc.models.blocks import Block, Style, halve
from edge_asc.models.units import ConvUnit, LinearUnit

TRUNK_CHANNELS, TRUNK_HALVINGS = 32, 4


class OnTrunk(nn.Module):
    """The shared part: 138,469 parameters, `[B, 1, 256, 251] -> [B, 32, 16, 17]`."""

    def __init__(self, n_mels: int = 256, n_frames: int = 251, **style: Any) -> None:
        super().__init__()
        self.style = Style(**style)
        self.behind_stem = n_mels + 2 - 6, n_frames + 14 - 2  # by its padding and kernel
        self.trunk = nn.Sequential(
            ConvUnit(1, 32, (7, 3), padding=(1, 7), unit=self.style.unit),  # [B, 32, 252, 263]
            halve(),
            Block(32, 48, self.style),
            halve(),
            nn.BatchNorm2d(48),  # [B, 48, 63, 66]
            Block(48, 64, self.style),
            halve(),
            Block(64, 32, self.style),
            nn.BatchNorm2d(32),
            halve(),
        )

    def flat_size(self, channels: int, more_halvings: int = 0) -> int:
        """Features of the flattened map, so many poolings after the trunk's."""
        mels, frames = self.behind_stem
        for _ in range(TRUNK_HALVINGS + more_halvings):
            mels, frames = -(-mels // 2), -(-frames // 2)
        return channels * mels * frames


class Head(nn.Module):
    """Dropout, a hidden layer and one task's logits: `[B, C, M, F] -> [B, classes]`."""

    def __init__(self, n_classes: int, flat: int, style: Style) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.hidden = LinearUnit(flat, 100, style.unit)
        self.out = nn.Linear(100, n_classes)

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


class FullAMFM(OnTrunk):
    """Extended multi-task learning: shared trunk, then a branch of layers per label set.

    The network of the public code: 624,192 parameters with 10 scenes and 3 abstract classes, the
    paper's "0.6M". Without abstract classes the 3-class branch is left out.
    """

    def __init__(self, n_scenes: int, n_abstract: int = 3, **trunk: Any) -> None:
        super().__init__(**trunk)
        flat = self.flat_size(16, 1)  # 16 x 8 x 9 = 1152
        self.scene = Branch(n_scenes, flat, self.style)
        self.abstract = Branch(n_abstract, flat, self.style) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and, where asked for, the abstract classes."""
        x = self.trunk(x)
        if self.abstract is None:
            return (self.scene(x),)
        return self.scene(x), self.abstract(x)


class SingleAMFM(OnTrunk):
    """Single-task network, and that of pre-training (the same layers, first with other labels).

    The paper's "1.5M" is more than twice the extended network, although it predicts less, so what
    the extended network narrows for each task (32 → 16 channels and one more pooling) is wide here:
    the trunk's 32 x 16 x 17 = 8704 features go into the hidden layer at once. With the 80 units of
    the LCNN that the trunk is built after (Lavrentyeva et al., Interspeech 2019) that makes
    1,532,079 parameters; with the branches' 100 units it would be 1.9 M. `table 1` compares trunks
    of this network, since its AMFM row equals table 2's row without joint training.
    """

    HIDDEN = 80

    def __init__(self, n_scenes: int, n_abstract: int = 0, **trunk: Any) -> None:
        if n_abstract:
            raise ValueError("a single-task network has no abstract head (n_abstract must be 0)")
        super().__init__(**trunk)
        self.dropout = nn.Dropout(0.5)
        self.hidden = LinearUnit(self.flat_size(TRUNK_CHANNELS), self.HIDDEN, self.style.unit)
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

    def __init__(self, n_scenes: int, n_abstract: int = 3, **trunk: Any) -> None:
        _require_abstract("conventional", n_abstract)
        super().__init__(n_scenes, **trunk)
        self.abstract = nn.Linear(self.HIDDEN, n_abstract)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and the abstract classes."""
        shared = self.features(x)
        return self.scene(shared), self.abstract(shared)


class SequentialAMFM(OnTrunk):
    """Sequential multi-task learning: abstract classes half-way, scenes at the end.

    "3-class output after an intermediate hidden layer, then 10-class": the coarse classes come out
    behind one more stage of the trunk (block 32 → 32, batch norm, pool) and a hidden layer; the
    extended network's 10-class branch goes on from that stage. 697,585 parameters, the paper's
    "0.7M". Chaining the hidden layers instead (the 3-class one feeds the 10-class one) gives 0.4 M
    with the branch's sizes.
    """

    def __init__(self, n_scenes: int, n_abstract: int = 3, **trunk: Any) -> None:
        _require_abstract("sequential", n_abstract)
        super().__init__(**trunk)
        block = Block(TRUNK_CHANNELS, 32, self.style)
        self.stage = nn.Sequential(block, nn.BatchNorm2d(32), halve())  # [B, 32, 8, 9]
        self.abstract = Head(n_abstract, self.flat_size(32, 1), self.style)
        self.scene = Branch(n_scenes, self.flat_size(16, 2), self.style)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits for the scenes and the abstract classes."""
        x = self.stage(self.trunk(x))
        return self.scene(x), self.abstract(x)


def _require_abstract(name: str, n_abstract: int) -> None:
    if not n_abstract:
        raise ValueError(f"{name} needs abstract classes (model.abstract = true)")
