"""Rules at their limits, on inventories made by hand; reports that add up."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge_asc.budget.inventory import ceil_ratio
from edge_asc.budget.network.reader import inventory_of_torch
from edge_asc.budget.report import print_report, what_fits
from edge_asc.budget.rules import (
    DEFAULT_RULE,
    RULES,
    Constant,
    Inventory,
    Layer,
    OverBudget,
    enforce,
    nessi_macs,
    nessi_parameters,
    report,
    rules_named,
)
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.models import build
from networks import CASES
from tflite_files import TFLiteFile, options


def network(*constants: Constant, macs: int = 0, **fields: object) -> Inventory:
    """One layer."""
    layer = Layer("a", "CONV_2D", constants, macs, 0, 0, ())
    made = Inventory("test", "onnx", (layer,), (1, 2), 1.0, 0, file_bytes=0)
    return replace(made, **fields)  # type: ignore[arg-type]


def int8(count: int, nonzero: int | None = None) -> Constant:
    return Constant("weight", "int8", 8, count, count if nonzero is None else nonzero, count)


def half(role: str, count: int, nonzero: int | None = None) -> Constant:
    found = count if nonzero is None else nonzero
    return Constant(role, "float16", 16, count, found, 2 * count)  # type: ignore[arg-type]


def values(rule: str, inventory: Inventory) -> list[int | None]:
    return [verdict.value for verdict in RULES[rule].measure(inventory)]


# rule, a network exactly at each limit, and by how much more it is over
AT_LIMIT = [
    ("dcase2020b", network(int8(600_000, nonzero=512_000)), network(int8(600_000, 512_001))),
    ("dcase2021a", network(half("weight", 70_000, 64_000)), network(half("weight", 64_001))),
    ("dcase2022", network(int8(128_000, 5), macs=30_000_000), network(int8(128_001, 5))),
    ("dcase2024", network(half("norm", 64_000, 0)), network(half("norm", 64_001, 0))),
    ("dcase2025", network(macs=150_000_000, audio_s=5.0), network(macs=150_000_001, audio_s=5.0)),
    (
        "biodcase2026",
        network(macs=567_313_754, peak_activation_bytes=1_000_000, file_bytes=4_755_032),
        network(peak_activation_bytes=1_000_001),
    ),
    ("edge-128k", network(file_bytes=128_000), network(file_bytes=128_001)),
    ("edge-128k-ram256k", network(file_bytes=128_000, peak_activation_bytes=256_000),
     network(file_bytes=1, peak_activation_bytes=256_001)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "inside", "over"), AT_LIMIT, ids=[row[0] for row in AT_LIMIT])
def test_limits_are_the_last_value_inside(rule: str, inside: Inventory, over: Inventory) -> None:
    enforce(inside, RULES[rule])
    with pytest.raises(OverBudget, match=f"test is over {rule}: .* of at most") as caught:
        enforce(over, RULES[rule])
    assert caught.value.inventory is over
    assert "\n" not in str(caught.value)


def test_every_rule_was_tried() -> None:
    assert [row[0] for row in AT_LIMIT] == list(RULES)
    assert DEFAULT_RULE in RULES


def test_batch_norm_counts_as_each_year_has_it() -> None:
    """Weight 10, bias 3, batch norm 2 x 3 and statistics 2 x 3, in float16."""
    made = network(half("weight", 10, 9), half("bias", 3, 0), half("norm", 6, 5),
                   half("statistics", 6, 4), half("grid", 7), half("graph", 7))  # fmt: skip
    assert values("dcase2020b", made) == [2 * (9 + 0)]
    assert values("dcase2021a", made) == [2 * (9 + 0 + 5 + 4)]
    assert values("dcase2024", made) == [2 * (10 + 3 + 6), 0]
    assert values("dcase2022", made) == [2 * (10 + 3 + 6), 10, 0]


def test_what_was_not_measured_is_not_inside() -> None:
    (verdict,) = RULES["edge-128k"].measure(network(file_bytes=None))
    assert not verdict.ok and "not measured" in str(verdict)
    assert network(file_bytes=None).with_file(128_000, "as int8").file_bytes == 128_000


def test_nessi_by_hand() -> None:
    """A TFLite file as NeSsi reads it: constant inputs of each op, four bytes an int32."""
    file = TFLiteFile()
    x, y, z, last = (file.tensor((1, 4, 4, 2)) for _ in range(4))
    total = file.tensor((1, 2))
    weight = file.constant(np.ones((2, 1, 1, 2), np.int8))
    bias = file.constant(np.zeros(2, np.int32))
    axes = file.constant(np.array([1, 2], np.int32))
    file.constant(np.ones(99, np.int8))  # read by nothing
    file.op("CONV_2D", [x, weight, bias], [y], options("Conv2D", strideW=1, strideH=1))
    file.op("CONV_2D", [y, weight, bias], [z], options("Conv2D", strideW=1, strideH=1))
    file.op("ADD", [y, z], [last])
    file.op("MEAN", [last, axes], [total])
    file.op("LOGISTIC", [total], [file.tensor((1, 2))])
    file.graph.inputs, file.graph.outputs = [x], [total]
    inventory = read_tflite(file.bytes(), audio_s=2.0)
    assert nessi_parameters(inventory) == 2 * (4 + 2 * 4) + 2 * 4
    assert nessi_macs(inventory) == 2 * (16 * 4) + 32 + 32
    assert values("dcase2022", inventory) == [32, 0, 96]  # 192 MACs in 2 s of audio
    assert values("dcase2024", inventory) == [4 + 2 * 4, 64]


def test_dcase2024_baseline_keeps_its_own_rule() -> None:
    baseline = build("dcase2024-baseline", {}, n_scenes=10, n_abstract=0)
    inventory = inventory_of_torch(baseline, (1, 1, 256, 65), 1.0, precision="float16")
    assert values("dcase2024", inventory) == [122_296, 29_419_156]
    enforce(inventory, RULES["dcase2024"])


def test_unknown_rule_lists_the_known() -> None:
    assert rules_named("all") == tuple(RULES.values())
    assert rules_named("dcase2022") == (RULES["dcase2022"],)
    with pytest.raises(ValueError, match=r"^rule 'dcase1999' is not one of dcase2020b, .*, all"):
        rules_named("dcase1999")


COMPACT = read_tflite(to_tflite(CASES[0].graph(), 51), audio_s=1.0, name="compact.tflite")


def test_report_adds_up_and_is_json() -> None:
    made = report(COMPACT, RULES.values())
    assert json.loads(json.dumps(made)) == made
    for total, part in (("parameters", "parameters"), ("nonzero_parameters", "nonzero"),
                        ("macs", "macs"), ("elementwise", "elementwise")):  # fmt: skip
        assert made[total] == sum(layer[part] for layer in made["layers"])
    assert made["constant_bytes"] == sum(made["bytes_by_dtype"].values()) < made["file_bytes"]
    assert made["ok"] is all(rule["ok"] for rule in made["rules"].values()) is False  # not int8
    assert made["rules"]["edge-128k"]["verdicts"] == [
        {"quantity": "whole file", "value": COMPACT.file_bytes, "limit": 128_000,
         "unit": "bytes", "ok": True}]  # fmt: skip
    assert {name: len(rule.measure(COMPACT)) for name, rule in RULES.items()} == {
        name: len(rule.limits) for name, rule in RULES.items()
    }


def printed(inventory: Inventory, rule: str, width: int = 140) -> str:
    console = Console(width=width, file=StringIO())
    kept = print_report(inventory, rules_named(rule), console)
    assert kept is report(inventory, rules_named(rule))["ok"]
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 140])
def test_printed_report_has_whole_numbers(width: int) -> None:
    text = printed(COMPACT, "all", width)
    assert "leave room for" not in text  # over only in what dcase2022 wants in int8
    for number in (COMPACT.macs, COMPACT.elementwise, COMPACT.parameters, COMPACT.constant_bytes,
                   COMPACT.file_bytes, COMPACT.peak_activation_bytes):  # fmt: skip
        assert f"{number:,}" in text
    text = " ".join(text.split())
    assert "128,000 bytes" in text and "(128 KB = 128 x 1000)" in text
    assert "512,000 bytes" in text and "(500 KiB = 500 x 1024)" in text
    assert "note: " in text


def test_what_would_fit_is_told_when_it_does_not() -> None:
    assert "leave room for" not in printed(COMPACT, "edge-128k")
    big = replace(COMPACT, file_bytes=COMPACT.constant_bytes + 8_000, name="[big]")
    assert "leave room for" in printed(replace(big, file_bytes=128_001), "edge-128k")
    assert what_fits(big)[1:] == [
        "    240,000 parameters in int4 (bytes each: 0.5)",
        "    120,000 parameters in int8 (bytes each: 1)",
        "     60,000 parameters in float16 (bytes each: 2)",
        "     30,000 parameters in float32 (bytes each: 4)",
        f"  {COMPACT.parameters:>9,} are in this network",
    ]
    assert "[big]" in printed(big, "edge-128k")  # a name is no markup


def test_no_weight_too_many_where_only_activations_are() -> None:
    large = replace(COMPACT, peak_activation_bytes=256_001)
    text = printed(large, "edge-128k-ram256k")
    assert "256,001" in text and "leave room for" not in text
    large = replace(large, file_bytes=128_001)
    with pytest.raises(OverBudget, match=r"128,001 of at most 128,000 bytes; activ.* 256,001 of"):
        enforce(large, RULES["edge-128k-ram256k"])


def test_unmeasured_file_is_said_so() -> None:
    assert "not measured" in printed(replace(COMPACT, file_bytes=None), "edge-128k")


@given(st.integers(0, 10**30), st.floats(1e-3, 1e4))
def test_operations_per_second_round_up(count: int, seconds: float) -> None:
    over, under = seconds.as_integer_ratio()
    rate = ceil_ratio(count, seconds)
    assert rate * over >= count * under > (rate - 1) * over
