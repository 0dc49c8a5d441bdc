"""The options of `live` and the command line: each is made from the other."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from command import Cli
from edge_asc.cli.verbs.live import from_fields
from edge_asc.demo.options import Options, arguments

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(min_value=1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: text,
    Path: text.map(Path),
}
VALUES |= {kind | None: st.none() | VALUES[kind] for kind in (int, float, str, Path)}
HINTS = get_type_hints(Options)
some_options = st.builds(Options, **{f.name: VALUES[HINTS[f.name]] for f in fields(Options)})


def parsed(words: list[str]) -> Options:
    """What the command makes of its words."""
    found: list[Options] = []
    app = typer.Typer()

    @app.command()
    @from_fields
    def live(options: Options) -> None:
        found.append(options)

    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return found[0]


@given(options=some_options)
def test_the_words_for_options_ask_for_them(options: Options) -> None:
    assert parsed(list(arguments(options))) == options


def test_nothing_is_said_of_what_nobody_asked_for() -> None:
    assert list(arguments(Options())) == []
    assert list(arguments(Options(hop_s=2.0, quiet=True))) == ["--hop=2.0", "--quiet"]


@pytest.mark.parametrize("field", [f.name for f in fields(Options)])
def test_every_option_has_a_help_text(field: str) -> None:
    hint = get_type_hints(Options, include_extras=True)[field]
    assert hint.__metadata__[0].help


@pytest.mark.parametrize(
    "word",
    [
        *("--raw=fast", "--print", "--runtime=none", "--floor=2", "--gate=1", "--margin=-1"),
        *("--hop=0", "--hop=nan", "--smooth=-1", "--log-every=often", "--log=scenes.txt"),
        *("--web=port", "--metrics=port", "--mqtt=http://host"),
    ],
)
def test_wrong_usage_ends_with_2_in_one_line(
    word: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd does not start a service again after it; no microphone is opened."""
    monkeypatch.setattr("edge_asc.demo.command.listen", lambda options: pytest.fail("listens"))
    code, out, err = cli("live", word)
    assert (code, out, err.count("\n")) == (2, "", 1)
