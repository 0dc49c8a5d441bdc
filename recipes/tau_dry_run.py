"""The full recipe on every official name of TAU 2020 Mobile, with short synthetic sound.

    python recipes/tau_dry_run.py LISTS [--clips N] [--keep DIR]

LISTS holds evaluation_setup/ with the official lists: 13,965 + 2,970 names. Each gets half a second
of synthetic sound at 44.1 kHz, 24 bit, in the data set's own layout, in a temporary folder of
1.2 GB. Then two epochs of the recipe (the network's linear layers fitted to so short an input;
features read from disk as the real set's would be), three-crop evaluation with its per-device
report, and one step at full length. The process's memory is sampled all the while; it must not grow
within the second epoch or the evaluation.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import soundfile

from edge_asc.config.schema import load_preset
from edge_asc.data.labels import TAU_SCENES
from edge_asc.data.layouts.tau import TEST_LISTS, TRAIN_LIST
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.evaluation.report import print_evaluation
from edge_asc.training.inputs.load import prepare
from edge_asc.training.run import train

RATE_HZ, CLIP_S = 44100, 0.5
PRESET = "paper/table2-extended"
SHORT = (  # what differs from the recipe: half a second of sound, and what follows from that
    f"data.clip_s={CLIP_S}",
    f"data.crop_s={CLIP_S / 2}",
    "data.ram_limit_bytes=0",  # the real set's features do not fit into memory
    "model.options={n_frames = 13}",
    "train.epochs=2",
)
MAX_GROWTH = 0.05  # of the memory in use, from the first half of a phase to the second
SAMPLE_S = 0.2


def write_layout(lists: Path, folder: Path, n_clips: int | None) -> int:
    """Write the lists, meta.csv and a sound for every name; return the number of sounds."""
    rows: list[tuple[str, str]] = []
    for name in (TRAIN_LIST, TEST_LISTS[0]):
        head, *lines = (lists / name).read_text("utf-8").splitlines()
        chosen = lines if n_clips is None else lines[:: max(1, len(lines) * 2 // n_clips)]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join([head, *chosen]) + "\n", "utf-8")
        rows += [(file, scene) for file, scene in (line.split("\t") for line in chosen)]
    (folder / "audio").mkdir()
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    for file, scene in rows:
        _, city, location, _, device = Path(file).stem.split("-")
        meta.append(f"{file}\t{scene}\t{city}-{location}\t{device}")
        _write_sound(folder / file, scene)
    (folder / "meta.csv").write_text("\n".join(meta) + "\n", "utf-8")
    return len(rows)


def _write_sound(path: Path, scene: str) -> None:
    """Noise that beats at the scene's own rate; the file's name is the seed."""
    rng = np.random.default_rng(list(path.name.encode()))
    beats = 4.0 * (1 + TAU_SCENES.index(scene)) * np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    noise = rng.standard_normal(len(beats), np.float32)
    sound = 0.05 * noise * (1 + np.sin(2 * np.pi * (beats + rng.random())))
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_24")


@dataclass
class Memory:
    """Samples of this process's own memory (mapped files apart), by what was going on."""

    phase: str = ""
    metrics: Path | None = None  # of the training under way: its rows are the epochs done
    epochs: int = 0  # of that training
    samples: dict[str, list[float]] = field(default_factory=dict)  # phase -> MiB

    @contextmanager
    def sampled(self) -> Iterator["Memory"]:
        """Sample until the end of the block."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,))
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(SAMPLE_S):
            self.samples.setdefault(self._now(), []).append(own_mib())

    def _now(self) -> str:
        if self.metrics is None:
            return self.phase
        done = len(self.metrics.read_text().splitlines()) - 1 if self.metrics.exists() else 0
        return f"epoch {done + 1}" if done < self.epochs else "test after training"

    def grown(self) -> dict[str, tuple[float, float, float]]:
        """By phase: median of the first half, of the second, and the largest sample, MiB."""
        found = {}
        for phase, values in self.samples.items():
            half = len(values) // 2
            if half > 1:
                medians = np.median(values[:half]), np.median(values[half:])
                found[phase] = (float(medians[0]), float(medians[1]), max(values))
        return found


def own_mib() -> float:
    """Memory of this process that is no file's, in MiB; Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return kib / 1024


def dry_run(data: Path, work: Path, memory: Memory) -> None:
    """Features, two epochs, three-crop evaluation, one step at full length."""
    memory.phase = "lists"
    dataset, cache = open_dataset(data), work / "cache"
    config = load_preset(PRESET, SHORT)
    memory.phase = "features"
    prepare(config, dataset, 1, 0, progress=False, cache=cache)
    memory.metrics, memory.epochs = work / "run" / "metrics.csv", config.train.epochs
    train(config, dataset, 1, work / "run", data=str(data), cache=cache)
    memory.phase, memory.metrics = "evaluation", None
    result = evaluate(work / "run", data, crops="3", clip_s=CLIP_S)
    memory.phase = "report"
    print_evaluation(result.figures)
    step = replace(dataset, clips=dataset.split(1)[0][: config.train.batch_size])
    full = load_preset(PRESET, ["train.epochs=1"])
    memory.phase = "a step at full length"
    train(full, step, None, work / "full", cache=work / "cache-full")


def main() -> int:
    """Run it, print the memory as Markdown; 1 where it grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", type=Path)
    parser.add_argument("--clips", type=int, metavar="N", help="about so many names instead of all")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the data set here, keep it")
    arguments = parser.parse_args()
    work, started = Path(tempfile.mkdtemp(prefix="tau-dry-run-")), time.perf_counter()
    try:
        data = arguments.keep or work / "TAU"
        n_clips = write_layout(arguments.lists, data, arguments.clips)
        written_s = time.perf_counter() - started
        with Memory().sampled() as memory:
            dry_run(data, work, memory)
    finally:
        shutil.rmtree(work)
    seconds = time.perf_counter() - started
    print(
        "\n| phase | MiB, first half | MiB, second half | MiB, most |\n| --- | ---: | ---: | ---: |"
    )
    for phase, figures in memory.grown().items():
        print(f"| {phase} | " + " | ".join(f"{mib:.0f}" for mib in figures) + " |")
    print(
        f"\n{n_clips:,} clips of {CLIP_S} s, written in {written_s:.0f} s; {seconds:.0f} s in all."
    )
    print(f"{date.today()}; {os.cpu_count()} cores.")
    watched = ("epoch 2", "evaluation")
    grown = {p: f for p, f in memory.grown().items() if p in watched}
    return int(any(second > (1 + MAX_GROWTH) * first for first, second, _ in grown.values()))


if __name__ == "__main__":
    sys.exit(main())
