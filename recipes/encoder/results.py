"""Adds to the few-shot figures what the file is and how it came about.

    results.py OUT FILE.tflite RESULTS.json

OUT is a folder of train.py, RESULTS.json what table.py wrote. Needs recipes/ on PYTHONPATH.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from spectra import WINDOW_SAMPLES
from student import Checkpoint
from tables import made

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.runtime.classifier import Classifier

RUNS = 200


def figures(file: Path) -> dict[str, Any]:
    """Bytes, operations per second of audio and milliseconds of a window of 0.975 s."""
    classifier = Classifier.load(file, views=1)
    window = classifier.frontend.features(np.zeros(WINDOW_SAMPLES, np.float32))
    inventory = inventory_of_file(
        file, frames=window.shape[1], audio_s=WINDOW_SAMPLES / classifier.frontend.sample_rate_hz
    )
    return {
        "bytes": file.stat().st_size,
        "weights": inventory.parameters,
        "macs_per_s": round(inventory.per_second(inventory.macs)),
        "window_ms": round(_milliseconds(classifier, window), 3),
        "numbers": len(classifier.metadata.labels),
        "runtime": f"{classifier.runtime} {classifier.runtime_version}",
    }


def _milliseconds(classifier: Classifier, window: np.ndarray) -> float:
    times_s = []
    for _ in range(RUNS):
        started = time.perf_counter()
        classifier.logits(window)
        times_s.append(time.perf_counter() - started)
    return 1000 * statistics.median(times_s)


def main() -> None:
    """Write the figures beside the table's."""
    out, file, results = map(Path, sys.argv[1:])
    kept = Checkpoint.load(out / "student.ckpt")
    known = json.loads(results.read_text())
    about = {"made": made(), "file": figures(file),
             "run": {"windows": kept.training["seen"], **kept.settings}}  # fmt: skip
    tables = {name: row for name, row in known.items() if name not in about}
    results.write_text(json.dumps({**about, **tables}, indent=1) + "\n")


if __name__ == "__main__":
    main()
