"""MP3: frames one after the other; a first one without sound (Xing, Info) may tell how many.

Where none does, or it counts others than are there, a decoder guesses the length from the first
frame's bit rate. A header of our own is then put in front.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from edge_asc.audio.formats.lame import (
    COUNTING_BYTES,
    TAGS,
    Tag,
    check_no_tag_lost,
    said_of_music,
)
from edge_asc.audio.formats.part import Damaged, Data, Part, after_id3, before_id3v1

_KBPS = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3, _MONO = 1, 3
_MAX_JUNK_BYTES = 1 << 16  # in front of the first frame


@dataclass(frozen=True)
class _Header:
    n_bytes: int  # of the frame
    rate_hz: int
    is_mono: bool
    side_bytes: int  # between header and what a Xing frame says


@dataclass
class _Stretch:
    """Frames of one kind that belong together."""

    first: _Header
    head: bytes  # the first frame's four bytes
    tag: Tag
    silent: tuple[int, int] | None = None  # that first frame, which holds no sound
    frames: list[tuple[int, int]] = field(default_factory=list)


@lru_cache(maxsize=4096)
def _header(bits: int) -> _Header | None:
    version, layer, rate = bits >> 19 & 3, bits >> 17 & 3, bits >> 10 & 3
    kbps = bits >> 12 & 15
    if bits >> 21 != 0x7FF or version == 1 or layer != _LAYER_3 or rate == 3 or kbps in (0, 15):
        return None
    is_first, is_mono = version == 3, bits >> 6 & 3 == _MONO
    rate_hz = _RATES_HZ[version][rate]
    per_s = (144 if is_first else 72) * 1000 * _KBPS[1 if is_first else 2][kbps - 1]
    side = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    return _Header(per_s // rate_hz + (bits >> 9 & 1), rate_hz, is_mono, side)


def mp3_parts(data: Data) -> list[Part] | None:
    """The sounds of a file, mostly one; None for what is no MP3 (or of layers I and II).

    Raises:
        Damaged: the last frame is cut off, frames are fewer than told, or other bytes lie between.
    """
    stretches = list(_stretches(data))
    if stretches and not stretches[0].silent:
        _check_beginning(data, stretches[0].frames[0][0])
    parts = [_part(stretch) for stretch in stretches]
    if len(parts) == 1 and not parts[0].head and len(parts[0].ranges) == 1:
        return [replace(parts[0], ranges=((0, len(data)),))]
    return parts or None


def _check_beginning(data: Data, first: int) -> None:
    """Raise Damaged where bytes in front of the first frame were one."""
    check_no_tag_lost(data, first)
    start = after_id3(data)
    if start < first and _header(int.from_bytes(data[start : start + 4], "big")):
        raise Damaged("damaged: no MP3 frame follows where the first one ends")


def _part(stretch: _Stretch) -> Part:
    count, tag = len(stretch.frames), stretch.tag
    if tag.frames is not None and tag.frames > count + 1:  # some count the first one, too
        told = f"header promises {tag.frames} MP3 frames, {count} are there"
        raise Damaged(f"truncated: {told}")
    if not stretch.silent or tag.frames not in (count, count + 1):
        return Part(_joined(stretch.frames), _xing(stretch.head, count))
    ranges = _joined([stretch.silent, *stretch.frames])
    if tag.music_bytes != sum(end - start for start, end in ranges):
        return Part(ranges)
    return Part(ranges, crc16=tag.crc16, covered=_joined(stretch.frames))


def _joined(frames: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Neighbours as one range."""
    ranges: list[tuple[int, int]] = []
    for start, end in frames:
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((start, end))
    return tuple(ranges)


def _stretches(data: Data) -> Iterator[_Stretch]:
    current: _Stretch | None = None
    for at, header in _frames(data):
        frame = at, at + header.n_bytes
        tag = _tag(data[at : at + COUNTING_BYTES], header)
        kind = header.rate_hz, header.is_mono
        if current is None or tag or kind != (current.first.rate_hz, current.first.is_mono):
            if current is not None and current.frames:
                yield current
            silent = frame if tag else None
            current = _Stretch(header, data[at : at + 4], tag or Tag(), silent)
        if not tag:
            current.frames.append(frame)
    if current is not None and current.frames:
        yield current


def _tag(frame: bytes, header: _Header) -> Tag | None:
    """What a frame says that holds a count in place of sound; None: it holds sound."""
    crc_bytes = 0 if frame[1] & 1 else 2
    if frame[36:40] == b"VBRI":
        return Tag()
    for at in {4 + header.side_bytes, 4 + crc_bytes + header.side_bytes}:
        if frame[at : at + 4] in TAGS:
            has_count = frame[at + 7] & 1
            count = int.from_bytes(frame[at + 8 : at + 12], "big") if has_count else None
            return Tag(count, *said_of_music(frame, at))
    return None


def _frames(data: Data) -> Iterator[tuple[int, _Header]]:
    """Where each frame begins; tags between them are passed over."""
    end = before_id3v1(data, len(data))
    at = _first_frame(data, after_id3(data), end)
    while at is not None and at < end:
        header = _header(int.from_bytes(data[at : at + 4], "big"))
        if header is None:
            at = _after_tag(data, at, end)
        elif at + header.n_bytes > end:
            there = f"{end - at} are there"
            raise Damaged(f"truncated: last MP3 frame promises {header.n_bytes} bytes, {there}")
        else:
            yield at, header
            at += header.n_bytes


def _first_frame(data: Data, at: int, end: int) -> int | None:
    """The first of two frames in a row; None where there are none."""
    stop = min(at + _MAX_JUNK_BYTES, end)
    while (at := data.find(b"\xff", at, stop)) >= 0:
        if _is_followed(data, at, end):
            return at
        at += 1
    return None


def _is_followed(data: Data, at: int, end: int) -> bool:
    header = _header(int.from_bytes(data[at : at + 4], "big"))
    if header is None:
        return False
    after = at + header.n_bytes
    following = _header(int.from_bytes(data[after : after + 4], "big"))
    return after == end or bool(following and following.rate_hz == header.rate_hz)


def _after_tag(data: Data, at: int, end: int) -> int | None:
    """The byte behind a tag or other bytes; None where no frame follows.

    Raises:
        Damaged: these bytes are no tag, and frames follow them.
    """
    found = at
    if data[at : at + 3] == b"ID3":
        found = after_id3(data, at)
    elif data[at : at + 8] == b"APETAGEX":
        found = at + 32 + int.from_bytes(data[at + 12 : at + 16], "little")
    elif data[at : at + 3] == b"TAG":
        found = at + 128
    after = _first_frame(data, found, end)
    if after is not None and after != found:
        raise Damaged(f"damaged: bytes {found} to {after} are no MP3 frames")
    return after


def _xing(head: bytes, count: int) -> bytes:
    """A frame without sound, like one that begins with `head`, that says how many follow."""
    bits = int.from_bytes(head, "big") | 0x10000  # without a checksum
    bits = bits & ~0xF200 | 14 << 12  # the highest bit rate: there is room
    header = _header(bits)
    assert header is not None  # it was one before
    content = bits.to_bytes(4, "big") + bytes(header.side_bytes)
    content += b"Xing" + (1).to_bytes(4, "big") + count.to_bytes(4, "big")
    return content.ljust(header.n_bytes, b"\0")
