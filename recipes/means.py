"""What `recipes/means.sh` needs beside the command: clips without a fold, teachers' answers, its table.

means.py inner DATA FOLDER             ESC-10 without fold 1, its audio by a link
means.py yamnet FILE DATA FOLD FOLDER  answers of a linear layer on YAMNet's embeddings: foldN.npz
means.py logits TABLE FILE             a table of `predict` as answers that `train` takes
means.py table FOLDER                  the rows as Markdown
"""

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import made, made_line, markdown

from edge_asc.files import atomic_write

OUTER = "1"  # the fold that no row hears
EMBEDDING = 115  # tensor of yamnet.tflite, which is no output of it
WINDOW = 15_600  # samples at 16 kHz
LEAST = 1e-6  # of a probability, whose table is rounded
WORDS = {  # of rows, in the order of the table
    "base": "nothing: the preset's recipe",
    "salient": "maximum over means of short windows as pool",
    "branches": "kernels as sums of several",
    "cut-mix": "every second batch with stretches of other clips",
    "binary": "yes-or-no loss",
    "mixed": "every batch mixed, yes-or-no loss",
    "long": "four times the epochs",
    "mixed-long": "every batch mixed, four times the epochs",
    "tuned": "mean of three fine-tunings",
    "front-end": "answers of a network with another front end",
    "two": "two seeds, their mean",
    "yamnet": "outside knowledge: answers from YAMNet's embedding",
}


def inner(data: str, folder: str) -> None:
    """Write the table of the clips that are not of the outer fold."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "audio").symlink_to((Path(data) / "audio").resolve())
    with (Path(data) / "meta.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    fold = head.index("fold")
    with atomic_write(out / "meta.csv") as path, path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *(row for row in rows if row[fold] != OUTER)])


def yamnet(file: str, data: str, fold: str, folder: str) -> None:
    """Fit a linear layer on the embeddings of the training clips; answer for all clips."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with (Path(data) / "meta.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    x = _embeddings(Path(file), [Path(data) / "audio" / row["filename"] for row in rows])
    labels = np.array([row["category"] for row in rows])
    training = np.array([row["fold"] != fold for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=1000))
    model.fit(x[training], labels[training])
    right = (model.predict(x[~training]) == labels[~training]).mean()
    print(f"fold {fold}: {100 * right:.2f} % of its clips")
    names = [row["filename"] for row in rows]
    _save(Path(folder) / f"fold{fold}.npz", names, model.classes_, model.decision_function(x))


def _embeddings(file: Path, clips: Sequence[Path]) -> np.ndarray:
    """Mean and maximum over the windows of each clip, `[N, 2048]`."""
    from ai_edge_litert.interpreter import Interpreter

    from edge_asc.audio.decode import load_audio

    network = Interpreter(str(file), experimental_preserve_all_tensors=True)
    network.allocate_tensors()
    tensor = network.get_input_details()[0]["index"]

    def embedded(samples: np.ndarray) -> np.ndarray:
        network.set_tensor(tensor, samples)
        network.invoke()
        return network.get_tensor(EMBEDDING).ravel().astype(np.float32)

    found = []
    for clip in clips:
        audio = np.asarray(load_audio(clip, 16_000), np.float32)
        whole = np.resize(audio, max(len(audio), WINDOW))
        starts = range(0, len(whole) - WINDOW + 1, WINDOW)
        windows = np.stack([embedded(whole[start : start + WINDOW]) for start in starts])
        found.append(np.concatenate([windows.mean(0), windows.max(0)]))
    return np.stack(found)


def logits(table: str, file: str) -> None:
    """The logarithms of a table's probabilities."""
    with Path(table).open(newline="") as rows:
        found = list(csv.DictReader(rows, delimiter="\t"))
    scenes = [key for key in found[0] if key not in ("filename", "scene_label")]
    p = np.array([[float(row[scene]) for scene in scenes] for row in found])
    _save(Path(file), [row["filename"] for row in found], scenes, np.log(np.maximum(p, LEAST)))


def _save(file: Path, names: Sequence[str], labels: Sequence[str], found: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as path, path.open("wb") as out:
        np.savez(out, names=np.array(names), labels=np.array(labels), logits=found)


def table(folder: str) -> None:
    """Print accuracy and log loss of each row, and how far that is from `base`."""
    work = Path(folder)
    rows = [row for row in WORDS if any((work / row).glob("fold*-seed*/metrics.json"))]
    accuracy, loss = (_compared(work, rows, metric) for metric in ("accuracy", "log-loss"))
    lines = []
    for row in rows:
        percent, nats = accuracy["networks"][row], loss["networks"][row]
        lines.append([WORDS[row], *percent, *nats])
    print(markdown(["what is added", "%", "against nothing", "log loss", "against nothing"], lines))
    print(made_line(made()))


def _compared(work: Path, rows: Sequence[str], metric: str) -> dict[str, Any]:
    named = [f"{row}={work}/{row}/fold*-seed*" for row in rows]
    command = ["edge-asc", "compare", *named, "--metric", metric, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    commands = {"inner": inner, "yamnet": yamnet, "logits": logits, "table": table}
    commands[sys.argv[1]](*sys.argv[2:])
