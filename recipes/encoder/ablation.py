"""What each part of the encoder's lesson is worth: short trainings that differ in one thing.

    ablation.py OUT RESULTS.json --data DATA --models MODELS [--windows N] [--seeds 0 1] [NAME ...]

Each is `train.py` with one process; the rate falls over the second half. RESULTS.json gets the
few-shot accuracies inside folds 2 to 5 (fold 5 as the test), by which choices are made: fold 1 is
not looked at. Prints them as a table. A training's folder is removed when its figures are kept; an
interrupted one goes on. Needs recipes/ on PYTHONPATH.
"""

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown

from edge_asc.files import write_json

VARIANTS: dict[str, list[str]] = {
    "as in the recipe": [],
    "teacher YAMNet-256 alone": ["answers=64,0"],
    "teacher YAMNet alone": ["answers=0,128"],
    "half of the teachers' components": ["answers=32,64"],
    "without ESC-10": ["shares=0.7,0,0.3"],
    "without computed sounds": ["shares=0.63,0.37,0"],
    "ESC-10 and computed sounds alone": ["shares=0,0.6,0.4"],
    "one crop a window": ["crops=1,0"],
    "the last block alone pooled": ["model.earlier=0"],
}
COLUMNS = ("4", "8", "16", "32")


def train(args: argparse.Namespace, name: str, seed: int) -> dict[str, float]:
    """Train one variant; its few-shot accuracies in %."""
    out: Path = args.out / f"{list(VARIANTS).index(name)}-{seed}"
    command = [sys.executable, str(Path(__file__).with_name("train.py")), str(out), "--eager",
               "--data", str(args.data), "--models", str(args.models), "--processes", "1",
               "--port", str(args.port), "--judge-s", "1e9",
               "--windows", str(args.windows), "--decay", str(args.windows // 2)]  # fmt: skip
    for pair in ["batch=64", f"seed={seed}", *VARIANTS[name]]:
        command += ["--set", pair]
    subprocess.run(command, check=True, stdout=sys.stderr)
    with (out / "table.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    shutil.rmtree(out)
    return {column: float(last[column]) for column in COLUMNS}


def table(known: dict[str, Any]) -> str:
    """Mean over the seeds of each variant, and how many seeds that are."""
    rows = []
    for name in VARIANTS:
        seeds = known["rows"].get(name, {}).values()
        means = [statistics.mean(seed[column] for seed in seeds) for column in COLUMNS if seeds]
        rows += [[name, str(len(seeds)), *(f"{mean:.1f}" for mean in means)]] if seeds else []
    heads = ["", "seeds", *COLUMNS[:-1], "24"]  # fold 5 as the test leaves 24 of 32 clips
    return f"{markdown(heads, rows)}\n\n{known['windows']:,} windows. {made_line(known['made'])}"


def main() -> None:
    """Train what has no figures yet; the first seed of all, then the next."""
    parser = argparse.ArgumentParser(description="short trainings of the encoder that differ")
    parser.add_argument("out", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of VARIANTS")
    parser.add_argument("--data", type=Path, required=True, help="ambience/, esc10/, esc50/")
    parser.add_argument("--models", type=Path, required=True, help="the teachers' files")
    parser.add_argument("--windows", type=int, default=96_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--port", type=int, default=29521)
    args = parser.parse_args()
    known = json.loads(args.results.read_text()) if args.results.is_file() else {"rows": {}}
    for seed in args.seeds:
        for name in args.names or VARIANTS:
            row = known["rows"].setdefault(name, {})
            if str(seed) not in row:
                row[str(seed)] = train(args, name, seed)
                known |= {"windows": args.windows, "made": made()}
                write_json(args.results, known)
    print(table(known))


if __name__ == "__main__":
    main()
