"""What /proc/cpuinfo says of int8 instructions."""

import platform
from pathlib import Path

import pytest

from edge_asc.runtime.processor import CPUINFO, INT8_INSTRUCTIONS, instruction_set

INTEL = "flags\t\t: fpu sse4_1 avx avx2 avx512f avx512bw avx512_vnni\nvmx flags\t: vnmi avx_vnni\n"
PI_4 = "Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (INTEL + INTEL, "sse4_1 avx2 avx512bw avx512_vnni"),
        (PI_4, "asimd"),
        ("Features\t: half neon vfpv4\n", "neon"),
        ("model name\t: avx2\n", ""),
    ],
)
def test_instructions_are_named_in_order(tmp_path: Path, cpuinfo: str, expected: str) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    assert instruction_set(path) == f"{platform.machine()} {expected}".strip()


def test_without_the_file_it_is_the_machine(tmp_path: Path) -> None:
    assert instruction_set(tmp_path / "none") == platform.machine()


@pytest.mark.skipif(not CPUINFO.is_file(), reason="Linux alone")
def test_this_processor_has_some() -> None:
    machine, *found = instruction_set().split()
    assert machine == platform.machine() and set(found) <= {*INT8_INSTRUCTIONS} and found
