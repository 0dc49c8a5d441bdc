"""Characters and colours of the terminal view, and the small shapes that are made of them.

Characters are those of code page 437, which the Linux console has; colours never say what words or
letters do not say as well.
"""

from dataclasses import dataclass
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style

Line = list[Segment]
PLAIN, BOLD, DIM = Style(), Style(bold=True), Style(dim=True)
GOOD, WARN, BAD = Style(color="green"), Style(color="yellow"), Style(color="red", bold=True)
ACCENT = Style(color="cyan", bold=True)
STATE_STYLES = {"listening": GOOD, "silent": WARN, "lost": BAD}
# Ten colours that people with any colour vision tell apart, after Paul Tol's "muted" scheme; a
# scene's letter stands on its colour, in black or white.
_LIGHT = ("#88ccee", "#ddcc77", "#44aa99", "#cc6677", "#999933", "#dddddd")
_DARK = ("#332288", "#117733", "#882255", "#aa4499")
KEY_STYLES = (
    *(Style(color="#000000", bgcolor=colour) for colour in _LIGHT),
    *(Style(color="#ffffff", bgcolor=colour) for colour in _DARK),
)
UNSURE_KEY = "?"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
DEGREES = " °C"
MAX_BAR = 60  # longer ones are hard to compare


@dataclass(frozen=True)
class Glyphs:
    """Characters of a terminal."""

    full: str = "█"
    half: str = "▌"
    peak: str = "│"
    shown: str = "►"
    degrees: str = DEGREES


ASCII = Glyphs(full="#", half="", peak="|", shown=">", degrees=" C")


@lru_cache(maxsize=2)
def keys(labels: tuple[str, ...]) -> dict[str, str]:
    """A letter for each label, of its own letters where one is free; `*` when all are taken."""
    taken: dict[str, str] = {}
    for label in labels:
        wanted = [c for c in label.lower() + label.upper() + LETTERS if c in LETTERS]
        taken[label] = next((c for c in wanted if c not in taken.values()), "*")
    return taken


def bar(value: float, width: int, glyphs: Glyphs) -> str:
    """A bar as long as the value's part of the width, to half a character."""
    per_cell = 2 if glyphs.half else 1
    n = round(min(max(value, 0.0), 1.0) * width * per_cell)
    return glyphs.full * (n // per_cell) + glyphs.half * (n % per_cell)


def duration(seconds: float) -> str:
    """`2:05` or `1:02:05`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
