"""Networks as users write them, in spellings that differ; each takes `[B, 1, M, F]`."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    """Functional spellings: pooling over axes, relu as a method, dropout as a function."""

    def __init__(self, n_scenes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, stride=(2, 1), bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(16)
        self.out = nn.Linear(16, n_scenes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))
        x = self.norm2(self.conv2(x)).relu()
        x = F.dropout(x.mean((2, 3)), 0.3, self.training)
        return self.out(x)


def sequential(n_scenes: int = 10) -> nn.Sequential:
    """Modules alone, with pooling that leaves odd rows and columns out."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 12, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Dropout2d(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, n_scenes)),
    )


class Residual(nn.Module):
    """A sum in place, a gate, and a convolution as the last layer, averaged behind it."""

    def __init__(self, n_scenes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.gate = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.head = nn.Conv2d(8, n_scenes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.stem(x))
        x += torch.mul(self.branch(x), self.gate(x))
        return (torch.flatten(torch.mean(self.head(x), (2, 3), keepdim=True), 1),)


class UnitLength(nn.Module):
    """Cosines: the last layer reads an embedding of length 1, which is joined of vectors."""

    def __init__(self, n_scenes: int = 10) -> None:
        super().__init__()
        self.trunk = sequential(16)
        self.out = nn.Linear(32, n_scenes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        vector = self.trunk(x)
        return self.out(F.normalize(torch.cat((vector, F.relu(vector)), dim=1)))


class JoinedGate(nn.Module):
    """A sigmoid's output beside numbers that reach beyond it: in int8 they would share its grid."""

    def __init__(self, n_scenes: int = 10) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(1, 8, 3), nn.Conv2d(1, 8, 3)
        self.out = nn.Linear(16, n_scenes)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat((4 * self.conv(x), torch.sigmoid(self.gate(x))), dim=1)
        return self.out(joined.mean((2, 3)))


class TwoHeads(nn.Module):
    """Scenes and abstract classes."""

    def __init__(self, n_scenes: int = 10, n_abstract: int = 3) -> None:
        super().__init__()
        self.trunk = sequential(16)
        self.scene, self.abstract = nn.Linear(16, n_scenes), nn.Linear(16, n_abstract)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x).relu()
        return self.scene(x), self.abstract(x)


NETWORKS = {
    "functional": Net,
    "modules": sequential,
    "residual": Residual,
    "two heads": TwoHeads,
    "unit length": UnitLength,
}


def unsettled(network: nn.Module) -> nn.Module:
    """A network whose batch norms are not at their start, in evaluation mode."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()
