"""In the manner of BC-ResNet: filters over mels, and on the mean of all mels filters over frames.

What is found on the mean is broadcast to all mels and added. After Kim, Chang, Lee, Sung:
"Broadcasted Residual Learning for Efficient Keyword Spotting", Interspeech 2021, with plain batch
norms in the place of those by bands. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class BroadcastedBlock(nn.Module):
    """`[B, in, M, F] -> [B, out, M / stride, F]`; frames lie `dilation` apart."""

    def __init__(self, c_in: int, c_out: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.changes = stride > 1 or c_in != c_out
        layers = [nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
        self.widen = nn.Sequential(*layers if self.changes else [])
        self.over_mels = nn.Sequential(
            nn.Conv2d(c_out, c_out, (3, 1), (stride, 1), (1, 0), groups=c_out, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.over_frames = nn.Sequential(
            nn.Conv2d(
                c_out, c_out, (1, 3), padding="same", dilation=(1, dilation), groups=c_out,
                bias=False,
            ),
            nn.BatchNorm2d(c_out),
            nn.SiLU(),
            nn.Conv2d(c_out, c_out, 1, bias=False),
            nn.Dropout2d(0.1),
        )  # fmt: skip
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Add the mean's features to every mel."""
        y = self.over_mels(self.widen(x))
        y = y + self.over_frames(y.mean(2, keepdim=True))
        return self.relu(y if self.changes else x + y)


class BCResNet(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames.

    `stages`: channels, blocks, stride over mels of the first, dilation over frames.
    """

    def __init__(
        self,
        n_scenes: int,
        stages: Sequence[tuple[int, int, int, int]] = (
            (16, 2, 1, 1), (24, 2, 2, 2), (32, 2, 2, 4), (40, 2, 1, 8),
        ),
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, 24, 5, 2, 2, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
        ]
        width = 24
        for channels, blocks, stride, dilation in stages:
            for block in range(blocks):
                first = block == 0
                layers.append(BroadcastedBlock(width, channels, stride if first else 1, dilation))
                width = channels
        self.trunk = nn.Sequential(*layers)
        self.filter = nn.Conv2d(width, width, (5, 5), padding=(0, 2), groups=width, bias=False)
        self.head = nn.Sequential(
            nn.Conv2d(width, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()
        )
        self.classifier = nn.Conv2d(64, n_scenes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.filter(self.trunk(x)).mean(2, keepdim=True)
        x = self.head(x).mean(3, keepdim=True)
        return self.classifier(x).squeeze(-1).squeeze(-1)
