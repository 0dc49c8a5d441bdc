"""Programs in processes of their own, forked off one that has torch and its like imported already.

Their import takes a new interpreter longer than a small training takes. Of edge_asc each process
imports everything itself. It can be killed like any other.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["warm_packages"])


class Started:
    """A program that runs.

    Args:
        program: a file that ends in .py, the name of a module, or code.
        arguments: as on a command line.
        environment: variables beside those that are set now.
        without: folders in which it finds no modules.
    """

    def __init__(
        self,
        program: str,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.output, self.errors = "", ""  # what it has printed, once it has ended
        self._paths = [_new_file(), _new_file()]
        path = [entry for entry in sys.path if entry not in without]
        words, variables = [program, *map(str, arguments)], {**os.environ, **(environment or {})}
        self._process = CONTEXT.Process(
            target=_run, args=(words, variables, path, os.getcwd(), self._paths)
        )
        self._process.start()

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End it without warning."""
        self._process.kill()
        assert self.ended() == -signal.SIGKILL, self.errors

    def ended(self, timeout_s: float = 300) -> int | None:
        """Wait for its end: its exit code, or minus the signal that ended it."""
        self._process.join(timeout_s)
        self.output, self.errors = (Path(path).read_text("utf-8") for path in self._paths)
        for path in self._paths:
            os.unlink(path)
        return self._process.exitcode


def _new_file() -> str:
    number, path = tempfile.mkstemp()
    os.close(number)
    return path


def _run(
    words: list[str], variables: dict[str, str], path: list[str], folder: str, outputs: list[str]
) -> None:
    """What a process does; an error ends it with its traceback and exit code 1."""
    for number, output in enumerate(outputs, 1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    program, sys.path[:], sys.argv[:] = words[0], path, words
    try:
        if program.endswith(".py"):
            runpy.run_path(program, run_name="__main__")
        elif program.isidentifier():
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(compile(program, "<code>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # which a fork of multiprocessing leaves out
