"""Ogg: pages with checksums and numbers, in streams that may follow one another (chained)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from edge_asc.audio.formats.part import Damaged, Data, Part, after_id3, before_id3v1

_MAGIC = b"OggS"
_HEADER_BYTES = 27
_FIRST, _LAST = 2, 4  # flags of a stream's first and last page
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    at: int  # its first byte
    flags: int
    serial: bytes  # of its stream
    number: int  # in its stream


def ogg_parts(data: Data) -> list[Part]:
    """The links of a chain, mostly one; every page is checked.

    Raises:
        Damaged: a page is cut off, has another checksum, or is not there; or the end is not.
    """
    links: list[int] = []
    numbers: dict[bytes, int] = {}  # of the latest page of each stream that goes on
    heads_only = False  # so far the link has first pages alone: its streams run side by side
    end = before_id3v1(data, len(data))
    for page in _pages(data, end):
        if page.flags & _FIRST:
            if not heads_only:
                _check_ended(numbers)
                links.append(page.at)
            heads_only = True
        elif page.number != (numbers.get(page.serial, page.number - 1) + 1) % 2**32:
            raise Damaged(f"damaged: Ogg pages are missing before byte {page.at}")
        else:
            heads_only = False
        numbers[page.serial] = page.number
        if page.flags & _LAST:
            del numbers[page.serial]
    _check_ended(numbers)
    stops = [*links[1:], end][: len(links)]
    return [Part((limits,)) for limits in zip(links, stops, strict=True)]


def _check_ended(numbers: dict[bytes, int]) -> None:
    if numbers:
        raise Damaged("truncated: the last Ogg page is not marked as the last one")


def _pages(data: Data, end: int) -> Iterator[_Page]:
    at = after_id3(data)
    while at < end:
        header = data[at : at + _HEADER_BYTES]
        if header[:4] != _MAGIC:
            raise Damaged(f"damaged: no Ogg page at byte {at}")
        n_segments = header[-1] if len(header) == _HEADER_BYTES else 1
        sizes = data[at + _HEADER_BYTES : at + _HEADER_BYTES + n_segments]
        n_bytes = _HEADER_BYTES + n_segments + sum(sizes)
        page = data[at : min(at + n_bytes, end)]
        if len(page) < n_bytes:
            there = f"{len(page)} are there"
            raise Damaged(f"truncated: last Ogg page promises {n_bytes} bytes, {there}")
        if _checksum(page) != int.from_bytes(page[22:26], "little"):
            raise Damaged(f"damaged: the Ogg page at byte {at} has another checksum")
        yield _Page(at, page[5], page[14:18], int.from_bytes(page[18:22], "little"))
        at += n_bytes


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: that of zlib with its bits the other way round, from 0 on, not inverted."""
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
