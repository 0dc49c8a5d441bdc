"""The few-shot figures of teaching as a Markdown table, from what few_shot.py wrote.

    rows.py RESULTS.json | python recipes/tables.py fill docs/teach.md few-shot

Needs recipes/ on PYTHONPATH.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import made_line, markdown, t_95

NAMES = {  # what few_shot.py calls a share, and what people read
    "accuracy": "right, of the test clips",
    "left_out_accuracy": "right, as teaching itself foretold",
    "unseen_accuracy": "right, through simulated microphones of other kinds",
    "plain_accuracy": "right, taught without views",
    "plain_unseen_accuracy": "right, taught without views, through those microphones",
    "kept": "test clips that get a name",
    "named": "strange clips that get a name",
    "named_at_90": "strange clips, at the threshold that 90 % of the test clips reach",
    "quiet_named": "digital silence and quiet rooms (computed)",
}


def cell(shares: Sequence[float]) -> str:
    """Mean and half width of the 95 % interval of its draws, in %; never a name is 0 alone."""
    values = 100 * np.array(shares)
    half = t_95(len(values)) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.1f} ± {half:.1f}" if values.any() else "0"


def table(measured: dict[str, Any]) -> str:
    """A row for each figure, a column for each number of clips."""
    shots = measured["shots"]
    rows = [
        [name, *(cell([draw[key] for draw in draws]) for draws in shots.values())]
        for key, name in NAMES.items()
    ]
    return markdown(["", *(f"{number} clips a class" for number in shots)], rows)


if __name__ == "__main__":
    measured = json.loads(Path(sys.argv[1]).read_text())
    print(table(measured))
    print(f"\n{made_line(measured['made'])}")
