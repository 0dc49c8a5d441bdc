"""In the manner of MobileNetV2: inverted residuals with linear bottlenecks, ReLU6.

After Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear
Bottlenecks", CVPR 2018. Shapes: B clips, C channels, M mels, F frames.
"""

from collections.abc import Sequence

from torch import Tensor, nn

Stage = tuple[int, int, int]  # channels, blocks, stride of the first


def conv_norm(
    c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow: `[B, in, M, F] -> [B, out, M / stride, F / stride]`."""

    def __init__(self, c_in: int, c_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.layers = nn.Sequential(
            conv_norm(c_in, wide, 1),
            conv_norm(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Add what is found where the shape allows it."""
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNet(nn.Module):
    """`[B, 1, M, F] -> [B, scenes]`; any number of frames."""

    def __init__(
        self,
        n_scenes: int,
        stages: Sequence[Stage] = ((16, 2, 2), (24, 2, 2), (40, 2, 2)),
        expansion: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = [conv_norm(1, 12, 3, 2)]
        width = 12
        for channels, repeats, stride in stages:
            for block in range(repeats):
                step = stride if block == 0 else 1
                blocks.append(InvertedResidual(width, channels, step, expansion))
                width = channels
        self.features = nn.Sequential(*blocks, conv_norm(width, 96, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(96, n_scenes))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.features(x).mean([2, 3]))
