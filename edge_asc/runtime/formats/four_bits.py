"""Weights of four bits: two a byte, the first in the lower half, as TFLite and ONNX store them."""

import numpy as np


def packed(numbers: np.ndarray) -> bytes:
    """Integers in [-8, 7] of any shape as bytes; of an odd number, half a byte stays empty."""
    flat = numbers.astype(np.int8).reshape(-1).view(np.uint8) & 15
    flat = np.append(flat, np.zeros(flat.size % 2, np.uint8))
    return (flat[0::2] | flat[1::2] << 4).tobytes()


def unpacked(data: bytes | memoryview, count: int) -> np.ndarray:
    """`count` integers in [-8, 7], int8, out of bytes.

    Raises:
        ValueError: the bytes are not those of so many.
    """
    if len(data) != (count + 1) // 2:
        raise ValueError(f"{count} numbers of four bits in {len(data)} bytes")
    both = np.frombuffer(data, np.uint8)
    halves = np.stack([both & 15, both >> 4], axis=1).reshape(-1)[:count]
    return (halves.astype(np.int8) ^ 8) - np.int8(8)  # 15 is -1
