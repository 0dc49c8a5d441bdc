"""The table of simulated devices.

- `device_tables.py collect FOLDER OUT.json`: ROW/foldN/evaluation of `devices.sh` into one file
- `device_tables.py table OUT.json`: the same as a Markdown table
"""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown, mean_sd

ROWS = {  # row -> how the table calls it
    "plain": "none",
    "response": "random responses and noise, on features",
    "devices": "seen devices, on audio",
    "both": "both",
}
COLUMNS = ("trained for devices by", "clean", "seen devices", "unseen devices",
           "lost on unseen", "part of the loss without")  # fmt: skip


def collect(folder: Path, out: Path) -> None:
    """Keep clean accuracy and that by device of every row and fold."""
    rows: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        for path in sorted((folder / row).glob("fold*/evaluation/metrics.json")):
            fold = path.parent.parent.name.removeprefix("fold")
            figures = json.loads(path.read_text())
            kept = {key: figures[key] for key in ("file_bytes", "clips", "simulated")}
            rows.setdefault(row, {})[fold] = kept
    out.write_text(json.dumps({"made": made(), "rows": rows}, indent=1) + "\n")


def table(path: Path) -> None:
    """Print means over the folds that every row has."""
    collected = json.loads(path.read_text())
    rows = collected["rows"]
    folds = sorted(set.intersection(*map(set, rows.values()))) if "plain" in rows else []
    if not folds:
        raise SystemExit(f"{path}: no fold has all rows yet, the plain one among them")
    base = statistics.mean(_loss(rows["plain"][fold]) for fold in folds)
    cells = [
        [ROWS[row], *_cells([rows[row][fold] for fold in folds], base, row == "plain")]
        for row in ROWS
        if row in rows
    ]
    print(markdown(COLUMNS, cells))
    sets = rows["plain"][folds[0]]["simulated"]["sets"]
    counted = " and ".join(f"{row['devices']} {which}" for which, row in sets.items())
    print(f"\nInt8 TFLite, %, mean ± sd over fold {', '.join(folds)}; {counted} devices.")
    print(made_line(collected["made"]))


def _cells(figures: Sequence[dict[str, Any]], base: float, is_base: bool) -> list[str]:
    simulated = [one["simulated"] for one in figures]
    loss = statistics.mean(map(_loss, figures))
    part = "" if is_base or base <= 0 else f"{loss / base:.0%}"
    return [
        mean_sd([100 * s["clean"] for s in simulated]),
        mean_sd([100 * s["sets"]["seen"]["accuracy"] for s in simulated]),
        mean_sd([100 * s["sets"]["unseen"]["accuracy"] for s in simulated]),
        f"{100 * loss:.2f}",
        part,
    ]


def _loss(figures: dict[str, Any]) -> float:
    return float(figures["simulated"]["sets"]["unseen"]["loss"])


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["collect", folder, out]:
            collect(Path(folder), Path(out))
        case ["table", path]:
            table(Path(path))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
