"""PCM as it arrives: a pipe, or a file that another program is still writing.

libsndfile wants to know where a file ends. Here the header of a WAV file, or the user, says what
the samples are, and audio is what follows, for as long as it comes. Letters: n samples, C channels.
"""

import re
import struct
from dataclasses import dataclass

import numpy as np

_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE  # format tags
_CODINGS = {(_INTEGER, 8): "u8", (_INTEGER, 16): "s16", (_INTEGER, 24): "s24"}
_CODINGS |= {(_INTEGER, 32): "s32", (_FLOAT, 32): "f32", (_FLOAT, 64): "f64"}
SAMPLE_BYTES = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8}
MAX_HEADER_BYTES = 1 << 20  # chunks before the samples; a real header is far below
_ENDLESS = 0x7FFF0000  # programs that write into a pipe put sizes like these; 0 too
_ANOTHER = re.compile(rb"(?:RIFF|RF64).{4}WAVE[A-Za-z0-9 ]{4}", re.DOTALL)
_ANOTHER_BYTES = 16


@dataclass(frozen=True)
class Pcm:
    """How samples are coded, little endian.

    Raises:
        ValueError: a value is out of its range.
    """

    rate_hz: int
    channels: int = 1  # interleaved, C
    coding: str = "s16"  # a key of `SAMPLE_BYTES`
    n_bytes: int | None = None  # of the samples, where a header says so; None: to the stream's end

    def __post_init__(self) -> None:
        if self.coding not in SAMPLE_BYTES:
            raise ValueError(f"coding {self.coding!r} is not one of {', '.join(SAMPLE_BYTES)}")
        if not 1000 <= self.rate_hz <= 768_000:
            raise ValueError(f"rate {self.rate_hz} Hz is not from 1,000 to 768,000 Hz")
        if not 1 <= self.channels <= 64:
            raise ValueError(f"{self.channels} channels: must be 1 to 64")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return SAMPLE_BYTES[self.coding] * self.channels

    def decode(self, data: bytes) -> np.ndarray:
        """Whole frames `[n, C]`, floating point as they came, full scale 1."""
        return _full_scale_1(data, self.coding).reshape(-1, self.channels)


def _full_scale_1(data: bytes, coding: str) -> np.ndarray:
    if coding[0] == "f":
        return np.frombuffer(data, f"<f{SAMPLE_BYTES[coding]}")
    if coding == "u8":
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if coding == "s24":
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (padded.view("<i4")[:, 0] / 2**31).astype(np.float32)
    bits = 8 * SAMPLE_BYTES[coding]
    return (np.frombuffer(data, f"<i{bits // 8}") / 2.0 ** (bits - 1)).astype(np.float32)


def parse_raw(text: str) -> Pcm:
    """What a user says of headerless audio: `RATE`, `RATE:CHANNELS` or `RATE:CHANNELS:CODING`.

    Raises:
        ValueError: it is something else.
    """
    match = re.fullmatch(r"(\d{1,9})(?::(\d{1,3}))?(?::([a-z]\d+))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not RATE[:CHANNELS[:CODING]], as in 44100:1:s16")
    rate, channels, coding = match.groups()
    return Pcm(int(rate), int(channels or 1), coding or "s16")


def parse_wav(head: bytes) -> tuple[Pcm, int] | None:
    """Read the header of a WAV stream.

    Args:
        head: its first bytes.

    Returns:
        What the samples are and where they begin; None when more bytes are needed.

    Raises:
        ValueError: this is no WAV, or one of a coding that is not PCM.
    """
    if len(head) < 12:
        return None
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        raise ValueError("no WAV header")
    place, found = 12, None
    while place + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, place)
        place += 8
        if name == b"data":
            if found is None:
                raise ValueError("WAV with samples before their format")
            endless = size == 0 or size >= _ENDLESS
            return Pcm(*found, None if endless else size), place
        if name == b"fmt " and place + size <= len(head):
            found = _format(head[place : place + size])
        place += size + size % 2
    if place > MAX_HEADER_BYTES:
        raise ValueError(f"WAV header longer than {MAX_HEADER_BYTES:,} bytes")
    return None


def another_header(data: bytes) -> tuple[int, bool]:
    """Where in a WAV stream samples end because a header comes again, as recorders write at 2 GiB.

    Returns:
        That place, and whether a header is there; else the bytes that cannot belong to one.
    """
    if found := _ANOTHER.search(data):
        return found.start(), True
    begin = max(0, len(data) - _ANOTHER_BYTES + 1)
    for place in range(begin, len(data)):
        if data[place : place + 4] in (b"RIFF"[: len(data) - place], b"RF64"[: len(data) - place]):
            return place, False
    return len(data), False


def _format(chunk: bytes) -> tuple[int, int, str]:
    if len(chunk) < 16:
        raise ValueError(f"WAV format chunk of {len(chunk)} bytes; at least 16 are needed")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack_from("<H", chunk, 24)[0]
    coding = _CODINGS.get((tag, bits))
    if coding is None:
        raise ValueError(f"WAV of format {tag:#x} with {bits} bits is not PCM")
    return rate_hz, channels, coding
