"""When training on pays: `teach` beside `train encoder-base`, on the same clips.

    base.py ESC50 RESULTS.json [--draws 3] [--shots 12 32]

Four random classes of ESC-50 outside ESC-10, as few_shot.py draws them: so many clips a class from
folds 2 to 5 teach, fold 1's 32 clips of these classes test. `teach` writes its file, `train`
writes one by way of a run and of int8 ranges; both files are asked alike. Seconds are those of the
processor, features and file among them. RESULTS.json gets every draw, of which this prints a table.
Needs recipes/ on PYTHONPATH.
"""

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from few_shot import TEST_FOLD, draw, own_classes
from tables import made, made_line, markdown, t_95

import edge_asc as ea
from edge_asc.data.dataset import Clip
from edge_asc.files import write_json

PRESET = "encoder-base"
FEWEST = 3  # draws of which an interval says something
WAYS = {"teach": "`teach`", "train": f"`train {PRESET}`"}  # what people read


def write_table(path: Path, clips: Sequence[Clip]) -> Path:
    """A table of clips, as `--data` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "fold"])
        writer.writerows([c.path.resolve(), c.label, c.recording, c.fold] for c in clips)
    return path


def once(clips: Sequence[Clip], shots: int, number: int, work: Path) -> dict[str, Any]:
    """Accuracy, seconds of the processor and bytes of each way, for one draw."""
    taught, labels = draw(clips, shots, number)
    tests = [c for c in clips if c.fold == TEST_FOLD and c.label in labels]
    own = write_table(work / "own.csv", taught)
    both = write_table(work / "both.csv", [*taught, *tests])

    def by_run() -> Path:
        options: dict[str, Any] = {"seed": number, "out": work, "progress": False}
        run = ea.train(ea.preset(PRESET), both, TEST_FOLD, base="encoder", name="run", **options)
        return run.quantize(ptq=True, progress=False).export("int8").path

    ways: dict[str, Callable[[], Path]] = {
        "teach": lambda: ea.teach(own, work / "taught.tflite").path,
        "train": by_run,
    }
    found: dict[str, Any] = {"classes": list(labels), "taught": len(taught)}
    for name, make in ways.items():
        started = time.process_time()
        file = make()
        seconds = time.process_time() - started
        right = [ea.load(file)(clip.path).label == clip.label for clip in tests]
        found[name] = {"accuracy": float(np.mean(right)), "cpu_s": round(seconds, 1),
                       "bytes": file.stat().st_size}  # fmt: skip
    return found


def cell(draws: Sequence[dict[str, Any]], way: str, key: str, factor: float = 1.0) -> str:
    """Mean of its draws; of three and more the half width of its 95 % interval, too."""
    values = factor * np.array([draw[way][key] for draw in draws])
    if len(values) < FEWEST:
        return f"{values.mean():.1f}"
    half = t_95(len(values)) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.1f} ± {half:.1f}"


def table(measured: dict[str, Any]) -> str:
    """A row for each number of clips and each way."""
    rows = [
        [
            f"{shots}",
            f"{len(draws)}",
            WAYS[way],
            cell(draws, way, "accuracy", 100),
            cell(draws, way, "cpu_s"),
            f"{max(draw[way]['bytes'] for draw in draws):,}",
        ]
        for shots, draws in measured["shots"].items()
        for way in WAYS
        if draws
    ]
    columns = [
        "clips a class",
        "draws",
        "",
        "right, of 32 test clips, %",
        "s of a processor",
        "bytes",
    ]
    text = markdown(columns, rows)
    few = any(len(draws) < FEWEST for draws in measured["shots"].values())
    note = f" Of fewer than {FEWEST} draws there is no interval." if few else ""
    return (
        f"{text}\n\n± 95 % interval of the mean of the draws.{note} {made_line(measured['made'])}"
    )


def main() -> None:
    """Measure what RESULTS.json lacks, print the table."""
    parser = argparse.ArgumentParser(description="teaching beside training on")
    parser.add_argument("esc50", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--shots", type=int, nargs="+", default=[12, 32])
    args = parser.parse_args()
    clips = own_classes(args.esc50)
    found: dict[str, Any] = {"made": made(), "shots": {str(n): [] for n in args.shots}}
    if args.results.is_file():
        found["shots"] |= json.loads(args.results.read_text())["shots"]
    for number in range(args.draws):
        for shots in args.shots:
            if len(found["shots"][str(shots)]) > number:
                continue
            with tempfile.TemporaryDirectory() as folder:
                os.environ["EDGE_ASC_CACHE"] = str(Path(folder) / "cache")
                found["shots"][str(shots)].append(once(clips, shots, number, Path(folder)))
            write_json(args.results, found)
    print(table(found))


if __name__ == "__main__":
    main()
