"""A search that takes seconds; run as a program by tests of several workers and of killed ones.

small_search.py URL FOLDER DATA TRIALS EPOCHS     (password in the environment)
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_asc.config.schema import load_preset
from edge_asc.data.open import open_dataset
from edge_asc.search.price import search_rule
from edge_asc.search.space import Range, Space
from edge_asc.search.storage import address
from edge_asc.search.task import Task
from edge_asc.search.worker import search
from small_run import SMALL

HEARTBEAT_S = 1
FIXED = (*SMALL, "train.ema=0", "train.warmup_epochs=0.5", "augment={}")
SPACE = Space(
    "compact-int8",
    {
        "model.options.channels": Range(4, 16, 4, length=(2, 3)),
        "model.options.attention": ["none", "se"],
        "model.options.reduction": [4],
    },
)


def small_task(data: Path, epochs: int = 2, **changes: Any) -> Task:
    """What is searched, with any field changed; `rule`, `max_bytes`, `max_peak` make the rule."""
    limits = (changes.pop("max_bytes", None), None, changes.pop("max_peak", None))
    rule = search_rule(changes.pop("rule", "edge-128k"), *limits)
    space = changes.pop("space", SPACE)
    base = load_preset(space.base, [*FIXED, *changes.pop("overrides", ())])
    return replace(Task(base, space, open_dataset(data), 1, rule, epochs, 0), **changes)


def small_search(url: Any, folder: Path, task: Task, n_trials: int, **more: Any) -> list[Any]:
    """Search with few trials, on the processor."""
    options = {"heartbeat_s": HEARTBEAT_S, "accelerator": "cpu", "progress": False} | more
    return search(task, url, "small", n_trials, folder, **options)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    url, folder, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    n_trials, epochs = int(sys.argv[4]), int(sys.argv[5])
    storage = address(url, folder / "trials.db", os.environ)
    small_search(storage, folder, small_task(data, epochs), n_trials, progress=True)
