"""What runs of `recipes/embeddings.sh` came to on their validation clips, as a Markdown table.

Usage: python recipes/embeddings_table.py RUN...     folders called NAME-seedN
"""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

from edge_asc.files import read_json

WORDS = {  # by NAME, in the order of the table
    "labels": "labels",
    "answers": "a teacher's answers",
    "embedding": "its answers and embedding",
    "teacher": "the teacher itself",
}
HEADS = ("learns from", "accuracy of each seed, %", "mean", "log loss of each seed", "mean")


def table(runs: list[Path]) -> str:
    """A row for each NAME, its seeds in their order."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: int(run.name.rpartition("-seed")[2])):
        found[run.name.rpartition("-seed")[0]].append(read_json(run / "metrics.json")["val"])
    rows = [_row(words, found[name]) for name, words in WORDS.items()]
    return "\n".join(["| " + " | ".join(HEADS) + " |", "| --- |" + " ---: |" * 4, *rows])


def _row(words: str, of_seeds: list[dict[str, float]]) -> str:
    accuracies = [100 * figures["accuracy"] for figures in of_seeds]
    losses = [figures["log_loss"] for figures in of_seeds]
    cells = (
        words,
        " ".join(f"{value:.1f}" for value in accuracies),
        f"{mean(accuracies):.1f}",
        " ".join(f"{value:.3f}" for value in losses),
        f"{mean(losses):.3f}",
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(table([Path(word) for word in sys.argv[1:]]))
