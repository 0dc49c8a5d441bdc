"""FLAC: a header that may leave the length open (written into a pipe), against the last frame.

A frame says which samples it holds and ends with a checksum, so the last one tells the length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_asc.audio.formats.crc import crc, crc_table
from edge_asc.audio.formats.part import Damaged, Data, Part, after_id3, before_id3v1

_MAGIC = b"fLaC"
_LENGTH_END = 26  # magic, block header, sizes, rate, channels, bits, length
_HEADER_BYTES = 42  # and the MD5 of all samples
_LEAST_TAIL_BYTES = 1 << 17  # where the last frame is looked for
_MAX_TAIL_BYTES = 1 << 23
_MAX_TRIES = 16  # frames, or what looks like one, from the end: each costs a checksum
_TOTAL_BITS = (1 << 36) - 1
_BLOCKS = {1: 192, **{code: 576 << (code - 2) for code in range(2, 6)}} | {
    code: 256 << (code - 8) for code in range(8, 16)
}


@dataclass(frozen=True)
class _Header:
    block: int  # samples of a frame, where all have as many
    most_bytes: int  # of a frame; 0 where it is not known
    total: int  # samples of the sound; 0 where it is not known
    md5: bytes  # of them; empty where it is not known

    @classmethod
    def of(cls, content: bytes) -> "_Header":
        total = int.from_bytes(content[21:26], "big") & _TOTAL_BITS
        block, most = (int.from_bytes(content[i:j], "big") for i, j in ((8, 10), (15, 18)))
        return cls(block, most, total, md5=content[26:42] if any(content[26:42]) else b"")


def flac_parts(data: Data) -> list[Part]:
    """The sounds of a file, mostly one; each with its length in its header.

    Raises:
        Damaged: it is shorter than its header says, or its length is not to be found.
    """
    end = before_id3v1(data, len(data))
    starts = list(_starts(data, end))
    parts = []
    for start, stop in zip(starts, [*starts[1:], end][: len(starts)], strict=True):
        content = data[start : start + _HEADER_BYTES]
        header = _Header.of(content)
        there = _last_sample(data, start, stop, header)
        if there is None and not header.total:
            raise Damaged("truncated: its header leaves the length open, its last frame is damaged")
        if there is not None and there < header.total:
            raise Damaged(f"truncated: header promises {header.total} frames, {there} are there")
        if there in (None, header.total):
            parts.append(Part(((0 if start == starts[0] else start, stop),), md5=header.md5))
        else:
            head = _with_total(content, there or 0)
            parts.append(Part(((start + _LENGTH_END, stop),), head, header.md5))
    return parts


def _starts(data: Data, end: int) -> Iterator[int]:
    at = after_id3(data)
    while 0 <= at < end:
        if data[at + 4 : at + 8] in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            yield at
        at = data.find(_MAGIC, at + 4, end)


def _with_total(content: bytes, total: int) -> bytes:
    last = (int.from_bytes(content[21:26], "big") & ~_TOTAL_BITS) | total
    return content[:21] + last.to_bytes(5, "big")


def _last_sample(data: Data, start: int, end: int, header: _Header) -> int | None:
    """Samples up to the end of the frame that ends where the sound does; None: there is none."""
    n_bytes = min(max(2 * header.most_bytes, _LEAST_TAIL_BYTES), _MAX_TAIL_BYTES)
    tail = data[max(start + _HEADER_BYTES, end - n_bytes) : end]
    at, tries, told = len(tail), 0, int.from_bytes(tail[-2:], "big")
    while tries < _MAX_TRIES and (at := tail.rfind(b"\xff", 0, at)) >= 0:
        samples = _frame_end(tail[at : at + 16], header.block)
        if samples is None:
            continue
        tries += 1
        if crc(tail[at:-2], crc_table(0x18005, 16), 16) == told:
            return samples
    return None


def _frame_end(head: bytes, block: int) -> int | None:
    """The sample behind a frame that begins with `head`; None where no frame does."""
    if len(head) < 6 or head[1] not in (0xF8, 0xF9) or head[3] & 1:
        return None
    n_number = max(1, 8 - (head[4] ^ 0xFF).bit_length())  # its bytes, as in UTF-8
    code, rate = head[2] >> 4, head[2] & 15
    n_block = {6: 1, 7: 2}.get(code, 0)
    at = 4 + n_number
    n_head = at + n_block + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if len(head) <= n_head or crc(head[:n_head], crc_table(0x107, 8), 8) != head[n_head]:
        return None
    explicit = int.from_bytes(head[at : at + n_block], "big") + 1
    size = explicit if n_block else _BLOCKS.get(code, 0)
    number = head[4] & (0xFF if n_number == 1 else 0x7F >> n_number)
    for byte in head[5:at]:
        number = number << 6 | byte & 0x3F
    return size + (number if head[1] == 0xF9 else number * block)
