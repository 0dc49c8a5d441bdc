r"""Text from outside (labels, names of files, what a broker or a library says), made fit to show.

A terminal obeys escape sequences, a log takes a line break for a new entry, and marks of writing
direction turn a line round. Such characters are shown by their code, `\x1b`, and do nothing.
"""

import re
import unicodedata

from edge_asc.files import ACTS

_JOINERS = "\u200c\u200d"  # which scripts and pictures of several characters need
_ACTS_IN_A_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f{ACTS}]")


def shown(text: object) -> str:
    r"""One line of it, in which no character does anything and each has its place.

    Example:
        >>> print(shown("park\x1b[2J"))
        park\x1b[2J
    """
    plain = str(text)
    return plain if plain.isprintable() else "".join(map(_printable, plain))


def _printable(character: str) -> str:
    is_space = unicodedata.category(character) == "Zs"
    stays = character.isprintable() or is_space or character in _JOINERS
    return character if stays else _coded(character)


def shown_text(text: object) -> str:
    """The same of several lines of ours: their breaks and tabs stay."""
    return _ACTS_IN_A_TEXT.sub(_code, str(text))


def _code(found: re.Match[str]) -> str:
    return _coded(found.group())


def _coded(character: str) -> str:
    code = ord(character)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
