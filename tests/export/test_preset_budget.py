"""What the presets cost before anybody trains them, and what `edge-asc budget` says of it."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from command import Cli
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import RULES, Inventory
from edge_asc.config.schema import PRESETS, load_preset
from edge_asc.export.count import budget_of
from edge_asc.export.preset_budget import preset_file, preset_files
from edge_asc.runtime.metadata import Format, Precision
from presets import FLATTENS, one_per_model
from tiny_models import write_model

PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
FORMATS: tuple[Format, ...] = get_args(Format)
TOO_LARGE = FLATTENS  # the published networks, which the others are to replace


@cache
def counted(preset: str, precision: Precision | None = None) -> Inventory:
    (inventory,) = budget_of(preset, precision)
    return inventory


@cache
def file_sizes(preset: str, precision: Precision) -> dict[Format, int]:
    files = preset_files(load_preset(preset), precision)
    return {file_format: len(data) for file_format, data in files.items()}


def within(rule: str, inventory: Inventory) -> bool:
    return all(verdict.ok for verdict in RULES[rule].measure(inventory))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("preset", one_per_model())
def test_every_preset_is_counted_in_every_precision(preset: str, precision: Precision) -> None:
    inventory, sizes = counted(preset, precision), file_sizes(preset, precision)
    assert set(sizes) == set(FORMATS)
    assert inventory.file_bytes == max(sizes.values())
    assert all(f".{name} {size:,} bytes" in str(inventory.notes) for name, size in sizes.items())
    assert inventory.parameters == counted(preset, "float32").parameters
    assert inventory.nonzero == inventory.parameters  # no zero of initialisation is a saving
    assert inventory.macs == counted(preset, "float32").macs > 0


def test_weights_of_four_bits_are_counted_as_they_are_stored() -> None:
    wide, narrow = counted("quickstart", "int8"), counted("quickstart", "int4")
    assert narrow.file_bytes == max(file_sizes("quickstart", "int4").values())
    four_bits = [c for c in narrow.constants if c.dtype == "int4"]
    saved = sum(c.count // 2 for c in four_bits)
    assert saved > narrow.parameters / 4  # most of them have four bits
    # Places in a file are multiples of 16 bytes.
    assert wide.file_bytes and narrow.file_bytes
    assert wide.file_bytes - narrow.file_bytes == pytest.approx(saved, abs=16 * len(four_bits))
    dcase2024 = RULES["dcase2024"].measure(narrow)[0]
    assert dcase2024.value == sum(
        c.wide_bytes for c in narrow.constants if c.role in ("weight", "bias")
    )
    assert not within("dcase2022", narrow)  # which asks for int8


def test_mixed_weights_need_a_trained_network() -> None:
    with pytest.raises(ValueError, match="it is for runs"):
        counted("quickstart", "mixed")


@pytest.mark.parametrize("preset", [name for name in PRESETS if re.match(r"esc\d+/\d", name)])
def test_a_preset_named_after_its_bytes_has_no_more(preset: str) -> None:
    config = load_preset(preset)
    classes = int(preset.partition("/")[0].removeprefix("esc"))
    scenes = [f"a long class name {i:02}" for i in range(classes)]
    file = preset_file(config, "int8", "tflite", scenes, [])
    kibibytes, _, _ = preset.partition("/")[2].partition("k")
    assert len(file) <= min(1024 * int(kibibytes), 128_000)


def test_the_preset_for_microcontrollers_keeps_its_rule() -> None:
    inventory = counted("esc10/128k-ram256k")
    assert load_preset("esc10/128k-ram256k").rule == "edge-128k-ram256k"
    assert within("edge-128k-ram256k", inventory) and not inventory.missing
    assert inventory.per_second(inventory.macs) <= 5_000_000
    assert not within("edge-128k-ram256k", counted("esc10/128k"))
    file = preset_file(load_preset("esc10/128k-ram256k"), "int8", "tflite")
    of_file = inventory_of_file(file).peak_activation_bytes
    assert inventory.peak_activation_bytes == of_file  # a preset's memory is its file's


def test_thirty_five_classes_fit_behind_a_base() -> None:
    scenes = [f"a long class name {i:02}" for i in range(35)]
    file = preset_file(load_preset("encoder-base"), "int8", "tflite", scenes, [])
    assert len(file) <= 128_000
    assert within("edge-128k-ram256k", counted("encoder-base"))
    assert load_preset("esc10/encoder").rule == "edge-128k-ram256k"
    with pytest.raises(ValueError, match="int8 files alone"):
        counted("encoder-base", "float32")


@pytest.mark.parametrize("preset", one_per_model())
def test_a_preset_keeps_its_own_rule_as_it_ships(preset: str) -> None:
    config = load_preset(preset)
    inventory = counted(preset)
    assert inventory == counted(preset, config.precision)
    assert within(config.rule, inventory) == (config.model.name not in TOO_LARGE)


def test_compact_int8_is_within_128_thousand_bytes_and_30_million_macs() -> None:
    inventory = counted("compact-int8", "int8")
    assert within("edge-128k", inventory)
    assert max(file_sizes("compact-int8", "int8").values()) <= 128_000
    assert inventory.per_second(inventory.macs) <= 30_000_000


def test_compact_fp16_holds_128_thousand_bytes_of_parameters() -> None:
    inventory = counted("compact-fp16", "float16")
    parameters = [c for c in inventory.constants if c.role != "statistics"]
    assert {c.dtype for c in parameters} == {"float16"}
    assert sum(c.wide_bytes for c in parameters) == 2 * inventory.parameters <= 128_000
    assert within("edge-128k", inventory)  # the file as well, which is more than its rule asks


def test_nano_is_within_32_kibibytes() -> None:
    assert max(file_sizes("nano", "int8").values()) <= 32 * 1024


def test_the_published_network_is_over_every_rule() -> None:
    for precision in PRECISIONS:
        inventory = counted("amfm-full", precision)
        assert inventory.parameters == 624_192
        assert not [rule for rule in RULES if within(rule, inventory)]


def test_dcase2024_baseline_has_the_published_figures() -> None:
    inventory = counted("dcase2024-baseline")
    assert inventory.parameters == 61_148
    assert inventory.macs == inventory.per_second(inventory.macs) == 29_419_156
    bytes_, macs = RULES["dcase2024"].measure(inventory)
    assert (bytes_.value, macs.value) == (122_296, 29_419_156)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_file_of_a_preset_counts_as_the_preset(file_format: Format, tmp_path: Path) -> None:
    path = tmp_path / f"nano.{file_format}"
    path.write_bytes(preset_files(load_preset("nano"), "int8")[file_format])
    (from_file,) = budget_of(str(path))
    assert from_file.file_bytes == path.stat().st_size == file_sizes("nano", "int8")[file_format]
    assert from_file.audio_s == counted("nano").audio_s == 5.0
    # Folding absorbs batch norm's work, but mean, gate and a norm that precedes a pad cost some.
    assert from_file.macs == pytest.approx(counted("nano").macs, rel=0.05)


def test_a_preset_file_is_a_preset(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(PRESETS["nano"].read_text())
    (inventory,) = budget_of(str(mine))
    assert inventory.name == "mine (int8)"
    assert inventory.parameters == counted("nano").parameters


def test_what_cannot_be_counted_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision 'int3' is not one of float32, float16, int8"):
        budget_of("nano", "int3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no file, run, preset .*; did you mean compact-int8\?$"):
        budget_of("compact-int9")
    with pytest.raises(ValueError, match=r"is not a run folder: it has no run\.json"):
        budget_of(str(tmp_path))
    model = write_model(tmp_path / "m.tflite")
    with pytest.raises(ValueError, match="--precision is for presets and runs"):
        budget_of(str(model), "int8")


@pytest.mark.parametrize(("preset", "code"), [("compact-int8", 0), ("amfm-full", 3)])
def test_exit_code_is_the_verdict(preset: str, code: int, cli: Cli) -> None:
    found, out, err = cli("budget", preset)
    assert (found, err) == (code, "")
    assert f"{counted(preset).parameters:,}" in out
    assert f"{counted(preset).file_bytes:,}" in out
    found, out, _ = cli("budget", preset, "--json")
    (entry,) = json.loads(out)
    assert (found, entry["ok"]) == (code, code == 0)
    assert entry["file_bytes"] == counted(preset).file_bytes


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1c\0\0\0TFL3", b"\x08\x09:\xff"])
def test_an_unreadable_file_is_exit_code_1(content: bytes, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    code, out, err = cli("budget", path)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"edge-asc: [^\n]*bad\.tflite[^\n]*\n", err)


WITHOUT_TRAINING = """
import sys
for package in ("torch", "lightning", "nncf", "onnx", "tomllib"):  # tomllib: Python 3.10 has none
    sys.modules[package] = None
from edge_asc.cli.app import main
main()
"""


def test_a_file_is_counted_without_the_training_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TRAINING, "budget"]
    model = write_model(tmp_path / "m.tflite")
    done = subprocess.run([*command, model], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "whole file" in done.stdout
    model = write_model(tmp_path / "m.onnx")
    done = subprocess.run([*command, model], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"edge-asc: .*pip install .*\[train\]'\n", done.stderr)
