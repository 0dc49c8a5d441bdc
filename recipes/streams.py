"""How often live listening is right on test clips that are played one after another.

    recipes/streams.py ESC10 ESC50 | python recipes/tables.py fill RESULTS.md streams

Each fold's int8 file hears the clips of its own test fold, glued to sounds of 2 to 60 s, with the
temperature and threshold of the model that ships in its size. The scene in the middle of a window
is what its decision should say. Sounds of ESC-50's other classes should get no name.
Letters: W windows of a stream, S scenes.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tables import made, made_line, markdown

import edge_asc as ea
from edge_asc.audio.decode import load_audio
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.demo.hearing.smoothing import FLOOR, Smoother, Smoothing
from edge_asc.runtime.answers.answer import Prediction
from edge_asc.runtime.answers.stream import FeatureWindows
from edge_asc.runtime.classifier import Classifier, softmax

ARTIFACTS = Path(__file__).parent / "artifacts" / "esc10"
SIZES = {  # what ships: its folds' files
    "esc10-encoder": ARTIFACTS / "encoder",
    "esc10-128k": ARTIFACTS,
    "esc10-32k": ARTIFACTS / "32k",
}
FOLDS = range(1, 6)
HOP_S = 1.0
LENGTHS_S = (2, 5, 10, 20, 60)  # of known sounds
STREAM_S = 400  # at least, of each length and fold
STRANGE_LENGTHS_S = (10, 60)
STRANGE = "strange"


class OnMeans(Smoother):
    """Compares the mean with the floor, and has no margin there."""

    def _is_named(self, scene: int, confidence: float, mean: float) -> bool:
        return mean >= self.rule.floor


@dataclass(frozen=True)
class Heard:
    """What a network made of a stream."""

    probabilities: np.ndarray  # [W, S]
    truth: tuple[str, ...]  # of each window


def rules(threshold: float) -> dict[str, Smoother]:
    """The rules that are compared."""
    return {
        "mean of 3 s against the threshold": OnMeans(Smoothing(3.0, floor=threshold), HOP_S),
        f"mean of 3 s against {FLOOR}": OnMeans(Smoothing(3.0, floor=FLOOR), HOP_S),
        "window against the threshold, smoothing of 3 s": Smoother(
            Smoothing(3.0, floor=threshold), HOP_S
        ),
        "window against the threshold, as by default": Smoother(Smoothing(floor=threshold), HOP_S),
    }


def sounds(
    dataset: SceneDataset, fold: int, rate_hz: int, but: Sequence[str]
) -> dict[str, list[np.ndarray]]:
    """Samples of a fold's test clips by label, without some labels."""
    found = defaultdict(list)
    for clip in dataset.split(fold)[1]:
        if clip.label not in but:
            found[clip.label].append(load_audio(clip.path, rate_hz))
    return dict(found)


def loudest(samples: np.ndarray, n: int) -> np.ndarray:
    """The n samples of most energy."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    begin = int((energy[n:] - energy[:-n]).argmax())
    return samples[begin : begin + n]


def one_sound(clips: list[np.ndarray], n: int, rng: np.random.Generator) -> np.ndarray:
    """So many samples of one scene: clips in random order, or the loudest part of one."""
    order = rng.permutation(len(clips))
    if n < len(clips[order[0]]):
        return loudest(clips[order[0]], n)
    glued = np.concatenate([clips[i] for i in order])
    return np.tile(glued, -(-n // len(glued)))[:n]


def stream(
    by_label: dict[str, list[np.ndarray]], n: int, n_sounds: int, rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Sounds of n samples, all scenes in turn, never one twice in a row."""
    order: list[str] = []
    while len(order) < n_sounds:
        turn = [str(label) for label in rng.permutation(sorted(by_label))]
        if not order or turn[0] != order[-1]:
            order += turn
    for label in order[:n_sounds]:
        yield label, one_sound(by_label[label], n, rng)


def hear(
    classifier: Classifier, temperature: float, parts: Iterator[tuple[str, np.ndarray]]
) -> Heard:
    """The probabilities of each window of sounds one after another."""
    windows = FeatureWindows(classifier, HOP_S)
    found, ends_s, labels, at_s = [], [], [], []
    seconds = 0.0
    for label, samples in parts:
        seconds += len(samples) / classifier.frontend.sample_rate_hz
        ends_s.append(seconds)
        labels.append(label)
        for start_s, features in windows.feed(samples):
            told = softmax(classifier.logits(features)[0], temperature)
            found.append(told[: len(classifier.labels)])  # what other sounds have is nobody's
            at_s.append(start_s + classifier.window_s / 2)
    truth = (labels[int(np.searchsorted(ends_s, middle_s))] for middle_s in at_s)
    return Heard(np.stack(found), tuple(truth))


def verdicts(heard: Heard, smoother: Smoother, labels: Sequence[str]) -> Counter[str]:
    """How many decisions are right, unsure and wrong, and how often what is shown changes."""
    counts, before = Counter[str](), -1
    for scene, truth in zip(heard.probabilities, heard.truth, strict=True):
        shown = smoother.update(Prediction(scene)).shown
        right = shown is not None and labels[shown] == truth
        counts["unsure" if shown is None else "right" if right else "wrong"] += 1
        counts["changes"] += before not in (-1, shown)
        before = shown
    return counts


def measured(esc10: SceneDataset, esc50: SceneDataset, ships: str) -> dict[str, dict[str, Counter]]:
    """Counts of all folds, by length and rule."""
    shipped = ea.load(ships)
    assert shipped.threshold is not None  # what ships is calibrated; mypy cannot know
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    rng = np.random.default_rng(0)
    for fold in FOLDS:
        classifier = Classifier.load(SIZES[ships] / f"fold{fold}-int8.tflite")
        rate_hz = classifier.frontend.sample_rate_hz
        known = sounds(esc10, fold, rate_hz, ())
        strange = sounds(esc50, fold, rate_hz, esc10.labels)
        streams = [(f"{s} s", known, s) for s in LENGTHS_S]
        streams += [(f"{STRANGE}, {s} s", strange, s) for s in STRANGE_LENGTHS_S]
        for name, by_label, length_s in streams:
            n_sounds = max(len(esc10.labels), STREAM_S // length_s)
            parts = stream(by_label, length_s * rate_hz, n_sounds, rng)
            heard = hear(classifier, shipped.temperatures[0], parts)
            for rule, smoother in rules(shipped.threshold).items():
                counts[name][rule] += verdicts(heard, smoother, classifier.labels)
    return counts


def main(esc10: Path, esc50: Path) -> None:
    """Print a table for each size."""
    data = open_dataset(esc10), open_dataset(esc50)
    for ships in SIZES:
        rows = []
        for length, by_rule in measured(*data, ships).items():
            for rule, counts in by_rule.items():
                n = counts["right"] + counts["unsure"] + counts["wrong"]
                shares = (f"{100 * counts[what] / n:.0f}" for what in ("right", "unsure", "wrong"))
                changes = f"{60 * counts['changes'] / n / HOP_S:.1f}"
                rows.append([length, rule, *shares, changes, f"{n:,}"])
        columns = ["sounds of", "rule", "right, %", "unsure, %", "wrong, %", "changes a minute"]
        print(f"`{ships}`\n")
        print(markdown([*columns, "decisions"], rows), end="\n\n")
    print("A name given to a strange sound is wrong.", made_line(made()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
