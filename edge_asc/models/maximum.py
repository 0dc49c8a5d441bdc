"""A binary maximum whose gradient costs two passes instead of ten.

Where both values are equal torch gives each half of the gradient, and pays for that with masks and
divisions: a third of an eager bfloat16 step of the compact network (bench/steps.py), and a
quarter of a compiled one on a processor without AVX-512, which stores three masks. Here the first
value gets it all, which is a subgradient as well.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FirstWins(torch.autograd.Function):
    """max(a, b); the gradient goes to `a` where a >= b, else to `b`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        """Return the larger value at every position; a and b have one shape."""
        ctx.save_for_backward(a, b)  # no mask: a compiler computes both anew from what layers keep
        return torch.maximum(a, b)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Split the gradient."""
        a, b = ctx.saved_tensors
        # Not a == max(a, b): computed anew, values may be rounded otherwise than the maximum was.
        to_a = torch.where(a >= b, gradient, 0.0)
        return to_a, gradient - to_a


class CheapMaximum(TorchFunctionMode):
    """While active, `torch.max(a, b)` and `torch.maximum(a, b)` of one shape are `FirstWins`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call what torch was asked to call, but for those two."""
        if func in (torch.max, torch.maximum) and len(args) == 2 and not kwargs:
            a, b = args
            if isinstance(b, Tensor) and a.shape == b.shape and a.dtype == b.dtype:
                return FirstWins.apply(a, b)
        return func(*args, **(kwargs or {}))
