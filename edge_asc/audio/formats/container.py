"""What a container's header promises, against the bytes that are there; and where it ends.

libsndfile takes a WAV, RF64, AIFF, W64, AU, CAF, SVX, NIST or VOC file that was cut off for a
shorter one and says nothing.
"""

import struct
from typing import BinaryIO, Literal

from edge_asc.audio.formats.part import Data, Part

_UNKNOWN_BYTES = 0x7FFF0000  # from here on, programs that write into a pipe mean "unknown"
_UNKNOWN_BYTES_RF64 = 0xFFFFFFFF  # the size stands in the ds64 chunk
_MAX_CHUNKS = 1000  # real files have a handful; a file of empty ones should not take for ever
_BYTES = "bytes of sound"
_NIST_HEADER_BYTES = 1024
_UNKNOWN_BYTES_AU = 0xFFFFFFFF
_W64_RIFF = b"riff\x2e\x91\xcf\x11"  # the first halves of its sixteen-byte names
_W64_NAME_BYTES, _W64_ALIGN = 16, 8
Order = Literal["little", "big"]


def container_parts(data: Data) -> list[Part]:
    """Files of a container that were joined byte by byte, mostly one."""
    starts, at = [], 0
    while at < len(data) and (end := _end(data, at)):
        starts.append(at)
        at = end
    stops = [*starts[1:], len(data)]
    return [Part((limits,)) for limits in zip(starts or [0], stops, strict=True)]


def _end(data: Data, at: int) -> int | None:
    """The byte behind the container that begins at one, as its header has it; None: none does."""
    head = data[at : at + 28]
    magic = head[:4]
    if magic in (b"RIFF", b"FORM"):
        size = int.from_bytes(head[4:8], "little" if magic == b"RIFF" else "big")
        return at + 8 + size + size % 2
    if magic == b"RF64" and head[12:16] == b"ds64":
        size = int.from_bytes(head[20:28], "little")
        return at + 8 + size + size % 2
    if head[:8] == _W64_RIFF:
        size = int.from_bytes(head[16:24], "little")
        return at + max(1, size + -size % _W64_ALIGN)
    if magic in (b".snd", b"dns."):
        order: Order = "big" if magic == b".snd" else "little"
        start, size = (int.from_bytes(head[i : i + 4], order) for i in (4, 8))
        return at + max(1, start) + size
    return _caf_end(data, at) if magic == b"caff" else None


def _caf_end(data: Data, at: int) -> int | None:
    """Chunks up to the next file; one that goes to the end of the file is the last."""
    at += 8
    for _ in range(_MAX_CHUNKS):
        header = data[at : at + 12]
        if len(header) < 12 or header[:4] == b"caff":
            break
        size = int.from_bytes(header[4:], "big", signed=True)
        if size < 0:
            return len(data)
        at += 12 + size
    return at


def shortfall(file: BinaryIO, n_bytes: int) -> str | None:
    """Say what is missing of a file, or None where nothing is or the container cannot tell.

    Frames are counted as the header defines them: in ADPCM files one holds several samples.

    Args:
        file: at its beginning.
        n_bytes: its size.

    Raises:
        OSError: the file cannot be read.
    """
    kind, unit = file.read(12), "frames"
    if kind[:4] in (b"RIFF", b"RF64") and kind[8:] == b"WAVE":
        promised, present = _wav_frames(file, n_bytes)
    elif kind[:4] == b"FORM" and kind[8:] in (b"AIFF", b"AIFC"):
        promised, present = _aiff_frames(file, n_bytes)
    elif kind[:4] == b"FORM" and kind[8:] in (b"8SVX", b"16SV"):
        (promised, present), unit = _svx_bytes(file, n_bytes), _BYTES
    elif kind[:7] == b"NIST_1A":
        promised, present = _nist_frames(file, n_bytes)
    elif kind == b"Creative Voi":
        (promised, present), unit = _voc_bytes(file, n_bytes), _BYTES
    elif kind[:8] == _W64_RIFF:
        promised, present = _w64_frames(file, n_bytes)
    elif kind[:4] == b"caff":
        promised, present = _caf_frames(file, n_bytes)
    elif kind[:4] in (b".snd", b"dns."):
        (promised, present), unit = _au_bytes(file, n_bytes), _BYTES
    else:
        return None
    there = f"{present} are there"
    return f"header promises {promised} {unit}, {there}" if present < promised else None


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


