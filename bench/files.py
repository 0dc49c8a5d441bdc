"""What the files of presets take to answer, the front end apart.

    python bench/files.py [PRESET...]      prints Markdown

Untrained networks, which take as long as trained ones. Every file hears one window on one thread;
all files in turn, so that a machine that slows down slows all of them. Processor time, medians;
per second of audio, since presets hear windows of different lengths.
"""

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import get_args

import numpy as np

from edge_asc.config.schema import Precision, load_preset
from edge_asc.export.preset_budget import preset_file
from edge_asc.runtime.classifier import RUNTIMES, Classifier
from edge_asc.runtime.metadata import Format

BASELINE = "dcase2025/baseline"
PRESETS = ("esc10/encoder", "esc10/128k-ram256k", "esc10/128k", "esc10/64k", "esc10/32k",
           "compact-int8")  # fmt: skip
PRECISIONS: tuple[Precision, ...] = ("float16", "int8")
ROUNDS = 200


@dataclass
class Timed:
    """One file on one runtime, and its times so far."""

    classifier: Classifier
    precision: str
    features: np.ndarray
    times_s: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Answer once more."""
        started_s = time.process_time()
        self.classifier.logits(self.features)
        self.times_s.append(time.process_time() - started_s)

    @property
    def ms_per_s(self) -> float:
        """Milliseconds per second of audio, the median."""
        return 1000 * statistics.median(self.times_s) / self.classifier.window_s

    @property
    def name(self) -> str:
        """Precision and runtime."""
        return f"{self.precision}, {self.classifier.runtime}"


def opened(preset: str, folder: Path) -> list[Timed]:
    """A preset's files of all precisions and formats; behind an encoder there is int8 alone."""
    files = []
    precisions = PRECISIONS[1:] if load_preset(preset).base else PRECISIONS
    for precision in precisions:
        for file_format in get_args(Format):
            path = folder / f"{preset.replace('/', '-')}-{precision}.{file_format}"
            path.write_bytes(preset_file(load_preset(preset), precision, file_format))
            model = Classifier.load(path)
            shape = model.frontend.n_mels, model.window_frames
            features = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
            files.append(Timed(model, precision, features))
    return files


def main(presets: Sequence[str]) -> None:
    """Print a row per preset."""
    names = [BASELINE, *(name for name in presets or PRESETS if name != BASELINE)]
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: opened(name, Path(folder)) for name in names}
        for _ in range(ROUNDS):
            for file in (file for files in rows.values() for file in files):
                file.run()
    best = {name: min(files, key=lambda file: file.ms_per_s) for name, files in rows.items()}
    columns = [file.name for file in rows[BASELINE]]  # all there are
    print("| preset |", " | ".join([*columns, "best", f"times {BASELINE}"]), "|")
    print("| --- |" + " ---: |" * len(columns) + " --- | ---: |")
    for name, files in rows.items():
        measured = {file.name: f"{file.ms_per_s:.3f}" for file in files}
        cells = [measured.get(column, "") for column in columns]
        ratio = best[name].ms_per_s / best[BASELINE].ms_per_s
        print("|", " | ".join([name, *cells, best[name].name, f"{ratio:.2f}"]), "|")
    used = sorted({file.classifier.runtime for file in rows[BASELINE]})
    versions = ", ".join(f"{name} {RUNTIMES[name].version}" for name in used)
    print(f"\nms per second of audio. {date.today()}; {platform.machine()}; {versions}")


if __name__ == "__main__":
    main(sys.argv[1:])
