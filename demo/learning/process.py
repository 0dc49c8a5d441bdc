"""A command of edge-asc in a process of its own, behind everything else that the machine does."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_asc.demo.learning import progress
from edge_asc.runtime.formats.taught import memory_path

NICE = 19  # the lowest priority
MOST_DISPENSABLE = "1000"  # to the kernel, when memory runs out
PROGRAM = "edge-asc: "  # what its lines for people begin with


def teach_command(
    recordings: Path, out: Path, listens: Path | None = None, more: Sequence[str] = ()
) -> list[str]:
    """The words that teach a folder's recordings.

    Args:
        recordings: the folder.
        out: the new file.
        listens: the model in use. What it was taught is added to, where that lies beside it.
        more: further options of `teach`.
    """
    added = ["--add", str(listens)] if listens and can_be_added_to(listens) else []
    return ["teach", str(recordings), "--out", str(out), "--json", *added, *more]


def can_be_added_to(model: Path) -> bool:
    """Whether `edge-asc teach --add` takes it."""
    return model.suffix == ".tflite" and memory_path(model).is_file()


def classify_command(folders: Sequence[Path], model: Path) -> list[str]:
    """The words that ask a model about all recordings of some folders."""
    return ["classify", *map(str, folders), "--model", str(model), "--top", "1", "--json"]


class Command:
    """One run of `edge-asc`, which another thread may end.

    Args:
        words: behind `edge-asc`.
        on_progress: called with clips done and all, as they are told.
    """

    def __init__(
        self, words: Sequence[str], on_progress: Callable[[int, int], Any] = lambda *_: None
    ) -> None:
        self._words, self._on_progress = words, on_progress
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(self, least_output: bool = False) -> str:
        """Run it to its end; what it printed.

        Args:
            least_output: whether it is enough that it printed something, whatever its exit code.

        Raises:
            ValueError: it failed, or was ended; one line that says why.
            OSError: it could not be started.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            process = self._started(out)
            with process:  # waits, and closes the pipe
                said = self._listened(process)
            out.seek(0)
            printed = out.read()
        if process.returncode and not (least_output and printed):
            raise ValueError(_why(process.returncode, said))
        return printed

    @property
    def pid(self) -> int | None:
        """Of the process, once it has been started."""
        return self._process.pid if self._process else None

    def cancel(self) -> None:
        """End it, or keep it from being started."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()  # it writes whole files or none

    def _started(self, out: Any) -> "subprocess.Popen[str]":
        environment = {**os.environ, progress.VARIABLE: progress.LINES}
        with self._lock:
            if self._cancelled:
                raise ValueError("cancelled")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_asc", *self._words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                env=environment,
                encoding="utf-8",
                errors="replace",
            )
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
            # Where memory runs out, it goes, and not what listens.
            Path(f"/proc/{self._process.pid}/oom_score_adj").write_text(MOST_DISPENSABLE)
        return self._process

    def _listened(self, process: "subprocess.Popen[str]") -> str:
        """Take its progress; give its last other line."""
        last = ""
        assert process.stderr is not None  # it was started with a pipe there
        for line in process.stderr:
            if found := progress.parsed(line):
                self._on_progress(*found)
            elif line.strip():
                last = line.strip()
        return last


def _why(code: int, said: str) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return said.removeprefix(PROGRAM) or f"exit code {code}"
