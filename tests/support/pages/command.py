"""The command line, run in this process."""

from collections.abc import Callable

import pytest

from edge_asc.cli.app import app

Cli = Callable[..., tuple[int, str, str]]  # arguments -> exit code, stdout, stderr


def runner(capsys: pytest.CaptureFixture[str]) -> Cli:
    """A function that runs `edge-asc` with its arguments."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            app([str(a) for a in arguments])
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run
