"""`ea.compare`: what the command finds, of evaluations at hand, paths, runs and names."""

import json
from pathlib import Path

import pytest

import edge_asc as ea
from command import runner
from tiny_models import LABELS, scene_head, write_model, write_tone


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and a data set."""
    root = tmp_path_factory.mktemp("compared")
    for label in LABELS:
        for k in range(4):
            write_tone(root / "data" / label / f"{k}.wav", label, seed=k)
    weights, bias = scene_head()
    write_model(root / "good.tflite")
    write_model(root / "bad.tflite", scene=(weights[::-1].copy(), bias[::-1].copy()))
    return root


def test_it_finds_what_the_command_finds(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [place / "good.tflite", place / "bad.tflite"]
    found = ea.compare(files, place / "data", fold="all")
    code, out, _ = runner(capsys)(
        "compare", *files, "--data", place / "data", "--fold", "all", "--json"
    )
    assert code == 0
    theirs = json.loads(out)
    for row in (*found.systems, *theirs["systems"]):
        row.pop("window_latency_ms")  # a clock's
    assert json.loads(json.dumps(found.figures)) == theirs
    assert found.has_asked and found.warnings == []


def test_one_may_give_evaluations_paths_lists_and_names(place: Path, tmp_path: Path) -> None:
    data = ea.open_dataset(place / "data")
    evaluated = ea.evaluate(place / "good.tflite", data, fold="all")
    evaluated.save(tmp_path / "saved")
    given = {
        "at hand": evaluated,
        "saved": tmp_path / "saved",
        "its table": str(tmp_path / "saved" / "predictions.csv"),
        "asked": [place / "good.tflite"],
    }
    found = ea.compare(given, data, fold="all")
    assert [row["name"] for row in found.systems] == [*given]
    assert {row["value"] for row in found.systems} == {evaluated.accuracy}
    assert all(row["difference"] == 0 and row["p"] == 1 for row in found.differences)
    assert found.systems[0]["file_bytes"] == [(place / "good.tflite").stat().st_size] * 2
    in_order = ea.compare([evaluated, f"theirs={tmp_path / 'saved'}"])
    assert [row["name"] for row in in_order.systems] == ["good", "theirs"]
    assert not in_order.has_asked


def test_it_prints_and_writes_the_commands_tables(place: Path, tmp_path: Path) -> None:
    files = [place / "good.tflite", place / "bad.tflite"]
    found = ea.compare(files, place / "data", fold="all", score="biodcase2026")
    assert "differences" in str(found) and "points of" in str(found)
    assert found._repr_html_().startswith("<pre>")
    found.save_csv(tmp_path / "o.csv")
    found.save_latex(tmp_path / "o.tex")
    found.plot(tmp_path / "o.png")
    assert all((tmp_path / f"o.{kind}").stat().st_size > 100 for kind in ("csv", "tex", "png"))
    with pytest.raises(ValueError, match="a picture is one of"):
        found.plot(tmp_path / "o.xyz")


def test_what_cannot_be_compared_is_one_line(place: Path) -> None:
    good, data = place / "good.tflite", place / "data"
    for given, options, said in (
        (str(good), {}, "give two networks or more"),
        (good, {}, "give two networks or more"),
        ({"": good, "b": good}, {}, "an empty name"),
        ([good], {}, "give two networks or more"),
        ([good, good], {}, "two are called good"),
        ([good, place / "bad.tflite"], {"score": "dcase"}, "score 'dcase' is not one of"),
        ({"a": good, "b": []}, {}, "b: nothing to compare"),
        ({"a": good, "b": good}, {"measured": {"a": {}}}, "measured goes with score"),
        (
            {"a": good, "b": good},
            {"score": "biodcase2026", "measured": {"c": {}}},
            "measured: c: none of a, b",
        ),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            ea.compare(given, data, fold="all", **options)
        assert "\n" not in str(caught.value)


def test_what_is_no_network_is_said(place: Path) -> None:
    good, data = place / "good.tflite", place / "data"
    for given, options, said in (
        ([good, 3], {}, "found 3"),
        (None, {}, "found None"),
        ({"a": good, "b": None}, {}, "found None"),
        ({1: good, "b": good}, {}, "a network's name is text, not 1"),
        ({"a": good, "b": {"c": good}}, {}, "expected a path"),
        ({"a": good, "b": good}, {"fold": 1.5}, "fold: expected a number"),
        ({"a": good, "b": good}, {"fold": [1]}, "fold: expected a number"),
        ({"a": good, "b": good}, {"score": "biodcase2026", "measured": {"a": 3}}, "by name"),
    ):
        with pytest.raises(TypeError, match=said):
            ea.compare(given, data, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        ("accuracy_tflite", 2, "from 0 to 1"),
        ("macs_tflite", -1, "whole number from 1"),
        ("embedded_time_ms_total", float("nan"), "expected a number from 0"),
        ("embedded_time_ms_total", "soon", "expected a number from 0"),
        ("embedded_ram_usage_bytes", 0.5, "whole number from 1"),
        ("nonsense", 1, "not of biodcase2026"),
    ],
)
def test_what_no_board_can_have_measured(
    place: Path, quantity: str, value: object, said: str
) -> None:
    given = {"a": place / "good.tflite", "b": place / "bad.tflite"}
    with pytest.raises(ValueError, match=said):
        ea.compare(
            given,
            place / "data",
            score="biodcase2026",
            measured={"a": {quantity: value}},  # type: ignore[dict-item]
        )
