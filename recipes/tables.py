"""Tables from evaluations, for people and for RESULTS.md.

- `tables.py files FOLDER`: evaluations (*.json) of one run's files
- `tables.py folds FOLDER OUT.json [keep]`: collect fold1 ... foldN, each with evaluations; with
  keep, folds that OUT.json alone has stay
- `tables.py has OUT.json FOLD...`: end with 0 if it has these folds
- `tables.py results OUT.json`: the collected figures as a Markdown table
- `tables.py curve OUT.json...`: collected figures of several sizes, a row each, as Markdown
- `tables.py seeds SEED OUT.json ...`: collected figures of several seeds, a row each, as Markdown
- `tables.py sizes`: every preset in every format, as Markdown
- `tables.py where`: date and machine, for under a table
- `tables.py fill FILE.md NAME`: put standard input between NAME's markers
"""

import csv
import json
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_asc.files import write_json
from edge_asc.runtime.metadata import Precision

VARIANTS = {  # evaluation -> how the tables call it
    "torch": "float32, torch",
    "float16.tflite": "float16 TFLite",
    "float16.onnx": "float16 ONNX",
    "int8.tflite": "int8 TFLite",
    "int8.onnx": "int8 ONNX",
}
PACKAGES = ("torch", "nncf", "onnxruntime", "ai-edge-litert")
T_95 = {3: 4.303, 5: 2.776, 10: 2.262, 50: 2.010}  # Student's t, two-sided 95 %, of so many draws


def files(folder: Path) -> None:
    """Print accuracy and size of a run's files."""
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "bytes", "accuracy", "log loss", "ms a window")
    for path in sorted(folder.glob("*.json")):
        figures = json.loads(path.read_text())
        if "accuracy" in figures:
            table.add_row(
                path.name.removesuffix(".json"),
                f"{figures['file_bytes']:,}" if "file_bytes" in figures else "",
                f"{figures['accuracy']:.1%}",
                f"{figures['log_loss']:.3f}",
                f"{figures['window_latency_ms']:.2f}" if "window_latency_ms" in figures else "",
            )
    Console().print(table)


def folds(folder: Path, out: Path, keep: str = "") -> None:
    """Collect the figures of all folds into one file."""
    found = _kept_folds(out) if keep else {}
    for fold in sorted(folder.glob("fold*"), key=lambda p: p.name):
        rows = {
            variant: _figures(fold / "evaluations" / variant)
            for variant in VARIANTS
            if (fold / "evaluations" / variant / "metrics.json").is_file()
        }
        if rows.keys() == _wanted(fold):
            rows["agreement"] = _agreement(fold / "evaluations", "int8.tflite", "int8.onnx")
            found[fold.name.removeprefix("fold")] = rows
    in_order = dict(sorted(found.items()))
    write_json(out, {"made": made(), "macs_per_s": _macs_per_s(folder), "folds": in_order})


def _wanted(run: Path) -> set[str]:
    """Which evaluations a run should have: behind an encoder there are int8 files alone."""
    return {name for name in VARIANTS if not (_int8_alone(run) and name.startswith("float16"))}


def _int8_alone(run: Path) -> bool:
    """Whether a run began with an encoder's file."""
    return (run / "base.tflite").is_file()


def has(path: Path, wanted: Sequence[str]) -> None:
    """End with 1 unless collected figures have these folds."""
    raise SystemExit(not _kept_folds(path).keys() >= set(wanted))


