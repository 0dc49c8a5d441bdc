"""Few-shot table: how well an embedding tells apart sounds that nobody taught it.

The 40 classes of ESC-50 that ESC-10 does not have. k clips a class come from folds 2 to 5, the test
clips are fold 1's 320; ten draws for each k. Then four random classes of the 40, in 50 draws. The
head is a logistic regression on standardised embeddings. Its strength is chosen inside folds 2 to
5, with fold 5 as the test; the same figures, by which networks are compared, are the "choice" rows.

    table.py DATA MODELS [EMBEDDING...]
        EMBEDDING: log-mel, yamnet-256, yamnet-1024, a .tflite file, or a checkpoint of train.py

Needs recipes/ on PYTHONPATH, as train.py does, which looks at this table.
Letters: N clips, D numbers of an embedding.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tables import t_95

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.data.layouts.table import read_table

RATE_HZ = 16000
CLIP_S = 5
SHOTS, DRAWS = (4, 8, 16, 32), 10
FEW_CLASSES, FEW_SHOTS, FEW_DRAWS = 4, (3, 12), 50
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # scikit-learn's C
CHOICE_DRAWS, FEW_CHOICE_DRAWS = 4, 30
LEAST_SPREAD = 0.2  # of the mean deviation: what hardly moves in a dozen clips must not shout
TEST_FOLD, CHOICE_FOLD = 1, 5


@dataclass(frozen=True)
class Clips:
    """The 40 classes: sounds `[N, samples]` at 16 kHz, class 0 to 39 and fold of each clip."""

    sounds: np.ndarray
    labels: np.ndarray
    folds: np.ndarray

    @classmethod
    def read(cls, esc50: Path) -> "Clips":
        """Decode ESC-50's clips outside ESC-10."""
        rows = read_table(esc50 / "meta.csv", ("filename", "fold", "category", "esc10"))
        kept = [row for row in rows if row["esc10"] == "False"]
        classes = sorted({row["category"] for row in kept})
        samples = RATE_HZ * CLIP_S
        paths = [esc50 / "audio" / row["filename"] for row in kept]
        return cls(
            np.stack([fit_length(load_audio(path, RATE_HZ), samples) for path in paths]),
            np.array([classes.index(row["category"]) for row in kept]),
            np.array([int(row["fold"]) for row in kept]),
        )


@dataclass(frozen=True)
class Draws:
    """Embeddings `[N, D]` with their classes, and who may teach and who tests."""

    embeddings: np.ndarray
    labels: np.ndarray
    teach: np.ndarray  # bool [N]
    test: np.ndarray

    def accuracies(
        self, shots: int, draws: int, strength: float, classes: int | None = None
    ) -> np.ndarray:
        """Accuracy of each draw, in %; with `classes`, among so many random ones."""
        return np.array([self.once(shots, i, strength, classes) for i in range(draws)])

    def once(self, shots: int, draw: int, strength: float, classes: int | None) -> float:
        """Accuracy of one draw, which is the same for every embedding."""
        rng = np.random.default_rng((draw, shots, classes or 0))
        names = np.unique(self.labels)
        if classes:
            names = rng.choice(names, classes, replace=False)
        found = [rng.permutation(np.flatnonzero(self.teach & (self.labels == c))) for c in names]
        taught = np.concatenate([clips[:shots] for clips in found])
        tests = np.flatnonzero(self.test & np.isin(self.labels, names))
        return 100 * head_accuracy(self.embeddings, self.labels, taught, tests, strength)


