"""Tables of `recipes/ablation.sh` and `recipes/microphones.sh`.

- `ablation_table.py collect FOLDER OUT.json`: ROW/foldN/evaluation into one file
- `ablation_table.py table OUT.json`: the same as a Markdown table
- `ablation_table.py microphones FOLDER`: NAME/foldN of `microphones.sh` as a Markdown table
"""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown, mean_sd

from edge_asc.files import write_json

ROWS = {  # row -> how the table calls it
    "all": "all but relative features",
    "relative": "with relative features as well",
    "no-microphones": "without simulated microphones",
    "no-responses": "without random responses and noise",
    "no-speeds": "without speeds",
    "plain": "plain: without these three",
    "relative-plain": "plain, but with relative features",
    "no-mixup": "without mixup",
    "no-masks": "without masks",
    "no-smoothing": "without label smoothing",
    "no-average": "without averaged weights",
    "no-stem": "without the stem of stride 4",
}
LOST = (
    "seen microphones",
    "unseen microphones",
    "lost on unseen",
    "part of what plain training loses",
)


def collect(folder: Path, out: Path) -> None:
    """Keep clean accuracy and that through microphones of every row and fold."""
    rows: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        for path in sorted((folder / row).glob("fold*/evaluation/metrics.json")):
            fold = path.parent.parent.name.removeprefix("fold")
            figures = json.loads(path.read_text())
            rows.setdefault(row, {})[fold] = {key: figures[key] for key in ("clips", "simulated")}
    write_json(out, {"made": made(), "rows": rows})


def table(path: Path) -> None:
    """Print means over the folds that every row has."""
    collected = json.loads(path.read_text())
    rows = collected["rows"]
    folds = sorted(set.intersection(*map(set, rows.values()))) if "all" in rows else []
    if not folds:
        raise SystemExit(f"{path}: no fold has all rows yet, 'all' among them")
    figures = {row: [rows[row][fold]["simulated"] for fold in folds] for row in ROWS if row in rows}
    lost = _lost(figures["plain"]) if "plain" in rows else 0.0
    clean_of_all = statistics.mean(_clean(figures["all"]))
    cells = []
    for row, of_folds in figures.items():
        clean = _clean(of_folds)
        difference = f"{statistics.mean(clean) - clean_of_all:+.2f}"
        cells.append([ROWS[row], mean_sd(clean), difference, *_through_microphones(of_folds, lost)])
    print(markdown(["trained with", "clean", "difference", *LOST], cells))
    counted = " and ".join(
        f"{row['microphones']} {which}" for which, row in figures["all"][0]["sets"].items()
    )
    print(f"\nFloat32, %, mean ± sd over fold {', '.join(folds)}; {counted} microphones.")
    print(made_line(collected["made"]))


def _clean(folds: Sequence[dict[str, Any]]) -> list[float]:
    """Accuracy without microphones of every fold, %."""
    return [100 * fold["clean"] for fold in folds]


def _through_microphones(folds: Sequence[dict[str, Any]], lost_by_plain: float) -> list[str]:
    """The cells of `LOST`; `lost_by_plain`: what plain training loses, a share."""
    sets = ("seen", "unseen")
    means = [statistics.mean(fold["sets"][which]["accuracy"] for fold in folds) for which in sets]
    return [
        *(f"{100 * mean:.2f}" for mean in means),
        f"{100 * _lost(folds):.2f}",
        f"{_lost(folds) / lost_by_plain:.0%}" if lost_by_plain > 0 else "",
    ]


def _lost(folds: Sequence[dict[str, Any]]) -> float:
    """Accuracy lost on unseen microphones, a share."""
    return statistics.mean(fold["sets"]["unseen"]["loss"] for fold in folds)


FILES = {
    "plain": "none: plain training (preset compact-int8)",
    "esc10": "microphones (preset esc10/128k)",
    "128k-relative": "microphones, with relative features (preset esc10/128k-relative)",
    "encoder": "microphones, begun from an encoder (preset esc10/encoder)",
}
FAMILIES = ("cased", "voice", "sloped")


def microphones(folder: Path) -> None:
    """Print accuracy of int8 files, and what each unseen family costs; means over the folds."""
    figures = {name: _simulated(folder / name) for name in FILES}
    lost = _lost(figures["plain"])
    rows = []
    for name, folds in figures.items():
        cells = [FILES[name], mean_sd(_clean(folds)), *_through_microphones(folds, lost)]
        for family in FAMILIES:
            cells.append(f"{100 * statistics.mean(_lost_on(fold, family) for fold in folds):.2f}")
        rows.append(cells)
    columns = ["trained for", "clean", *LOST, *(f"lost on {family}" for family in FAMILIES)]
    print(markdown(columns, rows))
    print(f"\nInt8 TFLite, %, mean ± sd over {len(folds)} folds. {made_line(made())}")


def _simulated(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("fold*/metrics.json"))
    return [json.loads(path.read_text())["simulated"] for path in paths]


def _lost_on(fold: dict[str, Any], family: str) -> float:
    rows = fold["per_microphone"].values()
    return statistics.mean(row["loss"] for row in rows if row["family"] == family)


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["collect", folder, out]:
            collect(Path(folder), Path(out))
        case ["table", path]:
            table(Path(path))
        case ["microphones", folder]:
            microphones(Path(folder))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
