"""Pictures without a window: the one place that knows how matplotlib makes a file.

matplotlib is imported by the first picture: what draws none needs no matplotlib.
"""

import os
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_asc.files import atomic_write
from edge_asc.install import add_package
from edge_asc.shown import shown_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
KINDS = ("png", "svg", "pdf")


def _needed() -> str:
    return f"a picture needs matplotlib: {add_package('matplotlib')}"


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def check_drawable(path: Path | None = None) -> None:
    """Say before long work that its picture cannot be drawn.

    Raises:
        ImportError: there is no matplotlib; the message says what to do.
        ValueError: the file's name ends like no picture that can be drawn.
    """
    if not can_draw():
        raise ImportError(_needed())
    if path is not None and path.suffix and path.suffix[1:].lower() not in KINDS:
        raise ValueError(f"{path}: a picture is one of {', '.join(KINDS)}, not {path.suffix}")


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty figure whose parts make room for each other.

    Raises:
        ImportError: there is no matplotlib; the message says what to do.
    """
    _keep_out_of_the_home_folder()
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(_needed()) from None
    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _keep_out_of_the_home_folder() -> None:
    """Let matplotlib keep its list of fonts among temporary files, where it has no folder yet.

    It would make folders in the home folder of whoever trains.
    """
    home = Path(os.path.expanduser("~"))  # which is "~" where there is none
    if "MPLCONFIGDIR" in os.environ or (home / ".config" / "matplotlib").exists():
        return
    folder = Path(tempfile.gettempdir()) / f"edge-asc-matplotlib-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return  # somebody else's; matplotlib makes one for this process alone if it has to
    except OSError:
        return
    os.environ["MPLCONFIGDIR"] = str(folder)


def save_figure(figure: "Figure", path: Path | str, dpi: int = DPI) -> None:
    """Write a picture, whole or not at all: SVG or PDF where the name ends so, else PNG.

    Raises:
        OSError: it cannot be written.
    """
    ending = Path(path).suffix[1:].lower()
    with atomic_write(path) as temporary:
        write_figure(figure, temporary, ending if ending in KINDS else KINDS[0], dpi)


def write_figure(figure: "Figure", to: Path | BinaryIO, kind: str, dpi: int = DPI) -> None:
    """Draw a picture of one of `KINDS`, in which text from outside does nothing."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(shown_text(text.get_text()))
    with warnings.catch_warnings():
        # A box stands in the picture for what no font has; nobody can do more about it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(to, dpi=dpi, format=kind)
