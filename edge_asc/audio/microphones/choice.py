"""Which simulated microphones: lists as people write them, and those that training clips get."""

from functools import cache
from random import Random

from edge_asc.audio.microphones.filters import SETS, SimulatedMicrophone

CLEAN = "clean"  # no microphone at all
MOST = 64  # of one set; training hears through as many


def parse_microphones(text: str) -> list[SimulatedMicrophone]:
    """Microphones of a list such as "seen:5,unseen:5,clean"; "unseen-3" is that one alone.

    "clean" stands for no microphone: it adds none.

    Raises:
        ValueError: a part that is none of these, or a microphone named twice.
    """
    microphones = [microphone for part in text.split(",") for microphone in _part(part.strip())]
    names = [microphone.name for microphone in microphones]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"microphones {text!r} name {twice[0]} twice")
    return microphones


def first_microphones(which: str, count: int) -> list[SimulatedMicrophone]:
    """The first microphones of a set."""
    return [SimulatedMicrophone.from_seed(which, index) for index in range(count)]


def microphone_for(name: str, version: int) -> SimulatedMicrophone:
    """The microphone that hears a training clip in one of its versions, 0 … 63.

    Every clip has the seen microphones in an order of its own, so that a few versions of each bring
    all microphones into a training, not the same few.
    """
    random = Random(name)
    drawn = [random.random() for _ in range(MOST)]  # not shuffle: Python may change that one
    return _seen(sorted(range(MOST), key=drawn.__getitem__)[version])


@cache
def _seen(index: int) -> SimulatedMicrophone:
    return SimulatedMicrophone.from_seed("seen", index)


def _part(part: str) -> list[SimulatedMicrophone]:
    if part == CLEAN:
        return []
    which, colon, number = part.partition(":") if ":" in part else part.rpartition("-")
    if which not in SETS or not (number.isascii() and number.isdigit()):
        raise ValueError(f"microphones are seen:N, unseen:N, seen-I, unseen-I, clean; not {part!r}")
    if colon == "-":
        return [SimulatedMicrophone.from_seed(which, int(number))]
    if not 1 <= int(number) <= MOST:
        raise ValueError(f"{part}: give 1 to {MOST} microphones")
    return first_microphones(which, int(number))
