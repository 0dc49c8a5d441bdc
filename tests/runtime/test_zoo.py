"""The models inside the package: the ones that are there, and a temporary zoo."""

import json
from pathlib import Path

import pytest

from command import Cli
from edge_asc.budget.rules import RULES
from edge_asc.config.preset_files import PRESETS
from edge_asc.demo.bench import live as bench_live
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo import models as model_zoo
from edge_asc.runtime.zoo.models import (
    card_text,
    digest,
    find_model,
    parse_card,
    zoo_models,
    zoo_names,
)
from tiny_models import LABELS, write_model, write_tone

FACTS = {
    "summary": "three tones: high, middle, low",
    "data": "tones",
    "licence": "CC0",
    "accuracy_int8": 0.975,
}


def settle(folder: Path, name: str, **facts: object) -> Path:
    """A model and its card in a zoo."""
    (folder / name).mkdir()
    path = write_model(folder / name / f"{name}.tflite", name=name)
    full = FACTS | {"sha256": digest(path)} | facts
    path.with_suffix(".md").write_text(card_text(full, f"# {name}\n\nHears tones."), "utf-8")
    return path


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "zoo"
    folder.mkdir()
    monkeypatch.setattr(model_zoo, "FOLDER", folder)
    return folder


def test_the_models_of_this_package_keep_the_rules() -> None:
    """Of whatever is shipped: under 128,000 bytes, from data that may be shipped, one default."""
    models = zoo_models()
    assert sum(model.is_default for model in models) == bool(models)
    (limit,) = RULES["edge-128k"].limits
    for model in models:
        assert model.tflite.stat().st_size <= limit.most
        metadata = read_metadata(model.tflite)
        assert metadata.provenance["dataset"] == "ESC-10"
        assert metadata.provenance.get("fold") is None
        assert metadata.calibration.clips > 0
        assert "must not" in model.card and "CC BY" in model.card


