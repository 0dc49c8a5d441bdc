"""Checksums of audio formats, byte by byte from tables, which are made when one is asked for."""

from collections.abc import Sequence
from functools import cache


@cache
def crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    """Of a checksum whose highest bit comes first; the polynomial with its leading one."""
    found = []
    for value in range(256):
        register = value << (bits - 8)
        for _ in range(8):
            register = (register << 1) ^ (polynomial if register >> (bits - 1) else 0)
        found.append(register)
    return tuple(found)


def crc(content: bytes, of: Sequence[int], bits: int) -> int:
    """Of bytes, from 0 on; `of` is `crc_table`'s for as many bits."""
    register, mask = 0, (1 << bits) - 1
    for byte in content:
        register = (register << 8 & mask) ^ of[register >> (bits - 8) ^ byte]
    return register


@cache
def mirrored_table(polynomial: int) -> tuple[int, ...]:
    """Of a checksum whose lowest bit comes first; the polynomial mirrored, too."""
    found = []
    for register in range(256):
        for _ in range(8):
            register = (register >> 1) ^ (polynomial if register & 1 else 0)
        found.append(register)
    return tuple(found)


def crc_mirrored(content: bytes, of: Sequence[int], register: int = 0) -> int:
    """Of bytes, from `register` on; `of` is `mirrored_table`'s."""
    for byte in content:
        register = (register >> 8) ^ of[(register ^ byte) & 0xFF]
    return register
