"""Attention modules, `[B, C, M, F] -> [B, C, M, F]`: the input weighed by gates in (0, 1).

Shapes: B clips, C channels, M mels, F frames. The paper uses CBAM and says that its max goes with
any attention; squeeze-and-excitation and ECA stand beside it.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CBAM(nn.Module):
    """Convolutional block attention: a gate per channel, then a gate per position.

    Woo, Park, Lee, Kweon: "CBAM: Convolutional Block Attention Module", ECCV 2018. The hidden layer
    of the channel gate has C // reduction units, at least one.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.spatial_norm = nn.BatchNorm2d(1, eps=1e-5, momentum=0.01)

    def channel_gate(self, x: Tensor) -> Tensor:
        """Gate in (0, 1) per channel, `[B, C, 1, 1]`.

        MLP(average) + MLP(maximum). The output layer is linear, so it is applied once to the mean
        of the two hidden vectors and doubled: the same number with half the work.
        """
        average, maximum = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        hidden = F.relu(self.squeeze(torch.cat((average, maximum), dim=2)))  # [B, C/r, 2, 1]
        return torch.sigmoid(2.0 * self.excite(F.adaptive_avg_pool2d(hidden, 1)))

    def spatial_gate(self, x: Tensor) -> Tensor:
        """Gate in (0, 1) per position, `[B, 1, M, F]`, from maximum and mean over channels."""
        summary = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return torch.sigmoid(self.spatial_norm(self.spatial(summary)))

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels, then positions."""
        x = x * self.channel_gate(x)
        return x * self.spatial_gate(x)


class SqueezeExcitation(nn.Module):
    """A gate per channel from the means of all channels.

    Hu, Shen, Sun: "Squeeze-and-Excitation Networks", CVPR 2018.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels."""
        hidden = F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))  # [B, C/r, 1, 1]
        return x * torch.sigmoid(self.excite(hidden))


class EfficientChannelAttention(nn.Module):
    """A gate per channel from the means of its neighbours: a handful of weights, shared by all.

    Wang, Wu, Zhu, Li, Zuo, Hu: "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural
    Networks", CVPR 2020. The convolution over channels has the odd number of weights next to
    (log2 C + 1) / 2, as their equation 12 (gamma 2, b 1). `reduction` is not used.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        width = int((math.log2(channels) + 1) / 2) | 1
        self.excite = nn.Conv2d(1, 1, (1, width), padding=(0, width // 2), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels."""
        means = F.adaptive_avg_pool2d(x, 1).transpose(1, 3)  # [B, 1, 1, C]
        return x * torch.sigmoid(self.excite(means).transpose(1, 3))


ATTENTIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "cbam": CBAM,
    "se": SqueezeExcitation,
    "eca": EfficientChannelAttention,
}
