"""BioDCASE 2026, task 3: its counters' published figures, and its ranking formula."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge_asc.budget import biodcase2026
from edge_asc.budget.inventory import Inventory
from edge_asc.budget.network.reader import inventory_of_torch
from edge_asc.budget.report import print_report
from edge_asc.budget.rules import RULES, report
from edge_asc.budget.score import Score, parse_measured, score_of
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.trace import trace
from edge_asc.models import build
from tflite_files import TFLiteFile, options

# docs/baseline_results/baseline_submission_results.yaml of the organisers, both frameworks
PYTORCH = {
    "accuracy_inference": 0.5647,
    "accuracy_tflite": 0.5628,
    "roc_auc_inference": 0.8921,
    "roc_auc_tflite": 0.8923,
    "model_size_tflite_bytes": 111_408,
    "macs_inference": 23_326_923,
    "macs_tflite": 23_315_232,
    "embedded_time_ms_preprocessing": 3.02,
    "embedded_time_ms_model": 1484.87,
    "embedded_time_ms_total": 1492.35,
    "embedded_ram_usage_bytes": 202_540,
}
TENSORFLOW = {
    "accuracy_inference": 0.6084,
    "accuracy_tflite": 0.6138,
    "roc_auc_inference": 0.9049,
    "roc_auc_tflite": 0.9023,
    "model_size_tflite_bytes": 109_312,
    "macs_inference": 23_322_769,
    "macs_tflite": 23_315_232,
    "embedded_time_ms_preprocessing": 3.1,
    "embedded_time_ms_model": 1850.09,
    "embedded_time_ms_total": 1857.62,
    "embedded_ram_usage_bytes": 202_556,
}


def baseline() -> Inventory:
    network = build("biodcase2026-baseline", {}, n_scenes=11)
    return inventory_of_torch(network, (1, 1, 40, 133), 3.0, precision="int8")


def baseline_file() -> Inventory:
    network = build("biodcase2026-baseline", {}, n_scenes=11).eval()
    return read_tflite(to_tflite(fold(trace(network, 40, 133)), 133), frames=133, audio_s=3.0)


def test_the_baseline_has_the_published_figures() -> None:
    found = baseline()
    assert (found.parameters, found.macs) == (97_163, PYTORCH["macs_inference"])
    assert biodcase2026.macs(baseline_file()) == PYTORCH["macs_tflite"]
    # The board has the interpreter's own tables beside the activations.
    assert 198_816 == found.peak_activation_bytes < PYTORCH["embedded_ram_usage_bytes"] < 204_000


def by_hand(v: Mapping[str, float]) -> float:
    """The formula once more, with its quotients as the organisers write them."""
    score = (v["accuracy_inference"] - 0.56) / 0.44 + 2 * (v["accuracy_tflite"] - 0.56) / 0.44
    score += 0.5 * (v["roc_auc_inference"] + v["roc_auc_tflite"] - 2 * 0.89) / 0.08
    score += 0.5 * (4_755_032 - v["model_size_tflite_bytes"]) / 4_712_800
    score += 0.3 * max(267_313_754 - v["macs_inference"], 0) / 243_986_831
    score += 0.5 * max(567_313_754 - v["macs_tflite"], 0) / 563_401_866
    score += 0.3 * max(477.46 - v["embedded_time_ms_preprocessing"], 0) / 236.34
    score += 0.4 * max(2000 - v["embedded_time_ms_model"], 0) / 1712.47
    score += 0.5 * max(2000 - v["embedded_time_ms_total"], 0) / 1712.47
    return score + 0.5 * max(1_000_000 - v["embedded_ram_usage_bytes"], 0) / 904_100


ANY = st.fixed_dictionaries({
    name: st.floats(0, 1) if term.best <= 1 else st.floats(0, 2 * term.worst)
    for name, term in biodcase2026.FORMULA.items()
})  # fmt: skip


@given(ANY)
def test_the_formula_is_the_organisers(values: dict[str, float]) -> None:
    assert Score(values).total == pytest.approx(by_hand(values), abs=1e-9)
    assert Score(values).unknown == ()


@pytest.mark.parametrize(("values", "score"), [(PYTORCH, 2.638), (TENSORFLOW, 2.920)])
def test_the_published_baselines(values: dict[str, float], score: float) -> None:
    """Sums worked out by hand, to three digits; the organisers publish the parts."""
    assert Score(values).total == pytest.approx(by_hand(values)) == pytest.approx(score, abs=5e-4)


def test_best_and_worst_of_each_term() -> None:
    for name, term in biodcase2026.FORMULA.items():
        assert biodcase2026.points({name: term.worst}) == {name: 0}
        assert biodcase2026.points({name: term.best}) == {name: pytest.approx(term.weight)}
        beyond = biodcase2026.points({name: 2 * term.worst - term.best})[name]
        assert beyond == (0 if term.floored else pytest.approx(-term.weight))
    assert len(biodcase2026.FORMULA) == 11
    assert sum(t.weight for t in biodcase2026.FORMULA.values()) == pytest.approx(7.0)


def test_pools_sums_and_products_by_hand() -> None:
    """A pool counts input over output, rounded down, whatever its window is."""
    file = TFLiteFile()
    x, pooled, total = (file.tensor((1, *size, 2)) for size in ((7, 9), (3, 4), (3, 4)))
    window = options("Pool2D", strideW=2, strideH=2, filterWidth=3, filterHeight=3, padding=1)
    file.op("MAX_POOL_2D", [x], [pooled], window)
    file.op("MUL", [pooled, pooled], [total])
    file.op("MAXIMUM", [total, pooled], [file.tensor((1, 3, 4, 2))])  # not counted by the tool
    file.graph.inputs, file.graph.outputs = [x], [total]
    found = read_tflite(file.bytes(), audio_s=3.0)
    assert biodcase2026.macs(found) == 24 * (7 // 3) * (9 // 4) + 24


def test_a_budget_shows_what_is_known_and_says_what_is_not() -> None:
    found, rule = baseline_file(), RULES["biodcase2026"]
    score = score_of(found)
    assert set(score.values) == {
        *("model_size_tflite_bytes", "macs_tflite", "embedded_ram_usage_bytes")
    }
    assert report(found, [rule])["rules"]["biodcase2026"]["score"] == score.to_dict()
    console = Console(file=io.StringIO(), width=100, record=True)
    print_report(found, [rule], console)
    text = console.export_text()
    assert f"biodcase2026: {score.total:.3f} points of what is known" in text
    assert "estimated, a board measures it" in text and text.count("not known here") == 5
    board = score.measured({"embedded_ram_usage_bytes": 202_540})
    assert not board.estimated and board.total < score.measured({}).total + 1
    assert score_of(baseline()).values == {"macs_inference": 23_326_923}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed=3", "^speed: not of biodcase2026: accuracy_inference, .*bytes$"),
        ("macs_tflite=", "^macs_tflite=: expected a whole number from 1$"),
        ("macs_tflite=nan", "^macs_tflite=nan: expected a whole number from 1$"),
        ("macs_tflite=-1", "expected a whole number from 1$"),
        ("macs_tflite=inf", "expected a whole number from 1$"),
        ("accuracy_tflite=71", "^accuracy_tflite=71: expected a number from 0 to 1$"),
    ],
)
def test_what_is_measured_elsewhere_is_checked(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_measured(text)
    found = parse_measured("embedded_time_ms_model=1e2, macs_tflite=5")
    assert found == {"embedded_time_ms_model": 100.0, "macs_tflite": 5.0}
