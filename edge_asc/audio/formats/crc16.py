"""LAME's checksum of all frames behind its tag: 16 bits, the lowest first, of megabytes.

Byte by byte Python takes a second for ten megabytes. So pieces of one length go side by side, and
are then joined: a checksum is linear, that of A and B is A's moved on by B's length, and B's.
"""

from functools import cache

import numpy as np

from edge_asc.audio.formats.crc import crc_mirrored, mirrored_table

POLYNOMIAL = 0xA001
_PIECE_BYTES = 256


def crc16(content: bytes, register: int = 0) -> int:
    """Of bytes that follow those of which the checksum so far is `register`."""
    n_whole = len(content) // _PIECE_BYTES
    pieces = np.frombuffer(content, np.uint8, n_whole * _PIECE_BYTES).reshape(n_whole, _PIECE_BYTES)
    low, high = _moved()
    for piece in _each(pieces).tolist():
        register = low[register & 0xFF] ^ high[register >> 8] ^ piece
    rest = content[n_whole * _PIECE_BYTES :]
    return crc_mirrored(rest, mirrored_table(POLYNOMIAL), register)


def _each(pieces: np.ndarray) -> np.ndarray:
    """The checksum of each piece, `[n]`, of `[n, bytes]`."""
    table = np.array(mirrored_table(POLYNOMIAL), np.uint16)
    registers = np.zeros(len(pieces), np.uint16)
    for column in np.ascontiguousarray(pieces.T):
        registers = (registers >> 8) ^ table[(registers ^ column) & 0xFF]
    return registers


@cache
def _moved() -> tuple[list[int], list[int]]:
    """What becomes of a register's lower and of its upper byte over a piece of zeros."""
    zeros, table = bytes(_PIECE_BYTES), mirrored_table(POLYNOMIAL)
    of_bit = [crc_mirrored(zeros, table, 1 << bit) for bit in range(16)]
    return _combined(of_bit[:8]), _combined(of_bit[8:])


def _combined(of_bit: list[int]) -> list[int]:
    found = [0]
    for value in of_bit:
        found += [value ^ other for other in found]
    return found
