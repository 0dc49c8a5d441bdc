"""How much the command says on stderr, and in what words: `-q`, `-v`, `--debug`.

Everything but results and errors goes through Python's logging: the package's modules log what they
do (`logging.getLogger("edge_asc…")`) and the command decides what is worth a line. With `--debug`
the traceback behind an error is such a line, too.
"""

import logging
import sys

from edge_asc.shown import shown_text

NOTICE = 25  # between INFO and WARNING: a line that is printed unless -q is given
LOGGER = logging.getLogger("edge_asc")
PLAIN = "edge-asc: %(message)s"
DETAILED = "edge-asc: %(relativeCreated)5.0f ms %(name)s: %(message)s"


def set_up(verbose: int = 0, quiet: bool = False, debug: bool = False) -> None:
    """Let the package's loggers write to stderr: less than usual, or more.

    Args:
        verbose: 1: what is read, chosen and how long it takes; 2: all there is.
        quiet: errors only.
        debug: all there is, with tracebacks.
    """
    level = logging.ERROR if quiet else NOTICE if not verbose else logging.INFO
    level = logging.DEBUG if debug or verbose > 1 else level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Shown(DETAILED if level == logging.DEBUG else PLAIN))
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False  # other packages' handlers would write it once more
    LOGGER.setLevel(level)


class _Shown(logging.Formatter):
    """What a record tells of names and labels from outside does nothing to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return shown_text(super().format(record))


def notice(line: str) -> None:
    """One line about what is done, for people: not with -q."""
    LOGGER.log(NOTICE, "%s", " ".join(line.split()))


def is_quiet() -> bool:
    """Whether errors are all that is wanted."""
    return not LOGGER.isEnabledFor(logging.WARNING)
