"""The paper's tables with our figures beside them.

`paper_tables.py TABLE FOLDER OUT.json`: a table of the paper as Markdown, from what
`recipes/paper.sh` has left in FOLDER so far. OUT.json keeps the figures.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown

from edge_asc.files import write_json


@dataclass(frozen=True)
class Row:
    """A row of the paper.

    Attributes:
        name: as the table calls it.
        paper: what the paper prints, in percent.
        run: folder of the network.
        evaluation: folder under evaluations/; "" is named as the run.
        figure: which figure of the evaluation, a path of keys.
    """

    name: str
    paper: str
    run: str
    evaluation: str = ""
    figure: tuple[str, ...] = ("accuracy",)


HEAD = ("abstract_accuracy", "head")
PAPER: dict[str, tuple[Row, ...]] = {
    "1": (
        Row("CNN + ReLU", "70.2", "relu"),
        Row("CNN + ReLU, CBAM", "68.3", "relu-cbam"),
        Row("CNN + LeakyReLU", "69.6", "leaky-relu"),
        Row("CNN + LeakyReLU, CBAM", "68.2", "leaky-relu-cbam"),
        Row("MFM", "69.4", "mfm"),
        Row("MFM, CBAM", "70.3 ± 0.13", "mfm-cbam"),
        Row("AMFM", "70.7 ± 0.08", "amfm"),
    ),
    "2": (
        Row("none", "70.8", "amfm"),
        Row("pre-training", "69.2", "pretraining"),
        Row("conventional MTL", "69.7", "conventional"),
        Row("extended MTL", "71.3", "extended"),
        Row("extended MTL, joint prediction", "70.0", "extended", "extended-joint"),
        Row("sequential MTL", "71.0", "sequential"),
        Row("sequential MTL, joint prediction", "69.1", "sequential", "sequential-joint"),
        Row("separate classifiers, joint prediction", "69.4", "amfm", "separate-joint"),
    ),
    "3": (
        Row("1 : 1", "70.3", "ratio-1-1"),
        Row("1 : 2", "69.6", "ratio-1-2"),
        Row("1 : 3", "70.3", "ratio-1-3"),
        Row("1 : 4", "70.7", "ratio-1-4"),
        Row("1 : 5", "71.3", "extended"),
        Row("GradNorm", "70.1", "gradnorm"),
    ),
    "4": (
        Row("without MTL", "91.4", "abstract"),
        Row("with MTL", "92.2", "extended", "", HEAD),
    ),
}


def paper(table: str, folder: Path, out: Path) -> None:
    """Collect what `folder` holds of a table's rows, and print the table."""
    found = {row.name: _measured(row, folder) for row in PAPER[table]}
    measured = {name: figures for name, figures in found.items() if figures}
    if measured:
        write_json(out, {"made": made(), "rows": measured})
    rows = [[row.name, row.paper, *_cells(found[row.name])] for row in PAPER[table]]
    print(markdown(["", "paper, %", "ours, %", "clips", "parameters", "epochs"], rows))
    print(f"\n{len(measured)} of {len(rows)} rows measured.", end="")
    print(f" {made_line(made())}" if measured else "")


def _measured(row: Row, folder: Path) -> dict[str, Any]:
    """Figures of a row, empty where it has not been evaluated."""
    evaluation = folder / "evaluations" / (row.evaluation or row.run) / "metrics.json"
    if not evaluation.is_file():
        return {}
    figures, run = _read(evaluation), _read(folder / row.run / "metrics.json")
    value: Any = figures
    for key in row.figure:
        value = value[key]
    about = {"clips": figures["clips"], "parameters": run["parameters"], "epochs": run["epochs"]}
    return {"accuracy": value, **about, "per_device": figures.get("per_device", {})}


def _cells(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return ["", "", "", ""]
    whole = [f"{figures[key]:,}" for key in ("clips", "parameters", "epochs")]
    return [f"{100 * figures['accuracy']:.1f}", *whole]


def _read(path: Path) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


def main(arguments: Sequence[str]) -> None:
    """Run the command of the module's docstring."""
    match arguments:
        case [table, folder, out] if table in PAPER:
            paper(table, Path(folder), Path(out))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
