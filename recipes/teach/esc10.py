"""What `teach` makes of ESC-10: each official fold tested by a file taught with the other four.

    esc10.py ESC10 RESULTS.json

The encoder heard all of ESC-10 as it learned, though never its labels: its figures say less of new
recordings than those of networks trained on four folds alone. Needs recipes/ and recipes/encoder/
on PYTHONPATH. RESULTS.json gets every fold, of which this prints a table.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from beside import by_file
from tables import made, made_line, markdown

from edge_asc.data.open import open_dataset
from edge_asc.files import write_json

FOLDS = ("1", "2", "3", "4", "5")


def table(measured: dict[str, Any]) -> str:
    """Accuracy of each fold, their mean and deviation, bytes."""
    accuracies = [100 * measured["folds"][fold]["accuracy"] for fold in FOLDS]
    most = max(fold["bytes"] for fold in measured["folds"].values())
    spread = f"{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}"
    row = ["`teach`", spread, *(f"{a:.2f}" for a in accuracies), f"{most:,}"]
    heads = ["", "mean ± sd, %", *(f"fold {fold}" for fold in FOLDS), "bytes"]
    return f"{markdown(heads, [row])}\n\n{made_line(measured['made'])}"


def main() -> None:
    """Teach what RESULTS.json lacks, print the table."""
    parser = argparse.ArgumentParser(description="teach and ESC-10's folds")
    parser.add_argument("esc10", type=Path)
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    clips = open_dataset(args.esc10).clips
    found: dict[str, Any] = {"made": made(), "folds": {}}
    if args.results.is_file():
        found["folds"] = json.loads(args.results.read_text())["folds"]
    for fold in FOLDS:
        if fold not in found["folds"]:
            taught = [clip for clip in clips if str(clip.fold) != fold]
            tests = [clip for clip in clips if str(clip.fold) == fold]
            found["folds"][fold] = by_file("teach", taught, tests, 0)
            write_json(args.results, found)
    print(table(found))


if __name__ == "__main__":
    main()
