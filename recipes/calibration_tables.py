"""Tables of `recipes/calibration.sh`.

- `calibration_tables.py collect FOLDER OUT.json`: figures and predictions' confidence of all folds
- `calibration_tables.py known TABLE OUT.csv`: the ten classes of ESC-50's table, as one of its own
- `calibration_tables.py confidence OUT.json`: log loss and calibration error, before and after
- `calibration_tables.py coverage OUT.json`: what a threshold costs and gives
- `calibration_tables.py unknown OUT.json`: sounds of classes that no network was taught
- `calibration_tables.py compare OUT.json OTHER.json ...`: kinds of networks, one beside the other
"""

import csv
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import made, made_line, markdown, preset_of

from edge_asc.evaluation.confidence import above, coverage
from edge_asc.evaluation.metrics import calibration_error, log_loss
from edge_asc.files import write_json

KEPT = ("accuracy", "log_loss", "calibration_error", "clips", "temperature", "above_threshold",
        "unknown")  # fmt: skip
SHOWN_COVERAGE = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
Form = tuple[int, int]  # factor and digits
PERCENT, PERCENT_2, NUMBER_2, NUMBER_3 = (100, 1), (100, 2), (1, 2), (1, 3)


def collect(folder: Path, out: Path) -> None:
    """Gather the folds; pooled figures come from all folds' predictions together."""
    found: dict[str, Any] = {"made": made(), "folds": {}}
    pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"before": [], "after": []}
    for fold in range(1, 6):
        row = {}
        for when, parts in pooled.items():
            figures = json.loads((folder / f"{when}{fold}" / "metrics.json").read_text())
            row[when] = {key: figures[key] for key in KEPT if key in figures}
            parts.append(predictions(folder / f"{when}{fold}" / "predictions.csv"))
        quiet = json.loads((folder / f"quiet{fold}" / "metrics.json").read_text())
        row["quiet"] = quiet["unknown"]
        control = folder / f"known{fold}" / "metrics.json"
        if control.is_file():
            row["known"] = {"accuracy": json.loads(control.read_text())["accuracy"]}
        found["folds"][str(fold)] = row
    for when, parts in pooled.items():
        probabilities, truth = map(np.concatenate, zip(*parts, strict=True))
        found[when] = {
            "log_loss": log_loss(probabilities, truth),
            "calibration_error": calibration_error(probabilities, truth),
            "coverage": coverage(probabilities, truth),
            "above_90": above(probabilities, truth, 0.9),
        }
    write_json(out, found)


def known(table: Path, out: Path) -> None:
    """Write the clips of ESC-50 that are of ESC-10's classes as a plain table."""
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["esc10"] == "True"]
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", "group"])
        for row in rows:
            path = table.parent.resolve() / "audio" / row["filename"]
            writer.writerow([path, row["category"], row["fold"], row["src_file"]])


