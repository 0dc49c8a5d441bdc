"""Points by a task's ranking formula: of an evaluation, and of networks that are compared."""

import csv
import json
from pathlib import Path

import pytest

import edge_asc as ea
from command import Cli
from edge_asc.budget.biodcase2026 import FORMULA, points
from edge_asc.budget.score import FORMULAS, Score
from edge_asc.cli import options
from edge_asc.export.count import budget_of
from edge_asc.research.task_score import ranked, score_grid, together
from edge_asc.research.written import latex
from tiny_models import LABELS, scene_head, write_model, write_tone

BOARD = {
    "embedded_time_ms_preprocessing": 300.0,
    "embedded_time_ms_model": 500.0,
    "embedded_time_ms_total": 800.0,
    "embedded_ram_usage_bytes": 120_000.0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five tones of each scene, of which one lies in the folder of another."""
    root = tmp_path_factory.mktemp("tones")
    for label in LABELS:
        for k in range(5):
            write_tone(root / label / f"{k}.wav", label, seed=k)
    write_tone(root / "low" / "5.wav", "high", seed=5)
    return root


def test_the_command_knows_the_formulas_by_name() -> None:
    assert options.FORMULAS == FORMULAS


def test_an_evaluation_shows_its_points(tmp_path: Path, data: Path, cli: Cli) -> None:
    file = write_model(tmp_path / "m.tflite")
    asked = ("evaluate", file, "--data", data, "--fold", "all", "--score", "biodcase2026")
    code, out, err = cli(*asked, "--json")
    assert code == 0, err
    found = json.loads(out)
    score = found["score"]
    (counted,) = budget_of(str(file))
    assert score["values"] == {
        "accuracy_tflite": found["accuracy"],
        "roc_auc_tflite": found["roc_auc"],
        "model_size_tflite_bytes": file.stat().st_size,
        "macs_tflite": counted.macs,
        "embedded_ram_usage_bytes": counted.peak_activation_bytes,
    }
    assert score["estimated"] == ["embedded_ram_usage_bytes"]
    assert score["points"] == points(score["values"])
    assert score["total"] == pytest.approx(sum(score["points"].values()))
    measured = ",".join(f"{name}={value}" for name, value in BOARD.items())
    code, out, _ = cli(*asked, "--measured", measured)
    assert code == 0 and f"{score['formula']}: " in out and "estimated" not in out
    assert out.count("not known here") == 3  # of the float network, which is not there


def test_a_run_answers_for_the_float_network(trained_run: Path, scenes: Path, cli: Cli) -> None:
    file = ea.Run(trained_run).export("float16", out=trained_run.parent / "score")
    code, out, err = cli(
        "evaluate", file.path, "--data", scenes, "--score", "biodcase2026",
        "--inference", trained_run, "--json",
    )  # fmt: skip
    assert code == 0, err
    score = json.loads(out)["score"]
    assert [name for name in score["unknown"]] == [name for name in FORMULA if "_time_" in name]
    alone = ea.evaluate(trained_run, scenes)
    assert score["values"]["accuracy_inference"] == alone.accuracy
    assert score["values"]["roc_auc_inference"] == alone.figures["roc_auc"]
    (network,) = budget_of(str(trained_run), "float32")
    assert score["values"]["macs_inference"] == network.macs


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--measured", "macs_tflite=3"), 2, "go with --score"),
        (("--score", "dcase"), 2, "biodcase2026"),
        (("--score", "biodcase2026", "--measured", "speed=3"), 1, "speed: not of biodcase2026"),
        (("--score", "biodcase2026", "--measured", ""), 1, "expected QUANTITY=VALUE"),
        (("--measured", ""), 2, "go with --score"),
        (
            ("--score", "biodcase2026", "--measured", "accuracy_tflite=0,5"),
            1,
            "numbers have a decimal point",
        ),
        (
            ("--score", "biodcase2026", "--measured", "macs_tflite=1,macs_tflite=2"),
            1,
            "macs_tflite is given twice",
        ),
        (("--score", "biodcase2026", "--inference", "f.tflite"), 1, "expected a run folder"),
    ],
)
def test_wrong_usage_is_refused(
    tmp_path: Path, data: Path, cli: Cli, given: tuple[str, ...], code: int, said: str
) -> None:
    file = write_model(tmp_path / "m.tflite")
    found, out, err = cli("evaluate", file, "--data", data, "--fold", "all", *given)
    assert (found, out) == (code, "") and said in " ".join(err.split())


def test_networks_are_ranked_by_what_is_known_of_all() -> None:
    small = Score({"accuracy_tflite": 0.7, "macs_tflite": 4e6, "roc_auc_tflite": 0.9})
    large = Score({"accuracy_tflite": 0.9, "macs_tflite": 2e7})
    same = Score({"accuracy_tflite": 0.9, "macs_tflite": 4e6})
    found = ranked({"small": small, "large": large, "same": same})
    assert found["shared"] == ["accuracy_tflite", "macs_tflite"]
    systems = found["systems"]
    assert {name: row["rank"] for name, row in systems.items()} == {
        "small": 3, "large": 2, "same": 1,
    }  # fmt: skip
    by_work = {name: row["ranks"]["macs_tflite"] for name, row in systems.items()}
    assert by_work == {"small": 1, "large": 3, "same": 1}  # fewer is better, equals share
    assert systems["small"]["points"] == pytest.approx(
        sum(points({"accuracy_tflite": 0.7, "macs_tflite": 4e6}).values())
    )
    text = latex(score_grid(found))
    assert "points of 2 quantities known of all" in text
    apart = ranked({"file": large, "run": Score({"macs_inference": 1.0})})
    assert [row["rank"] for row in apart["systems"].values()] == [None, None]
    assert score_grid(apart).rows[-1] == ["place", "-", "-"]


def test_of_two_who_know_a_quantity_the_later_is_taken() -> None:
    both = together(Score({"macs_tflite": 1.0}), Score({"macs_tflite": 2.0, "macs_inference": 3.0}))
    assert both.values == {"macs_tflite": 2.0, "macs_inference": 3.0}


def test_compare_ranks_files(tmp_path: Path, data: Path, cli: Cli) -> None:
    weights, bias = scene_head()
    good = write_model(tmp_path / "good.tflite")
    bad = write_model(tmp_path / "bad.tflite", scene=(weights[::-1].copy(), bias[::-1].copy()))
    table = tmp_path / "all.csv"
    asked = ("compare", good, bad, "--data", data, "--fold", "all", "--score", "biodcase2026")
    board = "embedded_time_ms_model=400"
    code, out, err = cli(
        *asked,
        "--json",
        "--csv",
        table,
        "--measured",
        f"good:{board}",
        "--measured",
        f"bad:{board}",
    )
    assert code == 0, err
    found = json.loads(out)["score"]
    assert [found["systems"][name]["rank"] for name in ("good", "bad")] == [1, 2]
    assert "embedded_time_ms_model" in found["shared"]
    one = ea.evaluate(good, data, fold="all")
    values = found["systems"]["good"]["score"]["values"]
    assert values["roc_auc_tflite"] == pytest.approx(one.figures["roc_auc"])
    with table.open() as file:
        rows = [row for row in csv.DictReader(file) if row["what"] == "points"]
    assert len(rows) == 2 * 6 and {row["system"] for row in rows} == {"good", "bad"}
    code, out, _ = cli(*asked)
    assert code == 0 and "value, points and place by itself" in out
    for text, said in (
        ("good", "expected NAME:QUANTITY=VALUE"),
        ("other:macs_tflite=1", "measured: other: none of good, bad"),
        ("good:speed=1", "speed: not of biodcase2026"),
    ):
        code, out, err = cli(*asked, "--measured", text)
        assert code and not out and said in " ".join(err.split())
    assert cli("compare", good, bad, "--measured", "good:macs_tflite=1")[0] == 2
