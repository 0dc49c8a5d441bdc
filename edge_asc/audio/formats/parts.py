"""The sounds that stand one after the other in a file: mostly one, and it is the whole file."""

from typing import BinaryIO

from edge_asc.audio.formats.container import container_parts
from edge_asc.audio.formats.flac import flac_parts
from edge_asc.audio.formats.lame import check_no_tag_lost
from edge_asc.audio.formats.mp3 import mp3_parts
from edge_asc.audio.formats.ogg import ogg_parts
from edge_asc.audio.formats.part import Data, FileData, Part, after_id3


def parts_of(file: BinaryIO, n_bytes: int) -> list[Part]:
    """What a decoder is to be given, one after the other, to hear all of a file.

    Args:
        file: that can be read anywhere.
        n_bytes: its size, at least 1.

    Raises:
        Damaged: a checksum, a length or the order of its pieces tells that something is not there.
        OSError: it cannot be read.
    """
    return _parts(FileData(file, n_bytes)) or [Part(((0, n_bytes),))]


def _parts(data: Data) -> list[Part] | None:
    start = after_id3(data)
    magic = data[start : start + 4]
    if magic == b"OggS":
        return ogg_parts(data)
    if magic == b"fLaC":
        return flac_parts(data)
    if magic in (b"RIFF", b"RF64", b"FORM", b"riff", b".snd", b"dns.", b"caff"):
        return container_parts(data)
    if start or (len(magic) > 1 and magic[0] == 0xFF and magic[1] >= 0xE0):
        return mp3_parts(data)
    check_no_tag_lost(data, 0)  # a decoder would take what follows for the whole
    return None
