"""Facts about the machine, read from faked trees of /sys and /proc and from the real one."""

import mmap
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.hearing import machine

# Bits of get_throttled as Raspberry Pi's documentation of vcgencmd lists them.
DOCUMENTED_NOW = {
    0x1: "under-voltage",
    0x2: "frequency capped",
    0x4: "throttled",
    0x8: "soft temperature limit",
}
DOCUMENTED_SINCE = {value << 16: word for value, word in DOCUMENTED_NOW.items()}
SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
SYSFS_WITH_ADDRESS = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def put(root: Path, name: str, content: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def put_vcgencmd(root: Path, script: str) -> None:
    put(root, "usr/bin/vcgencmd", f"#!/bin/sh\n{script}\n")
    (root / "usr/bin/vcgencmd").chmod(0o755)


@pytest.mark.parametrize("path", [SYSFS, SYSFS_WITH_ADDRESS])
@pytest.mark.parametrize("bit", [*DOCUMENTED_NOW, *DOCUMENTED_SINCE])
def test_each_bit_has_its_documented_word(path: str, bit: int, tmp_path: Path) -> None:
    put(tmp_path, path, f"{bit:x}\n")
    assert machine.throttled(tmp_path) == [w for b, w in DOCUMENTED_NOW.items() if b == bit]
    since = machine.throttled_since_boot(tmp_path)
    assert since == [w for b, w in DOCUMENTED_SINCE.items() if b == bit]


@given(st.sets(st.sampled_from([*DOCUMENTED_NOW])), st.integers(0, 0xFFF))
def test_words_are_those_of_the_lowest_four_bits(chosen: set[int], others: int) -> None:
    words = machine.throttle_words(sum(chosen) | others << 4)
    assert words == [word for bit, word in DOCUMENTED_NOW.items() if bit in chosen]


def test_without_sysfs_the_firmware_s_tool_is_asked(tmp_path: Path) -> None:
    put_vcgencmd(tmp_path, 'test "$1" = get_throttled && echo throttled=0x50005')
    assert machine.throttled(tmp_path) == ["under-voltage", "throttled"]
    assert machine.throttled_since_boot(tmp_path) == ["under-voltage", "throttled"]


@pytest.mark.parametrize(
    "script", ["echo VCHI initialization failed; exit 1", "echo nonsense", "sleep 5 & wait"]
)
def test_a_tool_that_fails_tells_nothing(script: str, tmp_path: Path) -> None:
    put_vcgencmd(tmp_path, script)
    assert machine.throttled(tmp_path) is None


def test_the_tool_is_not_asked_at_every_call(tmp_path: Path) -> None:
    put_vcgencmd(tmp_path, f"echo x >> {tmp_path}/asked; echo throttled=0x0")
    assert [machine.throttled(tmp_path) for _ in range(20)] == [[]] * 20
    assert len((tmp_path / "asked").read_text().splitlines()) <= 2  # two, at a turn of ten seconds


def test_other_machines_tell_nothing_of_throttling_and_temperature(tmp_path: Path) -> None:
    assert machine.throttled(tmp_path) is None
    assert machine.throttled_since_boot(tmp_path) is None
    assert machine.temperature_c(tmp_path) is None


def test_the_temperature_is_the_processor_s(tmp_path: Path) -> None:
    zones = "sys/class/thermal/thermal_zone"
    put(tmp_path, f"{zones}0/type", "gpu-thermal\n")
    put(tmp_path, f"{zones}0/temp", "40000\n")
    put(tmp_path, f"{zones}1/type", "cpu-thermal\n")
    put(tmp_path, f"{zones}1/temp", "61250\n")
    assert machine.temperature_c(tmp_path) == 61.25
    put(tmp_path, f"{zones}1/temp", "-1500\n")
    assert machine.temperature_c(tmp_path) == -1.5
    (tmp_path / f"{zones}1/temp").unlink()  # a sensor may go away
    assert machine.temperature_c(tmp_path) is None


def test_any_zone_is_better_than_none(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/type", "acpitz\n")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "30000\n")
    assert machine.temperature_c(tmp_path) == 30.0


def test_board_and_system_have_their_own_names(tmp_path: Path) -> None:
    assert machine.board(tmp_path) == os.uname().machine
    assert machine.os_name(tmp_path).startswith("Linux ")
    put(tmp_path, "sys/class/dmi/id/product_name", "Some PC\n")
    assert machine.board(tmp_path) == "Some PC"
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0")
    assert machine.board(tmp_path) == "Raspberry Pi 4 Model B Rev 1.5"
    put(tmp_path, "etc/os-release", 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    assert machine.os_name(tmp_path) == "Debian GNU/Linux 12 (bookworm)"


def test_memory_is_what_the_process_holds() -> None:
    n_bytes = 64_000_000
    before = machine.rss_bytes()
    # Pages of its own: an allocation might be given some that the process holds already.
    with mmap.mmap(-1, n_bytes) as held:
        for start in range(0, n_bytes, mmap.PAGESIZE):
            held[start] = 1
        grown = machine.rss_bytes() - before
    assert 0.9 * n_bytes < grown < 1.5 * n_bytes


def test_memory_is_told_where_there_is_no_proc(tmp_path: Path) -> None:
    """On macOS, and where no file can be opened any more."""
    assert 1e6 < machine.rss_bytes(tmp_path) < 1e12
