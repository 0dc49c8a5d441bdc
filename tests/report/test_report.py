"""A report is well formed, loads nothing, escapes everything, and says what was measured."""

import csv
import json
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from browser import Browser
from command import Cli
from edge_asc.export.run import export_run
from edge_asc.report.charts import round_ticks
from edge_asc.report.page import write_report
from edge_asc.report.size import bytes_by_part

HOSTILE = "<script>alert('x')</script>&\"</td><img src=http://x.example/y onerror=alert(1)>"
SECTIONS = ["Accuracy", "Curves", "Confusion", "Scenes", "Devices", "Abstract classes",
            "Confidence", "Size", "Figure 2", "Versions", "Configuration"]  # fmt: skip


def parsed(path: Path) -> ElementTree.Element:
    """The page, by a parser that forgives nothing."""
    text = path.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>\n<html")
    return ElementTree.fromstring(text)


def text_of(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def section(root: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = [s for s in root.iter("section") if text_of(s[0]) == name]
    return found


def assert_self_contained(root: ElementTree.Element) -> None:
    """No script, and nothing that a browser would fetch."""
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "link", "iframe", "object", "embed", "a", "form", "base", "video"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                assert value.startswith("data:image/png;base64,")
            if name == "style":
                assert "url(" not in value
    for style in root.iter("style"):
        assert not re.search(r"url\(|@import|http", text_of(style))


def evaluation(run: Path, **more: Any) -> Path:
    """What `edge-asc evaluate --out` writes, with figures that a test can recognise."""
    labels = json.loads((run / "run.json").read_text())["labels"]
    n = len(labels)
    confusion = [[2 * (i == j) + (j == 0) for j in range(n)] for i in range(n)]
    figures = {
        "model": "x", "file": "export/x-int8.tflite", "precision": "int8", "runtime": "litert",
        "runtime_version": "2", "dataset": "scenes", "fold": 1, "crops": "3",
        "clips": 3 * n, "accuracy": 0.7125, "macro_accuracy": 0.7, "log_loss": 1.5,
        "calibration_error": 0.125, "window_latency_ms": 4.25,
        "per_class": {label: {"clips": 3, "accuracy": 0.5} for label in labels},
        "confusion": confusion, "warnings": [], "temperature": 1.375,
        "coverage": [{"coverage": 0.5, "threshold": 0.8, "accuracy": 1.0},
                     {"coverage": 1.0, "threshold": 0.3, "accuracy": 0.7125}],
        "above_threshold": {"threshold": 0.625, "coverage": 0.775, "accuracy": None},
    } | more  # fmt: skip
    path = run / "evaluation" / "metrics.json"
    path.parent.mkdir()
    path.write_text(json.dumps(figures))
    return path


def test_a_report_of_a_whole_run(cli: Cli, run: Path) -> None:
    files = export_run(run, precision="float16", formats=["tflite", "onnx"], enforced=False)
    evaluation(run)
    code, out, err = cli("report", run)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"report {run / 'report.html'}"
    assert [line.split(":")[1].strip() for line in out.splitlines()[1:]] == ["devices"]
    root = parsed(run / "report.html")
    assert_self_contained(root)
    assert [text_of(s[0]) for s in root.iter("section")] == SECTIONS
    metrics = json.loads((run / "metrics.json").read_text())
    shown = text_of(section(root, "Accuracy"))
    for share in (metrics["test"]["accuracy"], metrics["val"]["accuracy"], 0.7125):
        assert f"{100 * share:.1f} %" in shown
    assert len(list(section(root, "Figure 2").iter("img"))) == 1
    assert "a test clip of " in text_of(section(root, "Figure 2"))
    for file in files:
        assert f"{file.bytes:,}" in text_of(section(root, "Size"))
    assert json.loads((run / "run.json").read_text())["provenance"]["versions"]["torch"] in (
        text_of(section(root, "Versions"))
    )


def test_confusion_and_scenes_are_those_that_were_measured(run: Path) -> None:
    write_report(run)
    root = parsed(run / "report.html")
    metrics = json.loads((run / "metrics.json").read_text())
    for details, part in zip(
        section(root, "Confusion").iter("details"), ("test", "val"), strict=True
    ):
        rows = [[text_of(cell) for cell in row.iter("td")] for row in details.iter("tr")][1:]
        assert [[int(n or 0) for n in row] for row in rows] == metrics[part]["confusion"]
    rows = [[*row.iter("td")] for row in section(root, "Scenes").iter("tr")][1:]
    for i, (row, counts) in enumerate(zip(rows, metrics["test"]["confusion"], strict=True)):
        assert text_of(row[0]) == f"{100 * counts[i] / sum(counts):.1f} %"


def test_curves_have_a_point_for_every_epoch(run: Path) -> None:
    write_report(run)
    charts = list(section(parsed(run / "report.html"), "Curves").iter("svg"))
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    lines = [line.attrib["points"].split() for chart in charts for line in chart.iter("polyline")]
    assert [len(line) for line in lines] == [len(rows)] * 4  # two losses, accuracy, rate
    heights = [float(point.split(",")[1]) for point in lines[0]]
    losses = [float(row["train_loss"]) for row in rows]
    falls = [b < a for a, b in pairwise(losses)]
    assert [b > a for a, b in pairwise(heights)] == falls  # y goes downwards


def test_bytes_by_part_are_the_file(run: Path) -> None:
    from edge_asc.export.count import budget_of

    for file in export_run(run, precision="float16", formats=["tflite", "onnx"], enforced=False):
        (inventory,) = budget_of(str(file.path))
        parts = bytes_by_part(inventory)
        assert sum(parts.values()) == file.path.stat().st_size
        assert all(size >= 0 for size in parts.values())


def test_devices_and_their_groups(run: Path) -> None:
    evaluation(
        run,
        per_device={"a": {"clips": 9, "accuracy": 0.875}, "": {"clips": 1, "accuracy": 0.0}},
        seen_devices={"clips": 9, "accuracy": 0.875},
        unseen_devices={"clips": 0, "accuracy": None},
        abstract_accuracy={"from_scenes": 0.615},
        warnings=["fold 1 was in the training data"],
    )
    write_report(run)
    root = parsed(run / "report.html")
    rows = [[text_of(cell) for cell in row] for row in section(root, "Devices").iter("tr")][1:]
    assert rows == [
        ["a", "87.5 %"], ["unknown", "0.0 %"], ["seen in training", "87.5 %"], ["unseen", "-"],
    ]  # fmt: skip
    assert "61.5 %" in text_of(section(root, "Abstract classes"))
    assert "warning: fold 1 was in the training data" in text_of(section(root, "Accuracy"))


def test_confidence_is_drawn_and_told(run: Path) -> None:
    evaluation(run)
    write_report(run)
    found = section(parsed(run / "report.html"), "Confidence")
    for shown in ("1.375", "62.5 %", "77.5 %"):
        assert shown in text_of(found)
    (line,) = (e.attrib["points"].split() for e in found.iter("polyline"))
    (left, high), (right, low) = (map(float, point.split(",")) for point in line)
    assert left < right and high < low  # y goes downwards


def test_hostile_names_stay_text(run: Path) -> None:
    described = json.loads((run / "run.json").read_text())
    described["labels"][0] = HOSTILE
    described["abstract_labels"][0] = HOSTILE + "2"
    described["config"]["name"] = HOSTILE
    described["dataset"] = described["data"] = HOSTILE
    described["provenance"]["command"] = ["edge-asc", HOSTILE]
    described["provenance"]["versions"][HOSTILE] = HOSTILE
    (run / "run.json").write_text(json.dumps(described))
    hostile = {HOSTILE: {"clips": 1, "accuracy": 1.0}}
    evaluation(run, per_device=hostile, warnings=[HOSTILE], runtime=HOSTILE, file=HOSTILE)
    path, left_out = write_report(run)
    root = parsed(path)
    assert_self_contained(root)
    for name in ("Accuracy", "Confusion", "Scenes", "Devices", "Abstract classes", "Versions"):
        assert HOSTILE in text_of(section(root, name))
    assert HOSTILE in text_of(next(root.iter("h1")))
    assert HOSTILE not in path.read_text("utf-8")
    assert any(line.startswith("figure 2:") for line in left_out)


def test_parts_without_their_inputs_say_what_makes_them(run: Path) -> None:
    for name in ("metrics.json", "metrics.csv", "weights.pt"):
        (run / name).unlink()
    path, left_out = write_report(run)
    root = parsed(path)
    parts = dict(line.split(": ", 1) for line in left_out)
    missing = {*SECTIONS} - {"Versions", "Configuration"}
    assert parts.keys() == {name.lower() for name in missing}
    for name in missing:
        assert "Left out: " in text_of(section(root, name))
    assert f"edge-asc train … --name {run.name} --resume" in parts["accuracy"]
    assert f"edge-asc export {run} --int8" in parts["size"]
    assert f"edge-asc report {run} --audio FILE" in parts["figure 2"]
    assert "edge-asc evaluate" in parts["devices"]


def test_a_clip_of_ones_own_for_figure_2(run: Path, scenes: Path, tmp_path: Path) -> None:
    clip = tmp_path / "my own.wav"
    shutil.copy(next(scenes.rglob("*.wav")), clip)
    path, _ = write_report(run, tmp_path / "x.html", clip)
    assert "my own.wav" in text_of(section(parsed(path), "Figure 2"))
    with pytest.raises(ValueError, match=r"none\.wav"):
        write_report(run, tmp_path / "y.html", tmp_path / "none.wav")
    assert not (tmp_path / "y.html").exists()


def test_the_newest_finished_run_is_the_default(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "edge-asc-runs"
    for n, name in enumerate(("old", "new", "unfinished")):
        shutil.copytree(run, runs / name)
        os.utime(runs / name / "run.json", (n, n))
    (runs / "unfinished" / "weights.pt").unlink()
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli("report")
    assert (code, out.splitlines()[0]) == (0, "report edge-asc-runs/new/report.html")


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("metrics.json", "{", r"\S+metrics\.json: .+"),
        ("metrics.json", "[]", r"\S+metrics\.json: .+"),
        ("metrics.json", '{"test": {"confusion": [[1]]}}', r"\S+: its confusion .* of 10 scenes"),
        ("metrics.json", '{"test": 1}', r"\S+: its confusion .* of 10 scenes"),
        ("run.json", "{}", r"\S+run\.json: .+"),
    ],
)
def test_a_damaged_run_is_one_line(file: str, content: str, line: str, cli: Cli, run: Path) -> None:
    (run / file).write_text(content)
    code, out, err = cli("report", run)
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"edge-asc: {line}\n", err), err
    assert not (run / "report.html").exists()


