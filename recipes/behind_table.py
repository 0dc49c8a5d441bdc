"""What `recipes/behind.sh` needs beside the command: strange sounds, figures of a run, its table.

- `behind_table.py others ESC-50 FOLDER`: clips of fold 1 whose classes ESC-10 has not, by links
- `behind_table.py keep RUN FILE`: what the network was sure of, and its accuracy by microphone
- `behind_table.py table FOLDER`: the rows as Markdown
"""

import csv
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from ablation_table import FAMILIES
from calibration_tables import predictions
from means import WORDS
from tables import made, made_line, markdown

from edge_asc.evaluation.confidence import choose_threshold, fit_temperature, mean_probabilities
from edge_asc.evaluation.metrics import SMALLEST_PROBABILITY, accuracy, log_loss
from edge_asc.files import write_json
from edge_asc.runtime.classifier import softmax

FOLD = "1"  # of ESC-50
TARGET = 0.98  # of the clips above the threshold so many are right
NAMED = 0.9  # the same for every row: so many of the clips above a threshold
LEAST_REST = 1e-3  # of some clip, where a network has an output for other sounds; else rounding


def others(data: str, folder: str) -> None:
    """Link the clips of one fold that are of other classes than ESC-10's."""
    out = Path(folder)
    out.mkdir(parents=True)
    with (Path(data) / "meta.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["fold"] == FOLD and row["esc10"] == "False":
                clip = Path(data).resolve() / "audio" / row["filename"]
                (out / clip.name).symlink_to(clip)


def keep(run: str, file: str) -> None:
    """Write a network's figures beside what it answered."""
    simulated = json.loads((Path(run) / "microphones" / "metrics.json").read_text())["simulated"]
    families = defaultdict(list)
    for microphone in simulated["per_microphone"].values():
        families[microphone["family"]].append(microphone["accuracy"])
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    sounds = {name: _logits(Path(run) / f"{name}.npz") for name in ("quiet", "other")}
    write_json(
        Path(file),
        {
            "clean": simulated["clean"],
            "families": {name: statistics.mean(found) for name, found in families.items()},
            **{name: np.round(logits, 2).tolist() for name, logits in sounds.items()},
        },
    )


def _logits(path: Path) -> np.ndarray:
    with np.load(path) as held:
        return _with_rest(np.exp(held["logits"]))


def _with_rest(p: np.ndarray) -> np.ndarray:
    """Logits `[N, S]` of probabilities, with those of what falls short of 1 behind them."""
    rest = 1 - p.sum(1, keepdims=True)
    both = np.hstack([p, rest]) if rest.max() > LEAST_REST else p
    return np.log(np.maximum(both, SMALLEST_PROBABILITY))


def table(folder: str) -> None:
    """Print a line for each row: of the clips, and of what should get no name."""
    lines = []
    for row, words in WORDS.items():
        files = sorted(Path(folder).glob(f"{row}/*.json"))
        if files:
            lines.append([words, str(len(files)), *_figures(files)])
    heads = ["added", "networks", "right, %", "log loss", "lost on unseen microphones", *FAMILIES]
    heads += [f"{what} above the threshold" for what in ("clips", "quiet rooms", "strange sounds")]
    heads += [f"strange sounds, {100 * NAMED:.0f} % of the clips above"]
    print(markdown(heads, lines))
    print(made_line(made()))


def _figures(files: list[Path]) -> list[str]:
    """Of the networks together: one temperature, one threshold."""
    both = [predictions(file.with_suffix(".csv")) for file in files]
    p, truth = (np.concatenate(parts) for parts in zip(*both, strict=True))
    told = [json.loads(file.read_text()) for file in files]
    n_scenes = p.shape[1]
    logits = _with_rest(p)[:, None]  # [N, 1, S]
    temperature = fit_temperature(logits, truth)
    p = mean_probabilities(logits, temperature)[:, :n_scenes]
    threshold = choose_threshold(p, truth, TARGET)
    assert threshold is not None  # some confidence is right often enough
    quiet, other = (
        softmax(np.concatenate([t[name] for t in told]), temperature)[:, :n_scenes].max(1)
        for name in ("quiet", "other")
    )
    clean = statistics.mean(t["clean"] for t in told)
    lost = [clean - statistics.mean(t["families"][name] for t in told) for name in FAMILIES]
    above = [(x >= threshold).mean() for x in (p.max(1), quiet, other)]
    above.append((other >= np.quantile(p.max(1), 1 - NAMED)).mean())
    return [
        f"{100 * accuracy(p, truth):.2f}",
        f"{log_loss(p, truth):.3f}",
        *(f"{100 * part:.1f}" for part in (statistics.mean(lost), *lost, *above)),
    ]


if __name__ == "__main__":
    commands = {command.__name__: command for command in (others, keep, table)}
    commands[sys.argv[1]](*sys.argv[2:])
