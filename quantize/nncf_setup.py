"""NNCF, imported so that it neither sends telemetry nor compiles anything.

Left alone, NNCF 3.4 reports its use over the network, and compiles C++ kernels on first use with a
time limit; an aborted build leaves a lock that hangs every later run. A few functions of torch
compute the same numbers where NNCF's eager reference needs a dozen passes.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

os.environ["NNCF_CI"] = "1"  # read once, at NNCF's first import: no telemetry


def import_nncf() -> ModuleType:
    """Return the `nncf` module, ready for torch on this machine."""
    with _without_telemetry():
        import nncf
    import nncf.torch
    from nncf.common.graph.patterns.patterns import IgnoredPatternNames
    from nncf.torch.quantization import extensions, ignored_patterns

    for functions in (extensions.QuantizedFunctionsCPU, extensions.QuantizedFunctionsCUDA):
        functions._loaded_namespace = TorchKernels
    # It would leave squeeze-and-excitation in float; our files hold integers throughout.
    known = ignored_patterns.PT_IGNORED_PATTERNS.registry_dict
    known.pop(IgnoredPatternNames.SE_BLOCK, None)
    nncf.set_log_level(logging.WARNING)
    return nncf


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """NNCF makes a telemetry object before it asks whether it may, and that an identity on disk.

    Where the package for it cannot be imported, it does without.
    """
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


class TorchKernels:
    """NNCF's two quantiser functions in few passes.

    Activations have one range, (low, range) with `levels` numbers; weights have one a channel and
    go to NNCF's reference, being small.
    """

    @staticmethod
    def Quantize_forward(x: Tensor, low: Tensor, span: Tensor, levels: int) -> Tensor:
        """Round to the grid."""
        if low.numel() > 1:
            return _reference().forward(x, low, span, levels)
        scale, zero_point = grid(low, span, levels)
        # What torch.fake_quantize_per_tensor_affine computes, to the bit, in a third of the time.
        steps = (x * scale.reciprocal()).round_()
        return steps.clamp_(-zero_point, levels - 1 - zero_point).mul_(scale)

    @staticmethod
    def Quantize_backward(
        gradient: Tensor,
        x: Tensor,
        low: Tensor,
        span: Tensor,
        levels: int,
        level_low: int,
        level_high: int,
        is_asymmetric: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor] | list[Tensor]:
        """Gradients of input, low and range.

        torch's kernel gives those of scale and zero point z. With G the sum of the gradients that
        were clipped, they are Σ_in g·(q - x/s) + (levels - 1)·Σ_high g - z·G and -s·G; NNCF's are
        G for low and Σ_in g·(x̂ - x)/range + Σ_high g for the range, where range = (levels - 1)·s.
        """
        if low.numel() > 1 or level_low != 0:
            return _reference().backward(
                gradient, x, low, span, levels, level_low, level_high, is_asymmetric
            )
        scale, zero_point = grid(low, span, levels)
        to_input, to_scale, to_zero = (
            torch.ops.aten._fake_quantize_learnable_per_tensor_affine_backward(
                gradient, x, scale, zero_point.float(), 0, levels - 1, 1.0
            )
        )
        clipped = -to_zero / scale
        to_span = (to_scale + zero_point * clipped) / (levels - 1)
        return to_input, clipped, to_span


def grid(low: Tensor, span: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Scale and zero point `[1]` of the numbers 0 … levels - 1 over a range."""
    scale = span.detach() / (levels - 1)
    return scale, torch.round(-low.detach() / scale).int()


def _reference() -> Any:
    from nncf.torch.quantization.reference import torch_executor

    return torch_executor