def test_a_damaged_export_does_not_hide_the_rest(run: Path) -> None:
    (file,) = export_run(run, precision="float16", enforced=False)
    broken = file.path.with_name("a-broken.tflite")
    broken.write_bytes(file.path.read_bytes()[:200])
    path, _ = write_report(run)
    shown = text_of(section(parsed(path), "Size"))
    assert "cannot be counted: " in shown
    assert f"{file.bytes:,}" in shown


def test_a_folder_that_is_no_run(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("report", tmp_path)
    assert (code, err) == (1, f"edge-asc: {tmp_path} is not a run folder: it has no run.json\n")


# ------------------------------------------------------------------ the parts of a page


@pytest.mark.parametrize("top", [1e-6, 0.006, 0.3, 1.0, 2.4, 7.0, 99.0, 12345.0])
def test_ticks_are_round_and_reach_the_top(top: float) -> None:
    ticks = round_ticks(top)
    assert ticks[0] == 0
    assert ticks[-2] < top <= ticks[-1] * (1 + 1e-9)
    assert 3 <= len(ticks) <= 6
    assert all(len(f"{tick:g}") <= 7 for tick in ticks)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_browser_fetches_nothing_and_scrolls_no_page_sideways(
    width: int, scheme: str, run: Path
) -> None:
    export_run(run, precision="float16", enforced=False)
    path, _ = write_report(run)
    with Browser() as browser:
        tab = browser.tab(width, 900)
        tab.prefer(color_scheme=scheme)
        tab.go(path.as_uri())
        assert {url.split(":")[0] for url in tab.requests} == {"file", "data"}
        assert tab.complaints == []
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        background = tab.run("getComputedStyle(document.body).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", background)))
        assert (brightness > 380) == (scheme == "light")
