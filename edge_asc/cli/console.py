"""Tables and JSON on stdout, progress on stderr."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edge_asc.cli.verbosity import is_quiet
from edge_asc.demo.learning import progress
from edge_asc.shown import shown_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

FILE_WIDTH = 180  # characters, where there is no terminal to say how wide it is


def tables() -> "Console":
    """A console on stdout; wide enough for whole numbers when it goes to a file or a pipe."""
    from rich.console import Console

    class Shown(Console):
        """What stands in a table's cells does nothing to the terminal."""

        def render_str(self, text: str, **how: Any) -> "Text":
            return super().render_str(shown_text(text), **how)

    console = Shown()
    return console if console.is_terminal else Shown(width=FILE_WIDTH)


def print_json(value: Any) -> None:
    """Print what `--json` asked for, as files hold it."""
    from edge_asc.files import as_json

    print(as_json(value))


def print_text(text: object) -> None:
    """Print lines of ours in which names from outside stand: their characters do nothing."""
    print(shown_text(text), flush=True)


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[[int, int], Any]]:
    """Give a callback that takes (done, total); the bar shows where stderr is a terminal.

    A program that waits gets lines instead (`edge_asc.demo.learning.progress`).
    """
    if progress.is_wanted(os.environ):
        yield lambda done, of: print(progress.line_of(done, of), file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not console.is_terminal or is_quiet()
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)
