"""Doctor's checks of the machine: board, system, clock, disk, memory, heat, power.

Checks take `root`, which stands for `/`.
"""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import edge_asc
from edge_asc.demo.doctor.findings import Finding, finding
from edge_asc.demo.hearing import machine

MB, GB = 1e6, 1e9
DAY_S = 86400.0
DISK_LOW_BYTES, DISK_FULL_BYTES = 1 * GB, 100 * MB
MEMORY_LOW_BYTES, MEMORY_FULL_BYTES = 250 * MB, 120 * MB  # one listener takes up to 110 MB
SMALL_MACHINE_BYTES = 1.1 * GB  # that should have swap
HOT_C = 70.0  # from 80 °C a Raspberry Pi slows down
SUPPLY_MA = 5000  # that a Raspberry Pi 5 wants
SUPPLY = "use the supply that is made for this board, and a short, thick cable"


def check_board(root: Path) -> Iterator[Finding]:
    """What machine and system this is."""
    architecture = platform.machine()
    names = dict.fromkeys((machine.board(root), architecture))  # once, where they are the same
    fact = f"{', '.join(names)}, {os.cpu_count()} cores"
    advice = "no inference runtime is made for ARMv6: use a Zero 2 W, a Pi 3 or a newer one"
    yield finding("board", fact, (architecture.startswith("armv6"), "fail", advice))
    yield Finding("system", "ok", f"{machine.os_name(root)}, kernel {platform.release()}")


def check_clock(root: Path) -> Iterator[Finding]:
    """A Raspberry Pi has no clock that runs without power: it asks the network for the time."""
    now_s = time.time()
    says = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now_s))
    advice = "connect it to a network and: sudo timedatectl set-ntp true"
    if now_s < Path(edge_asc.__file__).stat().st_mtime - DAY_S:
        fact = f"{says} is before edge-asc was installed"
        yield Finding("clock", "fail", fact, advice)
    elif (root / "run/systemd/timesync/synchronized").exists():
        yield Finding("clock", "ok", f"{says}, set by the network")
    elif (root / "run/systemd/timesync").exists():
        yield Finding("clock", "warn", f"{says}, not yet set by the network", advice)
    else:
        yield Finding("clock", "ok", f"{says}; who sets it is not known")


def check_disk(root: Path) -> Iterator[Finding]:
    """Room for logs."""
    usage = shutil.disk_usage(root)
    yield disk_finding(usage.free, usage.total)


def disk_finding(free_bytes: float, total_bytes: float) -> Finding:
    """What the room means."""
    fact = f"{free_bytes / GB:.1f} of {total_bytes / GB:.1f} GB free"
    advice = "make room: sudo apt clean; sudo journalctl --vacuum-size=50M"
    full, low = free_bytes < DISK_FULL_BYTES, free_bytes < DISK_LOW_BYTES
    return finding("disk", fact, (full, "fail", advice), (low, "warn", advice))


def check_memory(root: Path) -> Iterator[Finding]:
    """Room for a listener, and swap on machines that have little."""
    sizes = meminfo(root)
    total, free, swap = (sizes[key] for key in ("MemTotal", "MemAvailable", "SwapTotal"))
    fact = f"{free / MB:.0f} of {total / MB:.0f} MB free, swap {_swap(root)}"
    no_swap = total < SMALL_MACHINE_BYTES and not swap
    yield finding(
        "memory",
        fact,
        (free < MEMORY_FULL_BYTES, "fail", "end other programs: a listener takes up to 110 MB"),
        (free < MEMORY_LOW_BYTES, "warn", "end other programs, such as the desktop"),
        (no_swap, "warn", "compressed swap helps: sudo apt install zram-tools"),
    )


def meminfo(root: Path) -> dict[str, float]:
    """The kernel's sizes by name, in bytes."""
    lines = (root / "proc/meminfo").read_text().splitlines()
    return {
        name: 1024.0 * int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)
    }


def _swap(root: Path) -> str:
    lines = (root / "proc/swaps").read_text().splitlines()[1:]
    devices = [(line.split()[0], int(line.split()[2]) * 1024) for line in lines]
    return ", ".join(f"{size / MB:.0f} MB on {name}" for name, size in devices) or "none"


def check_heat(root: Path) -> Iterator[Finding]:
    """Temperature, and what slows the processor down."""
    temperature_c = machine.temperature_c(root)
    cooler = "a heat sink, a fan, or more air in the case"
    if temperature_c is None:
        yield Finding("temperature", "ok", "the system does not tell")
    else:
        fact = f"{temperature_c:.0f} °C"
        yield finding("temperature", fact, (temperature_c >= HOT_C, "warn", cooler))
    now, before = machine.throttled(root), machine.throttled_since_boot(root)
    if now is None or before is None:
        yield Finding("throttling", "ok", "the system does not tell")
        return
    cure = SUPPLY if "under-voltage" in (now or before) else cooler
    if now:
        yield Finding("throttling", "fail", f"now: {', '.join(now)}", cure)
    else:
        fact = f"since the start: {', '.join(before)}" if before else "none since the start"
        yield finding("throttling", fact, (bool(before), "warn", cure))


def check_power(root: Path) -> Iterator[Finding]:
    """What the power supply of a Raspberry Pi 5 has promised; others cannot ask theirs."""
    path = root / "proc/device-tree/chosen/power/max_current"
    if not path.exists():
        return
    promised_ma = int.from_bytes(path.read_bytes()[:4], "big")
    low = promised_ma < SUPPLY_MA
    fact = f"the supply promises {promised_ma / 1000:g} A{': the USB ports get little' * low}"
    yield finding("power", fact, (low, "warn", SUPPLY))
