"""What was decided about each clip: a file of JSON lines that is only appended to.

Every line carries a checksum, so that what a power cut leaves of one is told from a whole one. Of
labels the index knows nothing: where a clip lies says them. It may be lost.
"""

import errno
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge_asc.demo.outputs.log.file import mend
from edge_asc.demo.outputs.log.reader import whole_lines
from edge_asc.files import atomic_write


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clip, and the decision it was kept for; what is not known is None."""

    time_s: float  # Unix time at which the decision's window ended
    seconds: float  # length of the clip
    id: str = ""  # given by the store
    why: str | None = None  # the rule that wanted it
    scene: str | None = None  # what was shown
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    level_dbfs: float | None = None
    model: str | None = None  # `Classifier.id`
    window_s: tuple[float, float] | None = None  # where in the clip the decision's window lies


class _Line(msgspec.Struct, frozen=True):
    check: int  # CRC-32 of the clip's bytes
    clip: msgspec.Raw


def to_line(kept: Kept) -> bytes:
    """A clip as a whole line."""
    clip = msgspec.json.encode(kept)
    return msgspec.json.encode(_Line(zlib.crc32(clip), msgspec.Raw(clip))) + b"\n"


def from_line(line: bytes) -> Kept:
    """A clip from a line without its newline.

    Raises:
        ValueError: it is none, or damaged.
    """
    found = _LINES.decode(line)
    if zlib.crc32(bytes(found.clip)) != found.check:
        raise ValueError("checksum")
    return _CLIPS.decode(found.clip)


_LINES, _CLIPS = msgspec.json.Decoder(_Line), msgspec.json.Decoder(Kept)


def read(path: Path) -> dict[str, Kept]:
    """Every whole line, by the clip's name; the latest of a name. No file has none.

    Raises:
        OSError: it cannot be read.
    """
    found: dict[str, Kept] = {}
    try:
        with path.open("rb") as opened:
            for line in whole_lines(opened):
                try:
                    kept = from_line(line)
                except (ValueError, RecursionError):
                    continue
                found[kept.id] = kept
    except FileNotFoundError:
        pass
    return found


def append(path: Path, kept: Kept) -> None:
    """Write a line through to the disk; the caller holds the folder's lock.

    Raises:
        OSError: nothing of the line, or a part that the next one replaces, was written.
    """
    line = to_line(kept)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        mend(fd)
        if os.write(fd, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(fd)
    finally:
        os.close(fd)


def rewrite(path: Path, clips: Iterable[Kept]) -> None:
    """Replace the file by one of these clips; the caller holds the folder's lock."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.writelines(map(to_line, clips))
        file.flush()
        os.fsync(file.fileno())