def _kept_folds(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["folds"] if path.is_file() else {}
    return found


def _macs_per_s(folder: Path) -> int:
    from edge_asc.export.count import budget_of

    finished = next(folder.glob("fold*/weights.pt")).parent  # others may train beside it
    (inventory,) = budget_of(str(finished), "int8" if _int8_alone(finished) else "float32")
    return inventory.per_second(inventory.macs)


def made() -> dict[str, Any]:
    """When, on what and by which versions."""
    return {
        "date": date.today().isoformat(),
        "machine": f"{_processor()}, {platform.machine()}",
        "versions": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor()


def _figures(folder: Path) -> dict[str, Any]:
    figures = json.loads((folder / "metrics.json").read_text())
    kept = ("accuracy", "log_loss", "calibration_error", "clips", "file_bytes", "window_latency_ms")
    return {key: figures[key] for key in kept if key in figures}


def _agreement(folder: Path, one: str, other: str) -> dict[str, int]:
    pairs = list(zip(_predicted(folder / one), _predicted(folder / other), strict=True))
    return {"clips": len(pairs), "same": sum(a == b for a, b in pairs)}


def _predicted(folder: Path) -> list[str]:
    with (folder / "predictions.csv").open(newline="") as file:
        return [row["predicted"] for row in csv.DictReader(file)]


def results(path: Path) -> None:
    """Print mean ± standard deviation over the folds."""
    collected = json.loads(path.read_text())
    if not collected["folds"]:
        raise SystemExit(f"{path}: no fold is complete yet")
    rows = []
    for variant, name in VARIANTS.items():
        per_fold = [fold[variant] for fold in collected["folds"].values() if variant in fold]
        if not per_fold:
            continue
        accuracies = [100 * figures["accuracy"] for figures in per_fold]
        sizes = {figures["file_bytes"] for figures in per_fold if "file_bytes" in figures}
        times = [f["window_latency_ms"] for f in per_fold if "window_latency_ms" in f]
        rows.append([
            name,
            mean_sd(accuracies),
            *(f"{accuracy:.2f}" for accuracy in accuracies),
            _span(sizes),
            f"{statistics.median(times):.2f}" if times else "",
        ])  # fmt: skip
    numbers = [f"fold {fold}" for fold in collected["folds"]]
    columns = ["", "mean ± sd, %", *numbers, "file bytes", "ms, 5 s clip"]
    print(markdown(columns, rows))
    same = [fold["agreement"] for fold in collected["folds"].values()]
    agreeing, clips = sum(s["same"] for s in same), sum(s["clips"] for s in same)
    print(f"\nint8 TFLite and int8 ONNX name the same scene on {agreeing} of {clips} clips.")
    print(f"{collected['macs_per_s']:,} MACs per second of audio in every row.")
    print(made_line(collected["made"]))


def curve(paths: Sequence[Path]) -> None:
    """Print what each size of the int8 file reaches, the largest first, with all its seeds."""
    rows, lines = [], set()
    for path in paths:
        others = sorted(path.parent.glob("seeds/*/results.json"))
        found = [json.loads(each.read_text()) for each in (path, *others)]
        lines |= {made_line(collected["made"]) for collected in found}
        folds = [list(collected["folds"].values()) for collected in found]
        floats, ints = (
            [[100 * fold[variant]["accuracy"] for fold in seed] for seed in folds]
            for variant in ("torch", "int8.tflite")
        )
        files = [fold["int8.tflite"] for seed in folds for fold in seed]
        means = [statistics.mean(seed) for seed in ints]
        largest = max(file["file_bytes"] for file in files)
        rows.append((largest, [
            f"`{preset_of(path.parent)}`",
            f"{largest:,}",
            f"{found[0]['macs_per_s']:,}",
            str(len(found)),
            f"{statistics.mean(means):.2f}",
            f"{statistics.stdev(means):.2f}" if others else "",
            f"{statistics.mean(map(statistics.stdev, ints)):.2f}",
            f"{statistics.mean(map(statistics.mean, floats)):.2f}",
        ]))  # fmt: skip
    columns = ["preset", "int8 TFLite bytes", "MACs per s", "seeds", "int8, %",
               "± over seeds", "± over folds", "float32, %"]  # fmt: skip
    print(markdown(columns, [cells for _, cells in sorted(rows, reverse=True)]))
    print("", *sorted(lines), sep="\n")  # sizes may have been measured on different days


def preset_of(folder: Path) -> str:
    """Which preset the networks of a folder of ESC-10's files are of."""
    return "esc10/128k" if folder.name == "esc10" else f"esc10/{folder.name}"


def seeds(arguments: Sequence[str]) -> None:
    """Print what networks reach that differ in their seed alone: SEED OUT.json, and so on."""
    rows, means = [], []
    for seed, path in zip(arguments[::2], arguments[1::2], strict=True):
        collected = json.loads(Path(path).read_text())
        folds = collected["folds"].values()
        floats, ints = (
            [100 * fold[variant]["accuracy"] for fold in folds]
            for variant in ("torch", "int8.tflite")
        )
        means.append((statistics.mean(floats), statistics.mean(ints)))
        rows.append([seed, mean_sd(floats), mean_sd(ints), *(f"{value:.2f}" for value in ints)])
    rows.append(["all", *(mean_sd(of_seeds) for of_seeds in zip(*means, strict=True))])
    rows[-1] += [""] * (len(rows[0]) - 3)
    numbers = [f"int8, fold {number}" for number in collected["folds"]]
    print(markdown(["seed", "float32, %", "int8 TFLite, %", *numbers], rows))
    print("\n± over the folds; in the last row over the means of the seeds.")
    print(made_line(collected["made"]))


def mean_sd(values: Sequence[float]) -> str:
    """Mean ± standard deviation, the mean alone of one value."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def t_95(draws: int) -> float:
    """How many standard errors the 95 % interval of the mean of so many draws reaches."""
    if draws not in T_95:
        raise SystemExit(f"no interval for {draws} draws: only for {' or '.join(map(str, T_95))}")
    return T_95[draws]


def _span(values: Iterable[int]) -> str:
    ordered = sorted(values)
    if not ordered:
        return ""
    first, last = ordered[0], ordered[-1]
    return f"{last:,}" if first == last else f"{first:,}-{last:,}"


def made_line(what: dict[str, Any]) -> str:
    """The line under a table, of what `made` gave."""
    versions = ", ".join(f"{name} {number}" for name, number in what["versions"].items())
    return f"{what['date']}; {what['machine']}; {versions}."


def sizes() -> None:
    """Print parameters, operations and file bytes of every preset that is no row of the paper's."""
    from edge_asc.config.schema import PRESETS, load_preset
    from edge_asc.export.count import budget_of
    from edge_asc.export.preset_budget import preset_files

    rows = []
    precisions: tuple[Precision, ...] = ("float32", "float16", "int8", "int4")
    for preset in (name for name in PRESETS if not name.startswith("paper/")):
        int8_alone = load_preset(preset).base is not None
        (inventory,) = budget_of(preset, "int8" if int8_alone else "float32")
        cells = [preset, f"{inventory.parameters:,}", f"{inventory.per_second(inventory.macs):,}"]
        for precision in precisions:
            if int8_alone and precision in ("float32", "float16"):
                cells += ["-", "-"]
                continue
            written = preset_files(load_preset(preset), precision)
            cells += [f"{len(written['tflite']):,}", f"{len(written['onnx']):,}"]
        rows.append(cells)
    formats = [f"{p} {f}" for p in precisions for f in ("TFLite", "ONNX")]
    print(markdown(["preset", "parameters", "MACs per s", *formats], rows))
    print(f"\nFile bytes with ten scenes, written before training. {made_line(made())}")


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, rule, *rows])


def fill(path: Path, name: str) -> None:
    """Replace what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = path.read_text()
    if begin not in text or end not in text:
        raise SystemExit(f"{path}: no markers {begin} … {end}")
    head, tail = text.partition(begin)[0], text.partition(end)[2]
    path.write_text(f"{head}{begin}\n{sys.stdin.read().strip()}\n{end}{tail}")


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["files", folder]:
            files(Path(folder))
        case ["folds", folder, out, *keep]:
            folds(Path(folder), Path(out), *keep)
        case ["has", path, *wanted]:
            has(Path(path), wanted)
        case ["results", path]:
            results(Path(path))
        case ["curve", *paths]:
            curve([Path(path) for path in paths])
        case ["seeds", *pairs] if pairs and len(pairs) % 2 == 0:
            seeds(pairs)
        case ["sizes"]:
            sizes()
        case ["where"]:
            print("\n{date}; {machine}.".format(**made()))
        case ["fill", path, name]:
            fill(Path(path), name)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
