"""How a verb ends: one line on stderr and an exit code, never a traceback for a user's mistake.

0 done; 1 an error, said in one line; 2 wrong usage (typer says it); 3 over the size budget
(`OverBudget.exit_code`); 130 interrupted.
"""

import functools
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from edge_asc.demo.outputs.shown import clean
from edge_asc.install import add_extra

ERROR, WRONG_USAGE, INTERRUPTED = 1, 2, 130
_TRAINING = "torch torchaudio torchao lightning nncf onnx matplotlib"
TRAINING_PACKAGES = frozenset(_TRAINING.split())
_LIVE = "sounddevice starlette uvicorn wsproto paho prometheus_client"
LIVE_PACKAGES = frozenset(_LIVE.split())
SEARCH_PACKAGES = frozenset(["optuna", "sqlalchemy", "psycopg", "tomli_w"])
log = logging.getLogger(__name__)
Verb = TypeVar("Verb", bound=Callable[..., Any])


def verb(function: Verb) -> Verb:
    """Turn what goes wrong in a verb into one line and an exit code."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        started_s = time.perf_counter()
        try:
            result = function(*args, **kwargs)
            log.info("done in %.1f s", time.perf_counter() - started_s)
            sys.stdout.flush()  # here, where a reader that has gone can be met in silence
            return result
        except BrokenPipeError:  # the reader of our output, `head` perhaps, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ERROR) from None
        except (ValueError, OSError) as error:
            complain(said(error))
            show_bytes(error)
            log.debug("where it went wrong", exc_info=True)
            raise typer.Exit(getattr(error, "exit_code", ERROR)) from error
        except ImportError as error:
            complain(missing(error))
            log.debug("where it went wrong", exc_info=True)
            raise typer.Exit(ERROR) from error
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    return run  # type: ignore[return-value]


def complain(line: str) -> None:
    """One line on stderr, with the program's name."""
    print(f"edge-asc: {clean(' '.join(line.split()))}", file=sys.stderr, flush=True)


def show_bytes(error: Exception) -> None:
    """Print on stderr where the bytes of a network that is over its budget are, and what fits."""
    inventory = getattr(error, "inventory", None)
    if inventory is not None:
        from rich.console import Console

        from edge_asc.budget.report import print_report

        print_report(inventory, getattr(error, "rules", ()), Console(stderr=True))


def said(error: Exception) -> str:
    """An error in the order people read: the file, then what is wrong with it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror.lower()}"
    return str(error) or type(error).__name__


def missing(error: ImportError) -> str:
    """What to install for a package that is not there; any other failed import is our fault."""
    package = (error.name or "").split(".")[0]
    if package in TRAINING_PACKAGES:
        return f"this needs {package}: {add_extra('train')}"
    if package in LIVE_PACKAGES:
        return f"this needs {package}: {add_extra('live')}"
    if package in SEARCH_PACKAGES:
        return f"this needs {package}: {add_extra('train,search')}"
    if package == "tomllib":  # presets and training; classifying does with Python 3.10
        return "this needs Python 3.11 or newer"
    if error.name is None:  # raised by us, with words for the user
        return str(error)
    raise error
