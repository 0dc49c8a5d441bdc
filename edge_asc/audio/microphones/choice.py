"""Which simulated devices: lists as people write them, and those that training clips get."""

from functools import cache
from random import Random

from edge_asc.audio.microphones.filters import SETS, Device

CLEAN = "clean"  # no device at all
MOST = 64  # of one set; training hears through as many


def parse_devices(text: str) -> list[Device]:
    """Devices of a list such as "seen:5,unseen:5,clean"; "unseen-3" is that one alone.

    "clean" stands for no device: it adds none.

    Raises:
        ValueError: a part that is none of these, or a device named twice.
    """
    devices = [device for part in text.split(",") for device in _part(part.strip())]
    names = [device.name for device in devices]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"devices {text!r} name {twice[0]} twice")
    return devices


def first_devices(which: str, count: int) -> list[Device]:
    """The first devices of a set."""
    return [Device.from_seed(which, index) for index in range(count)]


def device_for(name: str, version: int) -> Device:
    """The device that hears a training clip in one of its versions, 0 … 63.

    Every clip has the seen devices in an order of its own, so that a few versions of each bring
    all devices into a training, not the same few.
    """
    random = Random(name)
    drawn = [random.random() for _ in range(MOST)]  # not shuffle: Python may change that one
    return _seen(sorted(range(MOST), key=drawn.__getitem__)[version])


@cache
def _seen(index: int) -> Device:
    return Device.from_seed("seen", index)


def _part(part: str) -> list[Device]:
    if part == CLEAN:
        return []
    which, colon, number = part.partition(":") if ":" in part else part.rpartition("-")
    if which not in SETS or not (number.isascii() and number.isdigit()):
        raise ValueError(f"devices are seen:N, unseen:N, seen-I, unseen-I or clean, not {part!r}")
    if colon == "-":
        return [Device.from_seed(which, int(number))]
    if not 1 <= int(number) <= MOST:
        raise ValueError(f"{part}: give 1 to {MOST} devices")
    return first_devices(which, int(number))