def test_an_empty_zoo_says_so(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    assert cli("models") == (0, "no models: this edge-asc comes without any\n", "")
    assert cli("models", "--json")[1] == "[]\n"
    clip = str(write_tone(tmp_path / "clip.wav", "low"))
    for command in (["classify", clip], ["live", "--source", clip]):
        code, out, err = cli(*command)
        assert (code, out) == (1, "")
        assert err == "edge-asc: which model? This edge-asc comes without one: --model FILE\n"


def test_classify_and_live_take_the_default_and_say_so(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    settle(zoo, "a-small-one")
    settle(zoo, "tones", default=True)
    clip = str(write_tone(tmp_path / "clip.wav", "high", 3.0))
    code, out, err = cli("classify", clip, "--json")
    assert code == 0
    assert json.loads(out)["model"] == "tones"
    assert err == f"edge-asc: model tones: {FACTS['summary']}\n"
    code, out, err = cli("live", "--source", clip, "--json")
    assert code == 0 and "high" in out and "model tones" in err


def test_a_model_goes_by_its_name(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    settle(zoo, "a-small-one")
    clip = str(write_tone(tmp_path / "clip.wav", "high", 3.0))
    code, out, err = cli("classify", clip, "--model", "a-small-one", "--json")
    assert (code, json.loads(out)["model"], err) == (0, "a-small-one", "")
    code, _, err = cli("classify", clip, "--model", "another")
    assert code == 1 and "another" in err and err.count("\n") == 1


def test_a_name_works_wherever_a_file_does(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    path = settle(zoo, "small")
    clips = tmp_path / "tones"
    for label in LABELS:
        for i in range(5):
            write_tone(clips / label / f"{label}{i}.wav", label, seed=i)
    before = path.read_bytes()
    out = tmp_path / "mine.tflite"
    for arguments in (
        ["info", "NAME"],
        ["budget", "NAME"],
        ["evaluate", "NAME", "--data", clips, "--fold", 1],
        ["explain", "NAME", clips / "low" / "low0.wav"],
        ["calibrate", "NAME", "--data", clips, "--fold", 1, "--out", out],
    ):
        by_name, by_path = (
            cli(*(model if word == "NAME" else word for word in arguments), "--json")
            for model in ("small", path)
        )
        assert by_name[0] == 0, by_name
        assert without_times(by_name[1]) == without_times(by_path[1])
    assert path.read_bytes() == before


def without_times(text: str) -> object:
    """JSON but for how long things took."""
    found = json.loads(text)
    if isinstance(found, dict):
        found.pop("window_latency_ms", None)
    return found


def test_what_lies_here_comes_first(
    zoo: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(zoo, "small")
    monkeypatch.chdir(tmp_path)
    here = write_model(tmp_path / "mine.tflite", name="of this folder")
    here.rename("small")
    assert json.loads(cli("info", "small", "--json")[1])["name"] == "of this folder"


def test_a_model_of_the_zoo_is_never_changed(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    path = settle(zoo, "small")
    before = path.read_bytes()
    for name in ("small", path):
        code, out, err = cli("calibrate", name, "--data", tmp_path)
        assert (code, out) == (1, "")
        assert err == f"edge-asc: {name} is a model of the zoo, which stays as it is: --out FILE\n"
    assert path.read_bytes() == before


def test_a_name_is_never_a_presets() -> None:
    assert not set(zoo_names()) & set(PRESETS)


def test_bench_takes_the_default_and_says_so(
    zoo: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_live, "STARTS", 1)
    monkeypatch.setattr(bench_live, "PACED_S", 0.5)  # which are listened to in real time
    settle(zoo, "tones", default=True)
    code, out, err = cli("bench", "--seconds", "0.05", "--threads", "1", "--json")
    assert code == 0, err
    assert "model tones" in err and json.loads(out)


def test_list_show_path_and_copy(zoo: Path, tmp_path: Path, cli: Cli) -> None:
    settle(zoo, "a-small-one")
    path = settle(zoo, "tones", default=True)
    _, out, _ = cli("models")
    first, second = out.splitlines()
    assert first.startswith("* tones") and "97.5 %" in first and second.startswith("  a-small-one")
    listed = json.loads(cli("models", "--json")[1])
    assert [(m["name"], m["default"]) for m in listed] == [("tones", True), ("a-small-one", False)]
    assert listed[0]["tflite_bytes"] == path.stat().st_size
    assert cli("models", "show", "tones")[1] == "# tones\n\nHears tones.\n"
    assert cli("models", "path", "tones")[1] == f"{path}\n"
    copy = tmp_path / "mine.tflite"
    assert cli("models", "path", "tones", "--copy", str(copy))[1] == f"{copy}\n"
    assert copy.read_bytes() == path.read_bytes()
    code, _, err = cli("models", "path", "tones", "--format", "onnx")
    assert (code, err) == (1, "edge-asc: tones comes as .tflite only\n")
    code, _, err = cli("models", "show", "tone")
    assert (code, err) == (
        1,
        "edge-asc: model of the zoo 'tone' is not one of a-small-one, tones; did you mean tones?\n",
    )


def test_a_card_comes_back() -> None:
    facts = FACTS | {"sha256": "0", "folds": [0.9, 1.0], "deep": {"a": None, "b": "x: y"}}
    assert parse_card(card_text(facts, "# A\n\n---\n\ntext")) == (facts, "# A\n\n---\n\ntext")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("# A card", "no facts"),
        ("---\nsummary: 1", "no facts"),
        ("---\nsummary\n---", "line 2: not 'key: value'"),
        ("---\nsummary: yes and no\n---", "line 2: the value of 'summary' is no JSON"),
        ('---\nsummary: "a"\n---', "no data, licence"),
    ],
)
def test_an_illegal_card_is_one_line(content: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_card(content, "m.md")
    assert "\n" not in str(caught.value)


def test_a_card_of_another_file_is_refused(zoo: Path) -> None:
    other, path = settle(zoo, "other"), settle(zoo, "tones")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="another file"):
        zoo_models()
    with pytest.raises(ValueError, match="another file"):
        find_model("tones")
    assert find_model("other").tflite == other  # of a name, one card is read
    path.with_suffix(".md").unlink()
    with pytest.raises(ValueError, match=r"without its card tones\.md"):
        zoo_models()
