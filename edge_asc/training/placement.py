"""Where a training runs: processes, machines, kind of device and precision."""

import os
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Placement:
    """Processes and machines of one training.

    Attributes:
        devices: processes or GPUs on this machine.
        num_nodes: machines.
        accelerator: Lightning's word for the kind of device.
    """

    devices: int = 1
    num_nodes: int = 1
    accelerator: str = "auto"

    def trainer_arguments(self, precision: str) -> dict[str, Any]:
        """Return what Lightning's Trainer is told of this, and of the precision there."""
        several = self.devices * self.num_nodes > 1
        on_cuda = self.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        return {
            "devices": self.devices,
            "num_nodes": self.num_nodes,
            "accelerator": self.accelerator,
            "strategy": "ddp" if several else "auto",
            "sync_batchnorm": several and on_cuda,
            "precision": trainer_precision(precision, on_cuda),
        }


HERE = Placement()  # one process on this machine


def trainer_precision(precision: str, on_cuda: bool) -> Any:
    """Lightning's name for a precision; `auto` is bfloat16 where the processor computes in it."""
    if precision == "auto":
        has_it = torch.cuda.is_bf16_supported(False) if on_cuda else cpu_has_bfloat16()
        precision = "bfloat16" if has_it else "float32"
    return {"float32": "32-true", "bfloat16": "bf16-mixed"}[precision]


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in checks)


def is_main_process() -> bool:
    """Whether this is the process that writes, by what launchers set before training starts."""
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")
    return all(int(os.environ.get(name, 0)) == 0 for name in names)
