"""What LAME and its like put into an MP3's first frame, in place of sound: counts and checksums.

The frame has a checksum of its own, and holds one of all frames behind it.
"""

import operator
from dataclasses import dataclass
from typing import BinaryIO

from edge_asc.audio.formats.crc16 import crc16
from edge_asc.audio.formats.part import Damaged, Data, FileData, Part, PartFile, after_id3

TAGS = (b"Xing", b"Info")
COUNTING_BYTES = 200  # of a frame, with all that is read of it
_LAME = b"LAME"
_LAME_AT, _LAME_BYTES = 120, 34  # behind the tag's name; up to its checksum
_MUSIC_AT = 28  # in what LAME adds: the bytes of all frames, and the checksum of those behind it
_PLACES = sorted({4 + crc + side for crc in (0, 2) for side in (9, 17, 32)})  # of a tag in a frame
_GAIN, _TAIL_BYTES = b"MP3GAIN", 1 << 16  # its tag, and where tags are
_CHECKED_BYTES = 1 << 20  # at once


@dataclass(frozen=True)
class Tag:
    """What a frame without sound says."""

    frames: int | None = None  # that follow; some count it, too
    music_bytes: int = 0  # of it and of them
    crc16: int | None = None  # of them


def said_of_music(frame: bytes, tag_at: int) -> tuple[int, int | None]:
    """How many bytes all frames have, and the checksum of those behind this one.

    The encoder's name comes first, or nothing; the checksum of all this last, where it is LAME.

    Raises:
        Damaged: it is another one, or that is no name: what to cut off both ends is wrong as well.
    """
    at = tag_at + _LAME_AT
    end = at + _LAME_BYTES
    name, told = frame[at : at + 4], int.from_bytes(frame[end : end + 2], "big")
    is_name = not any(name) or (name.isascii() and name.decode().isprintable())
    is_lame = sum(map(operator.eq, name, _LAME)) >= len(_LAME) - 1  # a letter may be damaged
    if is_name and not (is_lame and told):
        return 0, None
    if not is_name or crc16(frame[:end]) != told:
        raise Damaged("damaged: the MP3 header frame has another checksum")
    music = frame[at + _MUSIC_AT : end]
    return int.from_bytes(music[:4], "big"), int.from_bytes(music[4:], "big") or None


def check_music(file: BinaryIO, part: Part, n_bytes: int) -> None:
    """Hold a sound's frames against the checksum that LAME left of them.

    Raises:
        Damaged: they have another one.
        OSError: the file cannot be read.
    """
    if part.crc16 is None:
        return
    frames, register = PartFile(file, Part(part.covered)), 0
    while content := frames.read(_CHECKED_BYTES):
        register = crc16(content, register)
    if register != part.crc16 and not _was_gained(FileData(file, n_bytes)):
        raise Damaged("damaged: its MP3 frames have another checksum than the header frame says")


def _was_gained(data: Data) -> bool:
    """Whether a program made its frames louder in place; it leaves the checksum, and says so."""
    return (
        data.find(_GAIN, max(0, len(data) - _TAIL_BYTES)) >= 0
        or data.find(_GAIN, 0, _TAIL_BYTES) >= 0
    )


def check_no_tag_lost(data: Data, first: int) -> None:
    """Raise Damaged where a file begins with LAME's frame, which nothing takes for one any more.

    Its header may be that of another kind of frame, or none, or its name is another one. Frames of
    sound may hold LAME's name, too, but not there behind zeros.
    """
    start = after_id3(data)
    skipped, frame = data[start:first], data[start : start + COUNTING_BYTES]
    places = [at for at in _PLACES if frame[at + _LAME_AT :][:4] == _LAME]
    in_place = any(frame[at : at + 4] in TAGS or not any(frame[4:at]) for at in places)
    if in_place or any(name in skipped for name in TAGS):
        raise Damaged("damaged: the MP3 header frame is none any more")
