"""The machine this runs on: memory, temperature, throttling, board. Quick enough for every second.

`root` stands for `/` in every function, so that tests can show another machine.
"""

import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

ROOT = Path("/")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# What the firmware of a Raspberry Pi tells, by bit; 16 bits higher: has happened since the start.
THROTTLE_BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
SINCE_BOOT_SHIFT = 16
_CPU_ZONES = ("cpu", "soc", "x86_pkg")  # how thermal zones of a processor are called
_VCGENCMD_EVERY_S = 10.0  # a process each time: too dear for every second
_VCGENCMD_TIMEOUT_S = 0.5


def rss_bytes(root: Path = ROOT) -> int:
    """Memory that this process holds now; where the system does not tell, the most it ever held."""
    text = _text(root / "proc/self/statm")  # None also where no file can be opened any more
    if text is not None:
        return int(text.split()[1]) * PAGE_BYTES
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def temperature_c(root: Path = ROOT) -> float | None:
    """Of the processor; None where the system does not tell."""
    zone = _thermal_zone(root)
    text = _text(zone / "temp") if zone else None
    return int(text) / 1000 if text else None


def throttled(root: Path = ROOT) -> list[str] | None:
    """What slows the processor down now; empty: nothing, None: the system does not tell."""
    return throttle_words(throttle_bits(root))


def throttled_since_boot(root: Path = ROOT) -> list[str] | None:
    """What has slowed it down since the system started, as far as the firmware remembers."""
    return throttle_words(throttle_bits(root), SINCE_BOOT_SHIFT)


def throttle_words(bits: int | None, shift: int = 0) -> list[str] | None:
    """The names of the bits that are set from `shift` on."""
    if bits is None:
        return None
    return [word for bit, word in enumerate(THROTTLE_BITS, shift) if bits >> bit & 1]


def throttle_bits(root: Path = ROOT) -> int | None:
    """What the firmware of a Raspberry Pi says; None on any other machine."""
    path = _throttle_file(root)
    text = _text(path) if path else _vcgencmd(root, int(time.monotonic() / _VCGENCMD_EVERY_S))
    return int(text, 16) if text else None


def board(root: Path = ROOT) -> str:
    """Maker and model, or the processor's architecture where no one says."""
    for name in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        if text := _text(root / name):
            return text
    return platform.machine()


def os_name(root: Path = ROOT) -> str:
    """The distribution's name for itself, or the kernel's."""
    for line in (_text(root / "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return f"{platform.system()} {platform.release()}"


@lru_cache(maxsize=8)
def _thermal_zone(root: Path) -> Path | None:
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    zones = [zone for zone in zones if _text(zone / "temp")]
    of_cpu = [z for z in zones if (_text(z / "type") or "").lower().startswith(_CPU_ZONES)]
    return next(iter(of_cpu or zones), None)


@lru_cache(maxsize=8)
def _throttle_file(root: Path) -> Path | None:
    # `soc/soc:firmware` up to the Pi 4, `soc@107c000000/…:firmware` where the tree has addresses.
    found = (root / "sys/devices/platform").glob("soc*/*firmware/get_throttled")
    return next(iter(sorted(found)), None)


@lru_cache(maxsize=1)
def _vcgencmd(root: Path, moment: int) -> str | None:
    """What the tool says after `throttled=`; the same for calls at the same moment."""
    command = shutil.which("vcgencmd", path=f"{root / 'usr/bin'}:{root / 'opt/vc/bin'}")
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    value = done.stdout.strip().partition("=")[2]
    return value if done.returncode == 0 and value else None


def _text(path: Path) -> str | None:
    """A small file's text without NULs and spaces at its ends; None where there is none."""
    try:
        return path.read_text(errors="replace").strip("\0 \t\n") or None
    except OSError:
        return None
