"""`teach` beside other ways to a classifier, on the same few clips.

    beside.py ESC50 MODELS RESULTS.json [--shots 3 12 32] [--draws 10] [--trained 3]

Four random classes of ESC-50 outside ESC-10, as few_shot.py draws them: so many clips a class from
folds 2 to 5 teach, fold 1's 32 clips of these classes test. Logistic regression on log-mel
statistics and on YAMNet's frozen embedding has its strength chosen with fold 5 as the test.
`teach` writes its file; `train` writes one by way of a run and of int8 ranges, in the first
`--trained` draws; files are asked alike. Seconds are those of the processor, features and file
among them. RESULTS.json gets every draw; beside_rows.py prints them. Needs recipes/ and
recipes/encoder/ on PYTHONPATH. MODELS: the folder with yamnet.tflite (table.py).
"""

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from beside_rows import WAYS
from embeddings import log_mel, yamnet
from few_shot import CHOICE_FOLD, TEST_FOLD, draw, own_classes
from table import CLIP_S, RATE_HZ, STRENGTHS, Draws, head_accuracy
from tables import made

import edge_asc as ea
from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.data.dataset import Clip
from edge_asc.files import write_json

PRESET = "encoder-base"
CHOICE_DRAWS = 20
TRAINED = ("scratch", "train")
SCRATCH = {"crop_s": 2, "train.epochs": 100}  # as the README trains

Found = dict[str, Any]


class Frozen:
    """Logistic regression on embeddings `[N, D]` that stand still."""

    def __init__(self, clips: Sequence[Clip], embeddings: np.ndarray) -> None:
        self.rows = {clip.path: row for row, clip in enumerate(clips)}
        self.labels = np.array([clip.label for clip in clips])
        self.embeddings = embeddings
        folds = np.array([int(clip.fold or 0) for clip in clips])
        teaches = (folds != TEST_FOLD) & (folds != CHOICE_FOLD)
        self.choice = Draws(embeddings, self.labels, teaches, folds == CHOICE_FOLD)
        self.strengths: dict[int, float] = {}

    def strength(self, shots: int) -> float:
        """Found once for each number of clips."""
        if shots not in self.strengths:
            share = [
                self.choice.accuracies(min(shots, 24), CHOICE_DRAWS, c, 4).mean() for c in STRENGTHS
            ]
            self.strengths[shots] = STRENGTHS[int(np.argmax(share))]
        return self.strengths[shots]

    def once(self, taught: Sequence[Clip], tests: Sequence[Clip], shots: int) -> Found:
        """Accuracy of one draw."""
        own, asked = ([self.rows[c.path] for c in clips] for clips in (taught, tests))
        strength = self.strength(shots)
        found = head_accuracy(
            self.embeddings, self.labels, np.array(own), np.array(asked), strength
        )
        return {"accuracy": found, "strength": strength}


def write_table(path: Path, clips: Sequence[Clip]) -> Path:
    """A table of clips, as `--data` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "fold"])
        writer.writerows([c.path.resolve(), c.label, c.recording, c.fold] for c in clips)
    return path


def by_file(way: str, taught: Sequence[Clip], tests: Sequence[Clip], number: int) -> Found:
    """Accuracy, seconds of the processor and bytes of a way that writes a file, for one draw."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ["EDGE_ASC_CACHE"] = str(work / "cache")
        own = write_table(work / "own.csv", taught)
        both = write_table(work / "both.csv", [*taught, *tests])

        def trained(config: Any, base: str | None) -> Path:
            options: Found = {"seed": number, "out": work, "name": "run", "progress": False}
            run = ea.train(config, both, TEST_FOLD, base=base, **options)
            return run.quantize(ptq=True, progress=False).export("int8").path

        ways: dict[str, Callable[[], Path]] = {
            "teach": lambda: ea.teach(own, work / "taught.tflite").path,
            "scratch": lambda: trained(ea.preset("nano", **SCRATCH), None),
            "train": lambda: trained(ea.preset(PRESET), "encoder"),
        }
        started = time.process_time()
        file = ways[way]()
        seconds = time.process_time() - started
        right = [ea.load(file)(clip.path).label == clip.label for clip in tests]
        return {"accuracy": float(np.mean(right)), "cpu_s": round(seconds, 1),
                "bytes": file.stat().st_size}  # fmt: skip


def main() -> None:
    """Measure what RESULTS.json lacks."""
    parser = argparse.ArgumentParser(description="teaching beside other ways")
    parser.add_argument("esc50", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", default=[3, 12, 32])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--trained", type=int, default=3, help="draws in which `train` trains")
    args = parser.parse_args()
    clips = own_classes(args.esc50)
    samples = CLIP_S * RATE_HZ
    sounds = np.stack([fit_length(load_audio(clip.path, RATE_HZ), samples) for clip in clips])
    frozen = {
        "log-mel": Frozen(clips, log_mel(sounds)),
        "yamnet": Frozen(clips, yamnet(sounds, args.models, 1024)),
    }
    found: Found = {"made": made(), "shots": {str(n): {w: [] for w in WAYS} for n in args.shots}}
    if args.results.is_file():
        found["shots"] |= json.loads(args.results.read_text())["shots"]
    for number, way, shots in (
        (n, w, s) for n in range(args.draws) for w in WAYS for s in args.shots
    ):
        draws = found["shots"][str(shots)][way]
        # All 32 clips of the folds teach: draws are of classes, not of clips.
        if len(draws) > number or (way in TRAINED and number >= args.trained):
            continue
        taught, labels = draw(clips, shots, number)
        tests = [c for c in clips if c.fold == TEST_FOLD and c.label in labels]
        if way in frozen:
            draws.append(frozen[way].once(taught, tests, shots))
        else:
            draws.append(by_file(way, taught, tests, number))
        write_json(args.results, found)


if __name__ == "__main__":
    main()
