"""-q, -v and --debug: how much is said on stderr."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import Cli
from edge_asc.cli import verbosity
from tiny_models import write_model, write_tone


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    logger = verbosity.LOGGER
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    logger.level, logger.propagate, logger.handlers[:] = before
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_tone(tmp_path / "x.wav", "low")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.tflite")


@pytest.mark.parametrize("flag", ["--debug", "-vv"])
@pytest.mark.parametrize("in_front", [True, False])
def test_debug_shows_the_traceback(flag: str, in_front: bool, cli: Cli) -> None:
    code, out, err = cli(flag, "info", "nope") if in_front else cli("info", "nope", flag)
    assert (code, out) == (1, "")
    assert err.startswith("edge-asc: no model at nope: no such file or folder\n")
    assert "\nTraceback (most recent call last):\n" in err
    assert err.endswith("FileNotFoundError: no model at nope: no such file or folder\n")


def test_so_does_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_ASC_DEBUG", "1")
    assert "Traceback" in cli("info", "nope")[2]
    monkeypatch.setenv("EDGE_ASC_DEBUG", "0")
    assert "Traceback" not in cli("info", "nope")[2]


def test_otherwise_a_mistake_is_one_line(cli: Cli) -> None:
    for flags in ((), ("-q",), ("-v",)):
        code, _, err = cli("info", "nope", *flags)
        assert (code, err) == (1, "edge-asc: no model at nope: no such file or folder\n")


def test_v_says_what_runs_and_how_long_it_takes(cli: Cli, model: Path, sound: Path) -> None:
    code, out, err = cli("classify", sound, "--model", model, "-v")
    assert code == 0
    assert re.search(rf"^edge-asc: {model} on \w+, threads: 1, opened in \d+ ms$", err, re.M)
    assert re.search(r"^edge-asc: done in \d+\.\d s$", err, re.M)
    assert cli("classify", sound, "--model", model) == (0, out, "")


def test_q_leaves_errors_alone(cli: Cli, sound: Path) -> None:
    assert cli("classify", sound)[2].startswith("edge-asc: model ")  # which the zoo's default is
    code, out, err = cli("-q", "classify", sound)
    assert (code, err) == (0, "") and out
    assert cli("classify", "nope.wav", "-q")[2] == "edge-asc: nope.wav: No such file or directory\n"


def test_modules_log_below_the_package(cli: Cli) -> None:
    logging.getLogger("edge_asc.a").info("before it is set up")
    cli("info", "-v")
    assert logging.getLogger("edge_asc.a").isEnabledFor(logging.INFO)
    assert not logging.getLogger("other").isEnabledFor(logging.INFO)
    cli("info")
    assert not logging.getLogger("edge_asc.a").isEnabledFor(logging.INFO)
