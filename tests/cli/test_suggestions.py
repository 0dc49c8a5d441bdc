"""What was probably meant: names, settings, verbs and options."""

import re
from pathlib import Path

import pytest

from command import Cli
from edge_asc.cli.commands import setting_of, to_front
from edge_asc.config.errors import setting_names
from edge_asc.config.schema import Config, load_preset, with_overrides
from edge_asc.suggest import FEW, nearest, no_such


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["data", "chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["live", "--modle", "x"], "No such option: --modle. Did you mean --model?"),
        (["--verbos", "info"], "No such option: --verbos. Did you mean --verbose?"),
        (["search", "--epocs", "3"], "No such option: --epocs. Did you mean --epochs?"),
        (["info", "--colour"], "No such option: --colour"),
        (
            ["train", "nano", "--epochs", "10"],
            "No such option: --epochs. It is a setting: --set train.epochs=10",
        ),
        (
            ["train", "nano", "--n-mels=40", "--data", "."],
            "No such option: --n-mels. It is a setting: --set frontend.n_mels=40",
        ),
        (
            ["train", "nano", "--compile", "--data", "."],
            "No such option: --compile. It is a setting: --set train.compile=VALUE",
        ),
        (
            ["quantize", "--epochs", "10"],
            "No such option: --epochs. It is a setting: --set quantize.epochs=10",
        ),
        (
            ["search", "--optimizer", "sgd; rm"],
            "No such option: --optimizer. It is a setting: --set 'train.optimizer=sgd; rm'",
        ),
    ],
)
def test_wrong_usage_says_what_was_meant(arguments: list[str], line: str, cli: Cli) -> None:
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"Error: {line}"


@pytest.mark.parametrize(
    ("arguments", "name", "meant"),
    [
        (["budget", "nano", "--rule", "dcase204"], "dcase204", "dcase2024"),
        (["export", "--int8", "--rule", "edge128k"], "edge128k", "edge-128k"),
        (["classify", "a.wav", "--runtime", "liter"], "liter", "litert"),
        (["export", "--int8", "--format", "onyx"], "onyx", "onnx"),
        (["budget", "nano", "--precision", "float31"], "float31", "float32"),
    ],
)
def test_a_wrong_choice_says_what_was_meant(
    arguments: list[str], name: str, meant: str, cli: Cli
) -> None:
    code, _, err = cli(*arguments)
    assert code == 2
    assert re.search(rf": '{name}' is not one of .*; did you mean {meant}\?$", err.strip())


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["train", "nanoo", "--data", "."], "nano"),
        (["train", "32k", "--data", "."], "esc10/32k"),
        (["train", "esc10-32k", "--data", "."], "esc10/32k"),
        (["train", "nano", "--data", ".", "--set", "train.epoch=3"], "train.epochs"),
        (["train", "nano", "--data", ".", "--set", "epochs=3"], "train.epochs"),
        (["budget", "esc10-32"], "esc10-32k"),
        (["budget", "nanno"], "nano"),
        (["info", "esc10-32"], "esc10-32k"),
        (["info", "esc10-32k.tflite"], "esc10-32k"),
        (["models", "show", "esc10-3k"], "esc10-32k"),
    ],
)
def test_a_name_that_is_not_there_says_what_was_meant(
    arguments: list[str], meant: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"edge-asc: [^\n]*did you mean {meant}( \(edge-asc models\))?\?\n", err)


def test_every_setting_can_be_set_by_its_name() -> None:
    config = load_preset("nano")
    tables = config.to_dict()
    checked = []
    for name in setting_names(Config):
        section, _, key = name.rpartition(".")
        value = (tables[section] if section else tables).get(key)
        if isinstance(value, bool | int | float | str):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            assert with_overrides(config, [f"{name}={text}"]) == config, name
            checked.append(name)
    assert {"train.epochs", "frontend.n_mels", "augment.roll", "rule"} <= set(checked)


def test_a_setting_is_looked_for_in_the_verbs_own_section_first() -> None:
    assert setting_of("--learning-rate", "quantize") == "quantize.learning_rate"
    assert setting_of("--learning-rate", "train") == "train.learning_rate"
    assert setting_of("--crop-s", "train") == "data.crop_s"
    assert setting_of("--train.epochs", "train") == "train.epochs"
    assert setting_of("--zebra", "train") is None


def test_long_lists_are_not_told_where_a_name_is_near() -> None:
    few, many = [f"name{i}" for i in range(FEW)], [f"name{i}" for i in range(FEW + 1)]
    assert no_such("x", "namd1", few).startswith("x 'namd1' is not one of name0, name1, ")
    assert no_such("x", "namd1", few).endswith("; did you mean name1?")
    assert no_such("x", "namd1", many) == "no x 'namd1'; did you mean name1?"
    assert no_such("x", "zebra", many).endswith("name10")
    assert no_such("x", "zebra", []) == "x 'zebra' is not one of none"


def test_the_end_of_a_name_is_enough() -> None:
    assert nearest("table2-none", ["nano", "paper/table2-none"]) == "paper/table2-none"
    assert nearest("zebra", ["nano", "paper/table2-none"]) is None


def test_options_for_all_verbs_come_to_the_front() -> None:
    assert to_front(["info", "-v", "x", "--debug"], ("-v", "--debug")) == [
        *("-v", "--debug"),
        *("info", "x"),
    ]
    assert to_front(["info", "--", "-v"], ("-v",)) == ["info", "--", "-v"]
