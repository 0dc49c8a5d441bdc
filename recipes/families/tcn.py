"""In the manner of a temporal convolutional network: a 2-D front, then residual layers over frames.

What a recurrent network does with frames, dilated causal convolutions do here. After Bai, Kolter,
Koltun: "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
Modeling", 2018. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BANDS = 4  # of mels, which become channels


class Causal(nn.Module):
    """`[B, C, F] -> [B, C, F]`: each frame sees itself and two earlier ones, so far apart."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.ahead = 2 * dilation
        self.filter = nn.Conv1d(
            channels, channels, 3, padding=self.ahead, dilation=dilation, groups=channels
        )
        self.mix = nn.Sequential(nn.ReLU(), nn.Conv1d(channels, channels, 1, bias=False))
        self.norm = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Filter, cut off what looks ahead, mix channels."""
        y = self.filter(x)[..., : -self.ahead]
        return torch.relu(x + self.dropout(self.norm(self.mix(y))))


class TCN(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames."""

    def __init__(
        self,
        n_scenes: int,
        width: int = 16,
        channels: int = 64,
        dilations: Sequence[int] = (1, 2, 4, 8),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=(1, 2), padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d((BANDS, None)),
        )
        self.enter = nn.Conv1d(2 * width * BANDS, channels, 1)
        self.blocks = nn.Sequential(*(Causal(channels, d, dropout) for d in dilations))
        self.at_each_frame = nn.Linear(channels, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits: what frames say on average, and what one says most."""
        x = self.front(x).flatten(1, 2)
        frames = self.at_each_frame(self.blocks(torch.relu(self.enter(x))).transpose(1, 2))
        return frames.mean(1) + frames.amax(1)