def predictions(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities `[N, S]` and truth `[N]`."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name.startswith("p_")]
    probabilities = np.array([[float(row[column]) for column in columns] for row in rows])
    return probabilities, np.array([columns.index(f"p_{row['label']}") for row in rows])


def with_mean(numbers: dict[str, list[float]], forms: Sequence[Form]) -> list[list[str]]:
    """A row of rounded numbers for each fold, then their mean, of the numbers as they are."""
    means = [statistics.mean(column) for column in zip(*numbers.values(), strict=True)]
    return [
        [name, *(f"{factor * n:.{d}f}" for n, (factor, d) in zip(row, forms, strict=True))]
        for name, row in (*numbers.items(), ("mean", means))
    ]


def confidence(collected: dict[str, Any]) -> None:
    """Print a row for each fold, their mean, and all clips together."""
    numbers = {}
    for fold, row in collected["folds"].items():
        before, after = row["before"], row["after"]
        numbers[fold] = [
            before["accuracy"],
            after["accuracy"],
            after["temperature"],
            *(some["log_loss"] for some in (before, after)),
            *(some["calibration_error"] for some in (before, after)),
        ]
    forms = (PERCENT_2, PERCENT_2, NUMBER_3, NUMBER_3, NUMBER_3, PERCENT, PERCENT)
    rows = with_mean(numbers, forms)
    together = [collected[when] for when in ("before", "after")]
    losses = [f"{some['log_loss']:.3f}" for some in together]
    errors = [f"{100 * some['calibration_error']:.1f}" for some in together]
    rows.append(["all 400 clips", "", "", "", *losses, *errors])
    columns = ["fold", "accuracy before, %", "after, %", "temperature", "log loss before", "after",
               "calibration error before, %", "after, %"]  # fmt: skip
    print(markdown(columns, rows))
    print(f"\nExpected calibration error, 15 bins of equal width. {made_line(collected['made'])}")


def coverage_table(collected: dict[str, Any]) -> None:
    """Print accuracy of the surest clips, and what each fold's own threshold did."""
    curve = {round(row["coverage"], 2): row for row in collected["after"]["coverage"]}
    rows = [
        [f"{100 * part:.0f} %", f"{curve[part]['threshold']:.2f}",
         f"{100 * curve[part]['accuracy']:.1f}"]
        for part in SHOWN_COVERAGE
    ]  # fmt: skip
    print(markdown(["surest clips", "their least confidence", "accuracy, %"], rows))
    numbers = {
        fold: [kept["threshold"], kept["coverage"], kept["accuracy"]]
        for fold, row in collected["folds"].items()
        if (kept := row["after"].get("above_threshold"))
    }
    rows = with_mean(numbers, (NUMBER_2, PERCENT, PERCENT))
    print("\n" + markdown(["fold", "threshold", "clips named, %", "right of these, %"], rows))
    print(f"\n{made_line(collected['made'])}")


def unknown(collected: dict[str, Any]) -> None:
    """Print how many strange clips each fold's network names, and as what."""
    numbers, named_as, some = {}, [], {}
    for fold, row in collected["folds"].items():
        some = row["after"]["unknown"]
        shares = [some["sure"]["before"], some["sure"]["after"], some["named"]]
        means = [some["mean_confidence"][when] for when in ("before", "after")]
        numbers[fold] = [*shares, *means]
        named_as.append(", ".join(f"{label} {n}" for label, n in some["named_as"].items()))
    table = with_mean(numbers, (PERCENT,) * 5)
    rows = [[*row, names] for row, names in zip(table, (*named_as, ""), strict=True)]
    columns = ["fold", "over 90 % sure before, %", "after, %", "above the threshold, %",
               "mean confidence before, %", "after, %", "most of the sure ones"]  # fmt: skip
    print(markdown(columns, rows))
    left_out = len(some["left_out"])
    print(f"\n{some['clips']} clips of {some['data']}; {left_out} classes that the networks know")
    print(f"are left out. {made_line(collected['made'])}")
    if all("known" in row for row in collected["folds"].values()):
        share = statistics.mean(row["known"]["accuracy"] for row in collected["folds"].values())
        print(
            f"\nThe ten known classes from the same source: {100 * share:.2f} % right (test folds)."
        )


def compare(paths: Sequence[Path]) -> None:
    """Print what calibrated files of several kinds are worth, means of the folds, a column each."""
    collected = [json.loads(path.read_text()) for path in paths]
    measures: dict[str, Callable[[dict[str, Any]], float]] = {
        "accuracy on the test fold": lambda row: row["after"]["accuracy"],
        "calibration error": lambda row: row["after"]["calibration_error"],
        "clips above the threshold": lambda row: row["after"]["above_threshold"]["coverage"],
        "right of these": lambda row: row["after"]["above_threshold"]["accuracy"],
        "strange sounds above the threshold": lambda row: row["after"]["unknown"]["named"],
        "a quiet room's noise above the threshold": lambda row: row["quiet"]["named"],
    }
    rows = []
    for what, of in measures.items():
        means = [statistics.mean(map(of, one["folds"].values())) for one in collected]
        rows.append([what, *(f"{100 * mean:.1f}" for mean in means)])
    names = [f"`{preset_of(path.parent)}`" for path in paths]
    print(markdown(["calibrated int8 TFLite, %", *names], rows))
    print(
        "\nMeans of five folds.", *sorted({made_line(one["made"]) for one in collected}), sep="\n"
    )


TABLES: dict[str, Callable[[dict[str, Any]], None]] = {
    "confidence": confidence,
    "coverage": coverage_table,
    "unknown": unknown,
}


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["collect", folder, out]:
            collect(Path(folder), Path(out))
        case ["known", table, out]:
            known(Path(table), Path(out))
        case ["compare", *paths]:
            compare([Path(path) for path in paths])
        case [table, path] if table in TABLES:
            TABLES[table](json.loads(Path(path).read_text()))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