def head_accuracy(
    embeddings: np.ndarray, labels: np.ndarray, taught: np.ndarray, tests: np.ndarray, c: float
) -> float:
    """Share of the tests that a logistic regression on the taught clips names rightly."""
    mean, std = embeddings[taught].mean(0), embeddings[taught].std(0)
    scaled = (embeddings - mean) / np.maximum(std, LEAST_SPREAD * std.mean() + 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        head = LogisticRegression(C=c, max_iter=200, tol=1e-3).fit(scaled[taught], labels[taught])
    return float((head.predict(scaled[tests]) == labels[tests]).mean())


def few_shot(
    embeddings: np.ndarray, clips: Clips, shots: Sequence[int] = SHOTS, quick: bool = False
) -> dict[str, dict[str, float]]:
    """The table's columns: mean, half width of the 95 % interval, strength, choice's figure.

    Args:
        embeddings: `[N, D]`.
        clips: whose they are.
        shots: columns of the 40 classes.
        quick: only the figures for choices, without a look at the test clips.
    """
    choice = Draws(
        embeddings,
        clips.labels,
        (clips.folds != TEST_FOLD) & (clips.folds != CHOICE_FOLD),
        clips.folds == CHOICE_FOLD,
    )
    final = Draws(embeddings, clips.labels, clips.folds != TEST_FOLD, clips.folds == TEST_FOLD)
    table = {}
    columns = [(str(k), k, None, CHOICE_DRAWS, DRAWS) for k in shots] + [
        (f"4-way, {k}", k, FEW_CLASSES, FEW_CHOICE_DRAWS, FEW_DRAWS) for k in FEW_SHOTS
    ]
    for name, k, classes, tries, draws in columns:
        if quick and classes:
            continue
        found = {
            c: float(choice.accuracies(min(k, 24), tries, c, classes).mean()) for c in STRENGTHS
        }
        best = max(found, key=lambda c: found[c])
        table[name] = {"strength": best, "choice": round(found[best], 2)}
        if not quick:
            results = final.accuracies(k, draws, best, classes)
            half = t_95(draws) * results.std(ddof=1) / draws**0.5
            table[name] |= {"mean": round(float(results.mean()), 2), "half": round(float(half), 2)}
    return table


def embeddings_of(name: str, clips: Clips, models: Path) -> np.ndarray:
    """Embeddings [N, D] by a name of the command line."""
    import embeddings  # torch and the networks, which the head does not need

    makers: dict[str, Callable[[], np.ndarray]] = {
        "log-mel": lambda: embeddings.log_mel(clips.sounds),
        "yamnet-256": lambda: embeddings.yamnet(clips.sounds, models, 256),
        "yamnet-1024": lambda: embeddings.yamnet(clips.sounds, models, 1024),
    }
    if name in makers:
        return makers[name]()
    if name.endswith(".tflite"):
        return embeddings.of_file(clips.sounds, Path(name))
    return embeddings.of_checkpoint(clips.sounds, Path(name))


def line(name: str, table: dict[str, dict[str, float]], key: str = "mean") -> str:
    """One row as Markdown."""
    cells = [
        f"{column[key]:.1f}" + (f" ± {column['half']:.1f}" if key == "mean" else "")
        for column in table.values()
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the rows asked for."""
    parser = argparse.ArgumentParser(description="few-shot table of embeddings")
    parser.add_argument("data", type=Path, help="folder with esc50/")
    parser.add_argument("models", type=Path, help="folder with the teachers' files")
    parser.add_argument("embeddings", nargs="*")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    parser.add_argument("--unit", action="store_true", help="scale embeddings to length 1 first")
    args = parser.parse_args()
    clips = Clips.read(args.data / "esc50")
    for name in args.embeddings or ["log-mel", "yamnet-256", "yamnet-1024"]:
        found = embeddings_of(name, clips, args.models)
        if args.unit:
            found = found / np.linalg.norm(found, axis=1, keepdims=True)
        table = few_shot(found, clips)
        row = Path(name).name + (", length 1" if args.unit else "")
        print(line(row, table), flush=True)
        print(line(f"{row}, choice", table, "choice"), file=sys.stderr, flush=True)
        if args.json:
            known = json.loads(args.json.read_text()) if args.json.is_file() else {}
            args.json.write_text(json.dumps(known | {row: table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