def _svx_bytes(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    start, size, _ = _chunks(file, ">").get(b"BODY", (0, 0, b""))
    return size, max(0, min(size, n_bytes - start))


def _nist_frames(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    """A header of text lines: "sample_count -i 32000"."""
    file.seek(0)
    lines = (line.split() for line in file.read(4096).splitlines())
    fields = {words[0]: words[-1] for words in lines if len(words) == 3 and words[-1].isdigit()}
    frames, channels, sample_bytes = (
        int(fields.get(name, 0)) for name in (b"sample_count", b"channel_count", b"sample_n_bytes")
    )
    present = max(0, n_bytes - _NIST_HEADER_BYTES) // max(1, channels * sample_bytes)
    return (frames, present) if channels and sample_bytes else (0, 0)


def _voc_bytes(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    """Blocks of a type and a size of three bytes; type 0 is the end."""
    file.seek(20)
    at = int.from_bytes(file.read(2), "little")
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        header = file.read(4)
        if len(header) < 4 or not header[0]:
            break
        size = int.from_bytes(header[1:], "little")
        if at + 4 + size > n_bytes:
            return size, max(0, n_bytes - at - 4)
        at += 4 + size
    return 0, 0


def _w64_frames(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    """Chunks have names of sixteen bytes and sizes that count name and size."""
    frame_bytes, at = 0, 2 * _W64_NAME_BYTES + 8
    for _ in range(_MAX_CHUNKS):
        file.seek(min(at, n_bytes))  # a size may be larger than any place in a file
        header = file.read(_W64_NAME_BYTES + 8)
        if len(header) < _W64_NAME_BYTES + 8:
            break
        size = int.from_bytes(header[_W64_NAME_BYTES:], "little")
        if header[:4] == b"fmt ":
            frame_bytes = int.from_bytes(file.read(14)[12:14], "little")
        if header[:4] == b"data" and frame_bytes:
            promised = max(0, size - len(header))
            present = min(promised, n_bytes - at - len(header))
            return promised // frame_bytes, present // frame_bytes
        at += max(len(header), size + -size % _W64_ALIGN)
    return 0, 0


def _caf_frames(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    """Chunks of a name and a size of eight bytes; one of -1 goes to the end of the file."""
    packet_bytes, at = 0, 8
    for _ in range(_MAX_CHUNKS):
        file.seek(min(at, n_bytes))
        header = file.read(12)
        if len(header) < 12:
            break
        size = int.from_bytes(header[4:], "big", signed=True)
        if header[:4] == b"desc":
            packet_bytes = int.from_bytes(file.read(20)[16:20], "big")
        if header[:4] == b"data":
            edits = 4  # a count of edits comes before the samples
            start, unit = at + 12 + edits, packet_bytes or 1
            present = min(size - edits, n_bytes - start)
            return (0, 0) if size < edits else ((size - edits) // unit, max(0, present) // unit)
        if size < 0:
            break
        at += 12 + size
    return 0, 0


def _au_bytes(file: BinaryIO, n_bytes: int) -> tuple[int, int]:
    """An AU file's header counts bytes of sound, in one of two byte orders."""
    file.seek(0)
    head = file.read(12)
    order = ">" if head[:4] == b".snd" else "<"
    start, size = struct.unpack(f"{order}II", head[4:12].ljust(8, b"\0"))
    return (0, 0) if size == _UNKNOWN_BYTES_AU else (size, max(0, n_bytes - start))
