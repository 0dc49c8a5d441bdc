"""Text from outside does nothing where it is shown, and is still told apart."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_asc.cli.app import app
from edge_asc.cli.console import tables
from edge_asc.demo.events import Notice, json_text
from edge_asc.demo.outputs.log.format import FORMATS, Entry
from edge_asc.files import as_json
from edge_asc.plotting import new_figure, save_figure
from edge_asc.shown import shown, shown_text
from tiny_models import write_model, write_tone

ACTING = {"\x1b", "\x07", "\x9b", "\u202e"}
EVIL = "a\x1b[2Jb\x07\x9bc\u202ed\ne\x7f"


@given(st.text())
def test_what_is_shown_acts_on_nothing(text: str) -> None:
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028" for c in shown(text))
    assert shown(shown(text)) == shown(text)


@pytest.mark.parametrize("text", ["Straßenbahn", "公園", "جسر", "👨‍👩‍👧", "a\\b", "50 %"])
def test_ordinary_text_stays(text: str) -> None:
    assert shown(text) == shown_text(text) == text


def test_lines_of_ours_keep_their_breaks() -> None:
    assert shown_text("one\n\ttwo\x1b") == "one\n\ttwo\\x1b"


@given(st.text())
def test_json_is_harmless_and_the_same(text: str) -> None:
    printed = as_json({"name": text})
    assert json.loads(printed) == {"name": text}
    assert shown_text(printed) == printed


@given(st.text())
def test_what_listening_tells_is_harmless_and_the_same(text: str) -> None:
    printed = json_text(Notice(time_s=0.0, text=text))
    assert json.loads(printed)["text"] == text
    assert shown_text(printed) == printed
    for form in FORMATS.values():
        line = form.to_line(
            Entry(time="2026-01-01T00:00:00+00:00", event="notice", state="listening", text=text)
        ).decode()
        assert shown_text(line) == line and line.count("\n") == 1


def test_a_picture_has_text_of_others_without_its_power(tmp_path: Path) -> None:
    figure = new_figure(2, 1)
    figure.suptitle(EVIL)
    figure.text(0, 0, "公園 of which a font may have no glyph")
    save_figure(figure, tmp_path / "a.svg")  # a warning would be an error here
    assert figure.get_suptitle() == shown_text(EVIL)


def test_verbs_show_a_file_of_somebody_else(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.tflite", name=EVIL, labels=["low", "middle", EVIL],
                        provenance={"by": EVIL})  # fmt: skip
    clip = write_tone(tmp_path / "x\x1b[31m.wav", "low")
    runner = CliRunner()
    for line in (["info", model], ["info", model, "--json"], ["classify", clip, "--model", model],
                 ["classify", tmp_path / "not\x1bthere.wav", "--model", model]):  # fmt: skip
        found = runner.invoke(app, [str(word) for word in line])
        assert not ACTING & set(found.output)


def test_a_tables_cells_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("name")
    table.add_row(EVIL)
    tables().print(table)
    tables().print(EVIL)
    assert not ACTING & set(capsys.readouterr().out)
