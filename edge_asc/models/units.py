"""A convolution or linear layer with its activation: max feature map, ReLU or leaky ReLU.

The max feature map (MFM) computes twice the channels, splits them in two halves and keeps the
larger value at every position. The other two are the paper's comparison (its table 1): the same
number of feature maps K, from K filters instead of 2K. Shapes: B clips, C channels, M mels,
F frames.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Slope of the leaky ReLU below zero. The paper names none, torch's own is 0.01; integer kernels
# compute in multiples of 1/256, of which this is the nearest.
LEAK = 3 / 256


class MaxOfHalves(nn.Module):
    """The larger of the two halves of the channels, `[B, 2C, …] -> [B, C, …]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Compare at every position."""
        a, b = x.chunk(2, dim=1)
        return torch.max(a, b)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "mfm": MaxOfHalves,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(LEAK),
}


def filters(unit: str, features: int) -> int:
    """Outputs of the convolution or linear layer of a unit with so many features."""
    return 2 * features if unit == "mfm" else features


class ConvUnit(nn.Module):
    """Convolution and activation, `[B, in, M, F] -> [B, out, M', F']`.

    With `norm`, batch norm stands before the activation. With `branches`, an odd kernel is the sum
    of several that are normalised apart (`ParallelConv`).

    Raises:
        ValueError: branches without batch norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        norm: bool = False,
        unit: str = "mfm",
        branches: bool = False,
    ) -> None:
        super().__init__()
        if branches and not (norm and isinstance(kernel, int)):
            raise ValueError("branches need batch norm before the activation and a square kernel")
        width = filters(unit, out_channels)
        self.filter: nn.Module
        self.norm: nn.Module = nn.Identity()
        if branches and isinstance(kernel, int):
            self.filter = ParallelConv(in_channels, width, kernel, stride)
        else:
            self.filter = nn.Conv2d(in_channels, width, kernel, stride, padding, bias=not norm)
            self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.activation = ACTIVATIONS[unit]()
        self.halves_first = norm and unit == "mfm" and not branches

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's feature maps."""
        x = self.filter(x)
        norm = self.norm
        if torch.compiler.is_compiling() and self.halves_first and self.training:
            assert isinstance(norm, nn.BatchNorm2d)
            return max_of_normalised_halves(x, norm)
        return self.activation(norm(x))


class ParallelConv(nn.Module):
    """k x k, 1 x k, k x 1 and 1 x 1 convolutions, each with batch norm, added; k is odd.

    They compute one k x k convolution, which is all that a file has of them, but learn otherwise:
    the middle and its row and column have gradients of their own. After Ding et al., "ACNet", 2019.
    `[B, in, M, F] -> [B, out, M', F']`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int | tuple[int, int] = 1,
    ) -> None:
        super().__init__()
        sizes = dict.fromkeys([(kernel, kernel), (1, kernel), (kernel, 1), (1, 1)])
        self.filters = nn.ModuleList()
        for high, wide in sizes:
            filter_ = nn.Conv2d(
                in_channels, out_channels, (high, wide), stride, (high // 2, wide // 2), bias=False
            )
            norm = nn.BatchNorm2d(out_channels)
            nn.init.constant_(norm.weight, len(sizes) ** -0.5)  # the sum's variance is 1 at first
            self.filters.append(nn.Sequential(filter_, norm))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of all."""
        first, *others = (layer(x) for layer in self.filters)
        for other in others:
            first = first + other
        return first


def max_of_normalised_halves(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch norm, then the larger of the two halves of the channels, in training.

    Halves come first: all that follows has one shape, which a compiler fuses into fewer passes
    than it needs where the halves come last.
    """
    mean, variance, steps = norm.running_mean, norm.running_var, norm.num_batches_tracked
    assert mean is not None and variance is not None and steps is not None  # as ConvUnit makes it
    steps.add_(1)
    middle = x.shape[1] // 2
    a, b = (
        F.batch_norm(
            x[:, half],
            mean[half],
            variance[half],
            norm.weight[half],
            norm.bias[half],
            training=True,
            momentum=norm.momentum or 0.0,
            eps=norm.eps,
        )
        for half in (slice(middle), slice(middle, None))
    )
    return torch.max(a, b)


class LinearUnit(nn.Module):
    """Linear layer and activation, `[B, in] -> [B, out]`."""

    def __init__(self, in_features: int, out_features: int, unit: str = "mfm") -> None:
        super().__init__()
        self.filter = nn.Linear(in_features, filters(unit, out_features))
        self.activation = ACTIVATIONS[unit]()

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's features."""
        return self.activation(self.filter(x))
