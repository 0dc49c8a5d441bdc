"""Changes to bytes as damage, transfer and malice make them; each is drawn from a seed."""

import random
import struct
from collections.abc import Callable

EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31)
NUMBERS = (*EDGES, (1 << 32) - 2, (1 << 32) - 1)


def bits(rng: random.Random, data: bytearray) -> None:
    """Some flip."""
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def numbers(rng: random.Random, data: bytearray) -> None:
    """A number of four bytes, at its place in a structure, gets a value at some type's edge."""
    for _ in range(rng.choice((1, 1, 3))):
        at = 4 * rng.randrange(max(1, len(data) // 4))
        value = rng.choice((*NUMBERS, rng.getrandbits(32), len(data), len(data) - at))
        data[at : at + 4] = struct.pack(rng.choice("<>") + "I", value)[: len(data) - at]


def short_numbers(rng: random.Random, data: bytearray) -> None:
    """The same of two bytes."""
    at = rng.randrange(max(1, len(data) - 1))
    value = rng.choice((0, 1, 2, 3, 255, 1025, 32767, 32768, 65535))
    data[at : at + 2] = struct.pack(rng.choice("<>") + "H", value)[: len(data) - at]


def nearby(rng: random.Random, data: bytearray) -> None:
    """A byte becomes a little more or less: an index, an op, a length."""
    for _ in range(rng.choice((1, 2, 8))):
        at = rng.randrange(len(data))
        data[at] = (data[at] + rng.choice((-2, -1, 1, 2))) % 256


def block(rng: random.Random, data: bytearray) -> None:
    """A piece is wiped, is filled with anything, or stands for another one."""
    size, at = rng.choice((4, 16, 100, 1000)), rng.randrange(len(data))
    kept = data[at : at + size]
    other = rng.randrange(len(data))
    choice = (bytes(len(kept)), b"\xff" * len(kept), rng.randbytes(len(kept)))
    data[at : at + size] = rng.choice((*choice, data[other : other + len(kept)]))


def cut(rng: random.Random, data: bytearray) -> None:
    """It ends early."""
    del data[rng.randrange(1, len(data)) :]


def longer(rng: random.Random, data: bytearray) -> None:
    """Something stands behind it, or in its middle."""
    at = rng.choice((len(data), rng.randrange(len(data))))
    data[at:at] = rng.randbytes(rng.choice((1, 7, 300)))


def missing(rng: random.Random, data: bytearray) -> None:
    """A piece of its middle is not there."""
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 4, 50, 2000))]


Mutation = Callable[[random.Random, bytearray], None]
SAME_LENGTH: tuple[Mutation, ...] = (bits, numbers, short_numbers, nearby, block)
ANY_LENGTH: tuple[Mutation, ...] = (*SAME_LENGTH, cut, longer, missing)


def mutated(rng: random.Random, data: bytes, ways: tuple[Mutation, ...]) -> tuple[bytes, str]:
    """Other bytes, and what was done to them."""
    while True:
        changed, way = bytearray(data), rng.choice(ways)
        way(rng, changed)
        if changed and bytes(changed) != data:
            return bytes(changed), way.__name__
