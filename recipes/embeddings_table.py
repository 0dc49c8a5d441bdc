"""What runs of `recipes/embeddings.sh` came to on their validation clips, as a Markdown table.

Usage: python recipes/embeddings_table.py RUN...     folders called NAME-seedN
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

from edge_asc.files import read_json

FIGURES = ("accuracy", "log_loss")


def table(runs: list[Path]) -> str:
    """A row for each NAME, its seeds side by side."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for run in runs:
        name, _, seed = run.name.rpartition("-seed")
        found[name][seed] = read_json(run / "metrics.json")["val"]
    seeds = sorted({seed for of_name in found.values() for seed in of_name})
    heads = [f"{what}, seed {seed}" for what in ("accuracy, %", "log loss") for seed in seeds]
    lines = ["| network | " + " | ".join([*heads, "mean accuracy, %", "mean log loss"]) + " |"]
    lines.append("| --- |" + " ---: |" * (len(heads) + 2))
    lines += [_row(name, [of_name[seed] for seed in seeds]) for name, of_name in found.items()]
    return "\n".join(lines)


def _row(name: str, of_seeds: list[dict[str, float]]) -> str:
    accuracies, losses = ([figures[key] for figures in of_seeds] for key in FIGURES)
    cells = [f"{100 * value:.1f}" for value in accuracies] + [f"{value:.3f}" for value in losses]
    means = (f"{100 * mean(accuracies):.1f}", f"{mean(losses):.3f}")
    return f"| {name} | " + " | ".join([*cells, *means]) + " |"


if __name__ == "__main__":
    print(table([Path(word) for word in sys.argv[1:]]))
