"""Networks that together need every operator which files of people's own networks may have."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from layers import Bands

WIDTH, MELS = 12, 12  # behind the stem, of 24 mels
JOINED = WIDTH * 7  # channels of the mels that the pool leaves


def stem() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, WIDTH, 3, 2, 1), nn.BatchNorm2d(WIDTH), nn.Hardswish())


class Operators(nn.Module):
    """All that int8 files have, too; `[B, 1, 24, F] -> [B, scenes]`."""

    def __init__(self, n_scenes: int) -> None:
        super().__init__()
        self.stem, self.bands = stem(), Bands(WIDTH, 3)
        self.gelus = nn.ModuleList([nn.GELU(), nn.GELU("tanh"), nn.ELU()])
        self.convs = nn.ModuleList(nn.Conv2d(WIDTH // 3, WIDTH // 3, 3, padding=1) for _ in "abc")
        self.ahead = nn.Conv2d(WIDTH, WIDTH, (1, 3), padding=(0, 2), groups=WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.average = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.over_frames = nn.Conv1d(JOINED, JOINED, 3, groups=JOINED)
        self.join = nn.Conv1d(JOINED, 16, 1)
        self.head = nn.Linear(32, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bands(self.stem(x))
        parts = x.flip(1).split(WIDTH // 3, 1)
        rows = zip(self.convs, self.gelus, parts, strict=True)
        x = x + torch.cat([gelu(conv(part)) for conv, gelu, part in rows], 1)
        x = torch.maximum(x, self.ahead(x)[..., 2:]).clamp(-2.0, 5.0)
        x = x + self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = F.pad(torch.tanh(self.average(x)), (1, 0)) * torch.sigmoid(
            x.amax(2, keepdim=True).mean(3, True)
        )
        x = F.hardtanh(F.leaky_relu(self.pool(x), 0.1))
        x = self.join(self.over_frames(x.flatten(1, 2)))
        summary = torch.cat([x.mean(2), torch.minimum(F.relu(x.amax(2)), F.relu6(x[..., -1]))], 1)
        return self.head(F.normalize(summary) + 0.1 * summary)


class Roots(nn.Module):
    """What float files have alone."""

    def __init__(self, n_scenes: int) -> None:
        super().__init__()
        self.stem, self.norm = stem(), nn.InstanceNorm2d(MELS, affine=True)
        self.head = nn.Linear(2 * WIDTH, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = 0.1 * x + self.norm(x.transpose(1, 2)).transpose(1, 2)
        x = x / (x.std(2, keepdim=True) + 1)
        return self.head(torch.cat([x.mean((2, 3)), x.flatten(2).amax(2)], 1))
