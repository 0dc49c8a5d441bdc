"""A file that says which bytes it was written with, and whether those are the bytes it has.

The metadata hold `"digest":"…"`: sixteen hexadecimal digits of the SHA-256 of the whole file, in
which these digits are zeros. It finds damage and hasty changes (a bit of a worn card, two labels
exchanged); it is no signature, for anybody can compute it. A file of an older edge-asc, or of
somebody else, has none.
"""

import hashlib
from typing import Literal

import msgspec

DIGITS = 16
KEY = b'"digest":"'
BLANK = b"0" * DIGITS

Integrity = Literal["verified", "altered", "foreign"]


class _Sealed(msgspec.Struct):
    """What is read of metadata here."""

    digest: str | None = None


def with_blank(metadata: bytes) -> bytes:
    """Metadata in JSON with room for a digest, as their last field."""
    return metadata[:-1] + b"," + KEY + BLANK + b'"}'


def seal(data: bytes) -> bytes:
    """A file's bytes with the digest in its place; without such a place, as they are."""
    return data.replace(KEY + BLANK, KEY + _digest(data))


def integrity_of(data: bytes, metadata: bytes) -> Integrity:
    """Whether a file's bytes are those its metadata were sealed with; foreign: they say nothing.

    Raises:
        ValueError: no JSON.
    """
    said = msgspec.json.decode(metadata, type=_Sealed).digest
    if said is None:
        return "foreign"
    written = KEY + said.encode()
    blanked = data.replace(written, KEY + BLANK) if len(said) == DIGITS else data
    return "verified" if _digest(blanked) == said.encode() else "altered"


def _digest(blanked: bytes) -> bytes:
    return hashlib.sha256(blanked).hexdigest()[:DIGITS].encode()
