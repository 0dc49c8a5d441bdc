"""NNCF, imported so that it neither sends telemetry nor compiles anything.

Left alone, NNCF 3.4 reports its use over the network, and compiles C++ kernels on first use with a
time limit; an aborted build leaves a lock that hangs every later run. Its own eager kernels compute
the same numbers.
"""

import logging
import os
from types import ModuleType

os.environ["NNCF_CI"] = "1"  # read once, at NNCF's first import: no telemetry


def import_nncf() -> ModuleType:
    """Return the `nncf` module, ready for torch on this machine."""
    import nncf
    import nncf.torch
    from nncf.torch.quantization import extensions
    from nncf.torch.quantization.reference import torch_executor

    class EagerKernels:
        Quantize_forward = staticmethod(torch_executor.forward)
        Quantize_backward = staticmethod(torch_executor.backward)

    extensions.QuantizedFunctionsCPU._loaded_namespace = EagerKernels
    nncf.set_log_level(logging.WARNING)
    return nncf
