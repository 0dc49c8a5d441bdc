"""Random numbers drawn on the device, by the names that a numpy generator has for them.

A CUDA graph repeats the same kernels, so the numbers of a step have to be drawn by kernels too, and
nothing in between may ask the host. `Augmenter` draws from this as from numpy's generator.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Shape = int | Sequence[int]


class DeviceRandom:
    """What `Augmenter` needs of `numpy.random.Generator`, as tensors on a device.

    Args:
        device: where the numbers are needed.
        seed: of all numbers.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)

    def random(self, size: Shape = ()) -> Tensor:
        """Uniform in [0, 1)."""
        return torch.rand(_shape(size), generator=self.generator, device=self.device)

    def uniform(self, low: float, high: float, size: Shape) -> Tensor:
        """Uniform in [low, high)."""
        return low + (high - low) * self.random(size)

    def integers(self, low: int, high: Any, size: Shape | None = None) -> Tensor:
        """Whole numbers in [low, high), evenly; `high` may be a tensor, one per number."""
        shape = high.shape if isinstance(high, Tensor) else _shape(size or ())
        drawn = torch.rand(  # float32 could round up to 1 times the range
            shape, generator=self.generator, device=self.device, dtype=torch.float64
        )
        return (drawn * (high - low)).long() + low

    def beta(self, a: float, b: float, size: int) -> Tensor:
        """Beta(a, b), from two gamma variables."""
        x, y = (self._gamma(shape, size) for shape in (a, b))
        return x / (x + y)

    def _gamma(self, shape: float, size: int) -> Tensor:
        shapes = torch.full((size,), shape, device=self.device)
        return torch._standard_gamma(shapes, generator=self.generator)

    def standard_exponential(self, size: Sequence[int], dtype: object = None) -> Tensor:
        """Exponential with mean 1, float32."""
        numbers = torch.empty(_shape(size), device=self.device)
        return numbers.exponential_(generator=self.generator)

    def permutation(self, n: int) -> Tensor:
        """The numbers below `n` in any order."""
        return self.random(n).argsort()


def _shape(size: Shape) -> tuple[int, ...]:
    return (size,) if isinstance(size, int) else tuple(size)
