"""The pages' tables are those that the recipes make of the results that are kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "recipes/artifacts"
ESC10 = ARTIFACTS / "esc10"
SIZES = ("", "16k", "32k", "64k", "128k-ram256k", "encoder")
CURVE = ["curve", *(ESC10 / size / "results.json" for size in SIZES)]


def seeds_of(folder: Path) -> list[Path | str]:
    """Arguments for the table of a folder's seeds."""
    others = sorted(folder.glob("seeds/*/results.json"))
    named = [x for path in others for x in (path.parent.name, path)]
    return ["tables.py", "seeds", "0", folder / "results.json", *named]


CALIBRATION = ESC10 / "calibration.json"
KINDS = [CALIBRATION, *(ESC10 / name / "calibration.json" for name in ("128k-relative", "encoder"))]
SMALL = ARTIFACTS / "paper-small/results.json"

TABLES = {  # page, name between the markers: script below recipes/, its arguments
    ("RESULTS.md", "calibration-confidence"): ["calibration_tables.py", "confidence", CALIBRATION],
    ("RESULTS.md", "calibration-coverage"): ["calibration_tables.py", "coverage", CALIBRATION],
    ("RESULTS.md", "calibration-unknown"): ["calibration_tables.py", "unknown", CALIBRATION],
    ("RESULTS.md", "calibration-compare"): ["calibration_tables.py", "compare", *KINDS],
    ("RESULTS.md", "esc10-seeds-64k"): seeds_of(ESC10 / "64k"),
    ("RESULTS.md", "esc10-seeds-16k"): seeds_of(ESC10 / "16k"),
    ("RESULTS.md", "esc10-seeds-32k"): seeds_of(ESC10 / "32k"),
    ("RESULTS.md", "esc10-seeds-encoder"): seeds_of(ESC10 / "encoder"),
    ("RESULTS.md", "esc10-seeds-128k-ram256k"): seeds_of(ESC10 / "128k-ram256k"),
    ("RESULTS.md", "ablation"): ["ablation_table.py", "table", ESC10 / "ablation.json"],
    ("RESULTS.md", "small-trunks"): ["small_tables.py", "trunks", SMALL],
    ("RESULTS.md", "small-joint"): ["small_tables.py", "joint", SMALL],
    ("RESULTS.md", "own-networks"): [
        "own_networks_table.py",
        "table",
        ARTIFACTS / "own-networks/results.json",
    ],
    ("RESULTS.md", "encoder"): ["encoder/rows.py", ARTIFACTS / "encoder/results.json"],
    ("RESULTS.md", "encoder-lite"): ["encoder/rows.py", ARTIFACTS / "encoder-lite/results.json"],
    ("RESULTS.md", "beside"): ["teach/beside_rows.py", ARTIFACTS / "teach/beside.json"],
    ("docs/teach.md", "beside"): ["teach/beside_rows.py", ARTIFACTS / "teach/beside.json"],
    ("docs/teach.md", "few-shot"): ["teach/rows.py", ARTIFACTS / "teach/few-shot.json"],
}
for page in ("RESULTS.md", "README.md"):
    TABLES |= {
        (page, "esc10"): ["tables.py", "results", ESC10 / "results.json"],
        (page, "esc10-curve"): ["tables.py", *CURVE],
        (page, "esc50"): ["tables.py", "results", ARTIFACTS / "esc50/results.json"],
    }


@pytest.mark.parametrize(("page", "name"), TABLES)
def test_a_table_is_that_of_its_results(page: str, name: str) -> None:
    script, *arguments = TABLES[page, name]
    done = subprocess.run(
        [sys.executable, ROOT / "recipes" / script, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "recipes")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    shown = (ROOT / page).read_text("utf-8").split(begin)[1].split(end)[0]
    assert shown.strip() == done.stdout.strip()


def gather(folder: Path, out: Path, *keep: str) -> list[str]:
    """Collect a folder's folds as `folds.sh` does; the folds that OUT then has."""
    told = (
        "import sys, tables; tables._macs_per_s = lambda folder: 1; tables.main(sys.argv[1:])",
        *("folds", str(folder), str(out), *keep),
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "recipes")}
    subprocess.run([sys.executable, "-c", *told], env=environment, check=True)
    return [fold for fold in "12345" if has(out, fold)]


def has(out: Path, *folds: str) -> bool:
    command = [sys.executable, ROOT / "recipes/tables.py", "has", out, *folds]
    return subprocess.run(command).returncode == 0


def evaluated(folder: Path, fold: str) -> Path:
    """A run folder with the evaluations of one fold."""
    for variant in ("torch", "float16.tflite", "float16.onnx", "int8.tflite", "int8.onnx"):
        found = folder / f"fold{fold}/evaluations" / variant
        found.mkdir(parents=True)
        (found / "metrics.json").write_text('{"accuracy": 0.5}')
        (found / "predictions.csv").write_text("path,predicted\na.wav,dog\n")
    return folder


def test_folds_gather_from_several_places(tmp_path: Path) -> None:
    out = tmp_path / "unfinished.json"
    assert not has(out, "2")
    assert gather(evaluated(tmp_path / "here", "2"), out, "keep") == ["2"]
    assert gather(evaluated(tmp_path / "there", "1"), out, "keep") == ["1", "2"]
    assert has(out, "1", "2") and not has(out, "1", "2", "3")
    assert list(json.loads(out.read_text())["folds"]) == ["1", "2"]
    assert gather(tmp_path / "there", out) == ["1"]
