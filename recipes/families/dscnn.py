"""In the manner of DS-CNN: a strided convolution, then depthwise separable ones of one width.

After Zhang, Suda, Lai, Chandra: "Hello Edge: Keyword Spotting on Microcontrollers", 2017.
Shapes: B clips, C channels, M mels, F frames.
"""

from torch import Tensor, nn


def separable(channels: int) -> nn.Sequential:
    """A filter for each channel, then 1 x 1: `[B, C, M, F] -> [B, C, M, F]`."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class DSCNN(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames."""

    def __init__(self, n_scenes: int, channels: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.ZeroPad2d((1, 2, 3, 4)),  # as frameworks of "same" padding lay it
            nn.Conv2d(1, channels, (10, 4), stride=(4, 2)),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
        )
        self.blocks = nn.Sequential(*(separable(channels) for _ in range(blocks)))
        self.pool = nn.AvgPool2d(2)
        self.classifier = nn.Linear(channels, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.pool(self.blocks(self.stem(x)))
        return self.classifier(x.flatten(2).mean(-1))
