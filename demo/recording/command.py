"""`edge-asc record`: puts a source, a view and a file together, and takes them apart again."""

import errno
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from edge_asc.demo.command import open_source, say
from edge_asc.demo.options import Options
from edge_asc.demo.recording.label import check_label
from edge_asc.demo.recording.record import Recording, record
from edge_asc.demo.recording.view import TerminalView, View
from edge_asc.demo.service.signals import heeded
from edge_asc.demo.sources.address import check_source
from edge_asc.demo.sources.channels import parse_channel
from edge_asc.demo.sources.pcm import parse_raw
from edge_asc.demo.sources.portaudio import own_stderr
from edge_asc.demo.sources.source import CaptureHung, Source

COUNTDOWN_S = 3
PATIENCE_S = 300.0  # for a microphone that has gone, or is muted
MAX_MINUTES = 180  # a WAV file of the fastest microphone is then not yet 2 GB


def check(label: str, minutes: float, options: Options) -> None:
    """Raise ValueError for what cannot be meant, before anything starts."""
    check_label(label)
    if not 0 < minutes <= MAX_MINUTES:
        raise ValueError(f"minutes must be above 0 and at most {MAX_MINUTES}, found {minutes:g}")
    parse_channel(options.channel)
    check_source(options.source)
    if options.raw:
        parse_raw(options.raw)
        if options.source == "mic":
            raise ValueError("--raw goes with --source")


def listen(folder: Path, minutes: float, options: Options, quiet: bool) -> Recording:
    """Record until the time is over, the audio ends, SIGINT or SIGTERM.

    Args:
        folder: of the class.
        minutes: of audio.
        options: source, microphone, channel and raw of them.
        quiet: nothing is shown or said.

    Raises:
        ValueError, OSError: it could not be done, in one line.
        KeyboardInterrupt: it was ended before anything was recorded.
    """
    _check_folder(folder)
    is_microphone = options.source == "mic"
    draws = not quiet and sys.stderr.isatty()
    with heeded() as signals:
        with own_stderr(hide_libraries=draws), _opened(options) as source:
            view = _view(draws, quiet)
            waits = (COUNTDOWN_S, PATIENCE_S) if is_microphone else (0, math.inf)
            try:
                found = record(source, folder, 60 * minutes, view, signals.stopped, *waits)
            finally:
                view.close()
        if found is None and signals.stopped():
            raise KeyboardInterrupt
    if found is None:
        raise ValueError("nothing was recorded: the audio ended before it began")
    return found


def _check_folder(folder: Path) -> None:
    """Raise OSError where no file can be made: better before the sound than after it."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def _view(draws: bool, quiet: bool) -> View:
    if draws:
        return TerminalView(Console(file=sys.stderr))
    return View((lambda text: None) if quiet else say)


@contextmanager
def _opened(options: Options) -> Iterator[Source]:
    source = open_source(options)
    try:
        yield source
    finally:
        with suppress(CaptureHung):  # the file is closed, and the process can end all the same
            source.close()
