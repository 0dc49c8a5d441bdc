"""A test set is measured as a whole; scenes of any name are printed as they are."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.evaluation.report import print_evaluation
from tiny_models import LABELS, write_model, write_tone


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A folder per scene, five recordings each."""
    for label in LABELS:
        for i in range(5):
            write_tone(tmp_path / "tones" / label / f"{label}{i}.wav", label, seed=i)
    return tmp_path / "tones"


def test_all_clips_of_a_set_that_no_training_has_seen(
    tones: Path, tmp_path: Path, cli: Cli
) -> None:
    model = write_model(tmp_path / "m.tflite")
    _, out, _ = cli("evaluate", model, "--data", tones, "--fold", "all", "--json")
    figures = json.loads(out)
    assert (figures["fold"], figures["clips"]) == ("all", 5 * len(LABELS))
    code, _, err = cli("evaluate", model, "--data", tones, "--fold", "some")
    assert code == 2 and "a number or all" in err
    code, _, err = cli("evaluate", model, "--data", tones)
    assert code == 1 and "--fold all" in err


def test_a_table_of_one_fold_is_a_test_set(tones: Path, tmp_path: Path, cli: Cli) -> None:
    model = write_model(tmp_path / "m.tflite")
    rows = [f"{path.relative_to(tones)},{path.parent.name},3" for path in tones.rglob("*.wav")]
    (tones / "list.csv").write_text("file,what,part\n" + "\n".join(rows))
    given = ("--columns", "path=file,label=what,fold=part")
    for fold in ((), ("--fold", "3"), ("--fold", "all")):
        code, out, _ = cli("evaluate", model, "--data", tones, *given, *fold, "--json")
        assert (code, json.loads(out)["clips"]) == (0, 5 * len(LABELS))


def test_clips_of_the_training_are_told_in_a_whole_set(tones: Path, tmp_path: Path) -> None:
    dataset = open_dataset(tones)
    made_of = {"dataset": dataset.name, "fold": 1}
    model = write_model(tmp_path / "m.tflite", provenance=made_of)
    (warning,) = evaluate(model, dataset, fold="all").figures["warnings"]
    assert "in the training data" in warning


def test_names_in_brackets_are_printed_as_they_are(tones: Path, tmp_path: Path) -> None:
    names = ["[noise]", "[bold red]siren", "bus [1]", "[/]"][: len(LABELS)]
    for label, name in zip(LABELS, names, strict=False):
        (tones / label).rename(tones / name.replace("/", "-"))
    names = [name.replace("/", "-") for name in names]
    model = write_model(tmp_path / "m.tflite", labels=names)
    figures = evaluate(model, tones, fold=1).figures
    console = Console(file=io.StringIO(), width=150)
    print_evaluation(figures, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(f"{name} " in printed for name in names)
