"""Prints the table of `teach` beside other ways: `beside_rows.py RESULTS.json` of beside.py."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import made_line, markdown, t_95

FEWEST = 3  # draws of which an interval says something
WAYS = {  # what people read
    "log-mel": "logistic regression on log-mel means and deviations",
    "yamnet": "logistic regression on YAMNet (1,024 numbers, frozen, float)",
    "scratch": "`train nano`, from random weights",
    "train": "`train encoder-base --base encoder`",
    "teach": "`teach`",
}


def columns(draws: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Mean and 95 % interval of accuracies and seconds, and the bytes."""
    for key, factor in (("accuracy", 100.0), ("cpu_s", 1.0)):
        values = factor * np.array([draw.get(key, np.nan) for draw in draws])
        text = f"{values.mean():.1f}"
        if len(values) >= FEWEST:
            text += f" ± {t_95(len(values)) * values.std(ddof=1) / len(values) ** 0.5:.1f}"
        yield "" if np.isnan(values).any() else text
    yield f"{max(draw['bytes'] for draw in draws):,}" if "bytes" in draws[0] else ""


def table(measured: dict[str, Any]) -> str:
    """A row for each number of clips and each way."""
    rows = [
        [shots, WAYS[way], str(len(draws)), *columns(draws)]
        for shots, ways in measured["shots"].items()
        for way, draws in ways.items()
        if draws
    ]
    heads = [
        "clips a class",
        "",
        "draws",
        "right, of 32 test clips, %",
        "s of a processor",
        "bytes",
    ]
    few = any(len(d) < FEWEST for ways in measured["shots"].values() for d in ways.values() if d)
    note = f" Of fewer than {FEWEST} draws there is no interval." if few else ""
    line = f"± 95 % interval of the mean of the draws.{note} {made_line(measured['made'])}"
    return f"{markdown(heads, rows)}\n\n{line}"


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text())))
