"""Tables of `recipes/paper-small.sh`.

- `small_tables.py collect FOLDER OUT.json`: the figures of all runs and evaluations so far
- `small_tables.py trunks OUT.json`: the four trunks and their attention, as Markdown
- `small_tables.py joint OUT.json`: joint training, ratios and GradNorm, as Markdown
"""

import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown, mean_sd

from edge_asc.files import write_json

Seeds = Mapping[str, Mapping[str, Any]]  # seed -> figures

TRUNKS = {  # row of the script -> trunk, attention
    "relu": ("CNN + ReLU", "none"),
    "relu-cbam": ("CNN + ReLU", "CBAM"),
    "leaky": ("CNN + LeakyReLU", "none"),
    "leaky-cbam": ("CNN + LeakyReLU", "CBAM"),
    "mfm": ("MFM", "none"),
    "mfm-cbam": ("MFM", "CBAM"),
    "amfm": ("AMFM", "CBAM"),
    "amfm-se": ("AMFM", "SE"),
    "amfm-eca": ("AMFM", "ECA"),
}
JOINT = {
    "none": "none",
    "pretraining": "pre-training",
    "conventional": "conventional MTL",
    "ratio5": "extended MTL, 1 : 5",
    "ratio5+joint": "the same, joint prediction",
    "sequential": "sequential MTL",
    "sequential+joint": "the same, joint prediction",
    "none+abstract": "separate classifiers, joint prediction",
    "abstract": "groups alone",
    "ratio1": "extended MTL, 1 : 1",
    "ratio2": "extended MTL, 1 : 2",
    "ratio3": "extended MTL, 1 : 3",
    "ratio4": "extended MTL, 1 : 4",
    "gradnorm": "extended MTL, GradNorm",
}
KEPT = ("accuracy", "log_loss", "clips", "abstract_accuracy")
LIKELY = 1.96  # standard errors to either side that hold 95 % of a normal distribution


def collect(folder: Path, out: Path) -> None:
    """Gather every evaluation `DATA/ROW/SEED`; a joint one, `ROW+PRIOR`, is of ROW's network."""
    found: dict[str, Any] = {"made": made()}
    for path in sorted(folder.glob("*/evaluations/*/*/metrics.json")):
        seed, row, data = path.parent.name, path.parents[1].name, path.parents[3].name
        run = _read(path.parents[3] / f"{row.partition('+')[0]}-{seed}" / "metrics.json")
        figures = _read(path)
        kept = {key: figures[key] for key in KEPT if key in figures}
        kept |= {key: run[key] for key in ("parameters", "epochs", "train_seconds")}
        found.setdefault(data, {}).setdefault(row, {})[seed] = kept
    write_json(out, found)


def trunks(path: Path) -> None:
    """Print the trunks, a column for each seed."""
    collected = _read(path)
    rows = collected.get("esc10", {})
    seeds = sorted({seed for row in rows.values() for seed in row})
    cells = [[*TRUNKS[name], *_accuracies(rows[name], seeds)] for name in TRUNKS if name in rows]
    columns = ["trunk", "attention", "mean ± sd, %", *(f"seed {s}" for s in seeds), "parameters"]
    print(markdown(columns, cells))
    _notes(collected, rows)


def _accuracies(row: Seeds, seeds: Sequence[str]) -> list[str]:
    values = {seed: 100 * figures["accuracy"] for seed, figures in row.items()}
    each = [f"{values[seed]:.2f}" if seed in values else "" for seed in seeds]
    return [mean_sd(list(values.values())), *each, _parameters(row)]


def joint(path: Path) -> None:
    """Print the methods: scenes, groups by a model's own head and by its scenes."""
    collected = _read(path)
    rows = collected.get("esc50", {})
    cells = [[JOINT[name], *_scenes_and_groups(rows[name])] for name in JOINT if name in rows]
    print(markdown(["", "classes, %", "groups, own head, %", "by classes, %", "parameters"], cells))
    _notes(collected, rows)


def _scenes_and_groups(row: Seeds) -> list[str]:
    """Cells of a row; a model of groups alone has no other figure."""
    groups = [figures.get("abstract_accuracy", {}) for figures in row.values()]
    accuracy = mean_sd([100 * figures["accuracy"] for figures in row.values()])
    if not any(groups):
        return ["", accuracy, "", _parameters(row)]
    both = [[100 * g[key] for g in groups if key in g] for key in ("head", "from_scenes")]
    return [accuracy, *(mean_sd(values) if values else "" for values in both), _parameters(row)]


def _parameters(row: Seeds) -> str:
    return f"{next(iter(row.values()))['parameters']:,}"


def _notes(collected: Mapping[str, Any], rows: Mapping[str, Seeds]) -> None:
    """What one clip weighs, how far chance alone goes, what it cost, when and where."""
    figures = [one for row in rows.values() for one in row.values()]
    if not figures:
        return
    clips, share = figures[0]["clips"], statistics.median(f["accuracy"] for f in figures)
    chance = 100 * LIKELY * math.sqrt(share * (1 - share) / clips)
    epochs = "/".join(str(n) for n in sorted({f["epochs"] for f in figures}))
    minutes = statistics.median(f["train_seconds"] for f in figures) / 60
    print(
        f"\n{clips} test clips: one is {100 / clips:.2f} points, and which clips were drawn makes"
    )
    print(f"± {chance:.1f} points (95 %) by itself.")
    print(f"{epochs} epochs, {minutes:.1f} minutes a network on one thread (median).")
    print(made_line(collected["made"]))


def _read(path: Path) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["collect", folder, out]:
            collect(Path(folder), Path(out))
        case ["trunks", path]:
            trunks(Path(path))
        case ["joint", path]:
            joint(Path(path))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
