"""What a file's container promises, against the bytes that are there.

libsndfile takes a WAV, AIFF or Ogg file that was cut off for a shorter one and says nothing. (FLAC
and MP3 files need no look here: decoding them to the end shows it.)
"""

import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_BYTES = 0x7FFF0000  # from here on, programs that write into a pipe mean "unknown"
_UNKNOWN_BYTES_RF64 = 0xFFFFFFFF  # the size stands in the ds64 chunk
_MAX_CHUNKS = 1000  # real files have a handful; a file of empty ones should not take for ever
_OGG_HEADER_BYTES = 27
_OGG_PAGE_BYTES = _OGG_HEADER_BYTES + 255 + 255 * 255  # the longest page


def shortfall(path: Path) -> str | None:
    """Say what is missing of a file, or None where nothing is or the container cannot tell.

    Frames are counted as the header defines them: in ADPCM files one holds several samples.

    Raises:
        OSError: the file cannot be read.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        kind = file.read(12)
        if kind[:4] == b"OggS":
            return _ogg_shortfall(file, n_bytes)
        if kind[:4] in (b"RIFF", b"RF64") and kind[8:] == b"WAVE":
            counts = _wav_frames(file, n_bytes)
        elif kind[:4] == b"FORM" and kind[8:] in (b"AIFF", b"AIFC"):
            counts = _aiff_frames(file, n_bytes)
        else:
            return None
    promised, present = counts
    return f"header promises {promised} frames, {present} are there" if present < promised else None


def _chunks(file: BinaryIO, byte_order: str) -> dict[bytes, tuple[int, int, bytes]]:
    """Map each chunk's name to (start, size, first 26 bytes), from the file's position on."""
    chunks: dict[bytes, tuple[int, int, bytes]] = {}
    for _ in range(_MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, size = struct.unpack(f"{byte_order}4sI", header)
        start = file.tell()
        chunks.setdefault(name, (start, size, file.read(min(size, 26))))
        file.seek(start + size + size % 2)  # chunks begin at even bytes
    return chunks


def _wav_frames(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    chunks = _chunks(file, "<")
    if b"fmt " not in chunks or b"data" not in chunks:
        return 0, 0
    start, size, _ = chunks[b"data"]
    if b"ds64" in chunks and size == _UNKNOWN_BYTES_RF64:
        size = int.from_bytes(chunks[b"ds64"][2][8:16], "little")
    elif size >= _UNKNOWN_BYTES:
        return 0, 0
    frame_bytes = max(1, int.from_bytes(chunks[b"fmt "][2][12:14], "little"))
    return size // frame_bytes, min(size, n_bytes - start) // frame_bytes


def _aiff_frames(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    chunks = _chunks(file, ">")
    if b"COMM" not in chunks or b"SSND" not in chunks:
        return 0, 0
    frames = int.from_bytes(chunks[b"COMM"][2][2:6], "big")
    start, size, _ = chunks[b"SSND"]
    head = 8  # offset and block size come before the samples
    promised, present = size - head, min(size, n_bytes - start) - head
    if size >= _UNKNOWN_BYTES or promised <= 0:
        return 0, 0
    return frames, frames * max(0, present) // promised


def _ogg_shortfall(file: BinaryIO, n_bytes: int) -> str | None:
    first = max(0, n_bytes - _OGG_PAGE_BYTES)
    file.seek(first)
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[_OGG_HEADER_BYTES - 1] if len(page) >= _OGG_HEADER_BYTES else 1
    body = page[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + segments]
    promised = _OGG_HEADER_BYTES + segments + sum(body)
    if len(page) < promised:
        return f"last Ogg page promises {promised} bytes, {len(page)} are there"
    return None
