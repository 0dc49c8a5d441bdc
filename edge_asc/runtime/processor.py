"""What the processor can do that int8 kernels are chosen by.

A runtime has other kernels for other instructions, so an answer that was checked on one processor
was checked on that kind alone.
"""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# As /proc/cpuinfo spells them, x86-64 and ARM, weaker ones first.
INT8_INSTRUCTIONS = (
    *("sse4_1", "avx2", "avx512bw", "avx_vnni", "avx512_vnni", "avx_vnni_int8", "amx_int8"),
    *("neon", "asimd", "asimddp", "i8mm", "sve"),
)


def instruction_set(cpuinfo: Path = CPUINFO) -> str:
    """Such as `x86_64 sse4_1 avx2` or `aarch64 asimd`; the machine alone where that is not told."""
    lines = cpuinfo.read_text("utf-8", "replace").splitlines() if cpuinfo.is_file() else []
    named = [line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))]
    found = set(named[0].split()) if named else set()
    return " ".join([platform.machine(), *(name for name in INT8_INSTRUCTIONS if name in found)])
