"""What teaching is worth: four random classes of ESC-50, a few clips each, and strange sounds.

    few_shot.py ESC50 RESULTS.json [--draws 10] [--shots 3 12] [--encoder FILE|NAME] [--choice]

The 40 classes that ESC-10 does not have. Clips to teach with come from folds 2 to 5; the test is
fold 1: the four classes' 32 clips, and the other classes' 288 as strange sounds. With --choice fold
5 is the test, and fold 1 is not looked at: by these figures things are chosen. Everything goes as
in `edge-asc teach`; the head is the integer one that would stand in the file. RESULTS.json gets the
figures of every draw, of which rows.py makes a table. Needs recipes/ on PYTHONPATH.
"""

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from rows import table
from tables import made

from edge_asc.audio.decode import load_audio
from edge_asc.audio.microphones.choice import first_microphones
from edge_asc.audio.microphones.families import Noise
from edge_asc.audio.microphones.filters import noise_of
from edge_asc.data.dataset import Clip
from edge_asc.data.layouts.table import read_table
from edge_asc.data.open import open_dataset
from edge_asc.files import write_json
from edge_asc.runtime.classifier import softmax
from edge_asc.teaching.encoder import Encoder, find_encoder
from edge_asc.teaching.examples import Examples, gather
from edge_asc.teaching.figures import figures
from edge_asc.teaching.judge import Choice, choose
from edge_asc.teaching.listen import Heard, listen
from edge_asc.teaching.strange import Strange, quiet_rooms, read_bank
from edge_asc.teaching.views import DEFAULT_VIEWS
from edge_asc.teaching.write import IntegerHead

CLASSES = 4
TEST_FOLD, CHOICE_FOLD = 1, 5
UNSEEN = first_microphones("unseen", 16)  # of other kinds than those that `teach` hears through
# Rooms in which nothing happens that the head was not taught with: decibels of full scale, slope
# in decibels an octave, hum in Hz.
QUIET = [Noise(level, slope, hum) for level in (-87.0, -75.0, -63.0) for slope in (-1.5, -4.5)
         for hum in (0.0, 60.0)]  # fmt: skip


@dataclass
class Ears:
    """Clips heard once, however many draws they are in."""

    encoder: Encoder
    views: int
    known: dict[Path, Heard] = field(default_factory=dict)
    unseen: dict[Path, np.ndarray] = field(default_factory=dict)

    def hear(self, clips: Sequence[Clip], views: bool) -> list[Heard]:
        """Embeddings of clips in their order; views only of those that teach."""
        new = [clip for clip in clips if clip.path not in self.known]
        heard, unusable = listen(self.encoder, new, self.views if views else 0, lambda *_: None)
        if unusable:
            raise ValueError(f"{unusable[0].path}: {unusable[0].reason}")
        self.known |= {one.clip.path: one for one in heard}
        return [self.known[clip.path] for clip in clips]

    def elsewhere(self, path: Path) -> np.ndarray:
        """Embeddings of a clip through a microphone of another kind, which its name chooses."""
        if path not in self.unseen:
            rate_hz = self.encoder.frontend.sample_rate_hz
            microphone = UNSEEN[zlib.crc32(path.name.encode()) % len(UNSEEN)]
            sound = microphone.hear(load_audio(path, rate_hz), rate_hz, path.name)
            self.unseen[path] = self.encoder.embeddings(sound)
        return self.unseen[path]

    @cached_property
    def taught_rooms(self) -> np.ndarray:
        """Embeddings `[N, D]` of the quiet rooms that every head is taught with."""
        return quiet_rooms(self.encoder)

    @cached_property
    def other_rooms(self) -> np.ndarray:
        """Embeddings `[N, D]` of the rooms of `QUIET`."""
        rate_hz = self.encoder.frontend.sample_rate_hz
        n_samples = round(self.encoder.window_s * rate_hz)
        sounds = [noise_of(room, n_samples, rate_hz, f"room {i}") for i, room in enumerate(QUIET)]
        return np.concatenate([self.encoder.embeddings(s.astype(np.float32)) for s in sounds])


@dataclass(frozen=True)
class Taught:
    """A head as it would stand in a file."""

    examples: Examples
    choice: Choice
    head: IntegerHead

    @classmethod
    def of(cls, ears: Ears, known: list[Heard], labels: tuple[str, ...], bank: Strange) -> "Taught":
        """Teach clips of four classes."""
        examples = gather(labels, known, [], bank, ears.taught_rooms)
        choice = choose(examples, known, [], bank)
        grid = ears.encoder.graph.grids[ears.encoder.value]
        return cls(examples, choice, IntegerHead.of(choice.head, examples.embeddings, grid, "e"))

    def probabilities(self, embeddings: Sequence[np.ndarray]) -> np.ndarray:
        """Of the classes, of clips whose windows' embeddings are given, `[N, 4]`."""
        each = [softmax(self.head(e), self.choice.temperature).mean(0) for e in embeddings]
        return np.stack(each)[:, :CLASSES]

    def named(self, probabilities: np.ndarray) -> float:
        """Share of clips that get a name."""
        return float((probabilities.max(1) >= self.choice.threshold).mean())


def own_classes(esc50: Path) -> list[Clip]:
    """Clips of the classes outside ESC-10; a clip's recording is its Freesound number."""
    rows = read_table(esc50 / "meta.csv", ("filename", "esc10"))
    outside = {row["filename"] for row in rows if row["esc10"] == "False"}
    return [clip for clip in open_dataset(esc50).clips if clip.path.name in outside]


def draw(
    clips: Sequence[Clip], shots: int, number: int, test_fold: int = TEST_FOLD
) -> tuple[list[Clip], tuple[str, ...]]:
    """The clips of one draw that teach, and its classes."""
    rng = np.random.default_rng((number, shots))
    labels = sorted({clip.label for clip in clips})
    chosen = sorted(rng.choice(labels, CLASSES, replace=False))
    taught: list[Clip] = []
    for label in chosen:
        found = [c for c in clips if c.label == label and c.fold not in (TEST_FOLD, test_fold)]
        taught += [found[i] for i in rng.permutation(len(found))[:shots]]
    return sorted(taught, key=lambda c: (c.label, c.recording, c.path.name)), tuple(chosen)


def with_recordings(known: list[Heard], labels: Sequence[str]) -> list[Heard]:
    """The clips; where a class has one recording alone, each clip as one of its own."""
    counts = [len({h.clip.recording for h in known if h.clip.label == label}) for label in labels]
    if min(counts) >= 2:
        return known
    return [replace(h, clip=replace(h.clip, group=h.clip.path.name)) for h in known]


def once(
    ears: Ears, clips: Sequence[Clip], shots: int, number: int, bank: Strange, test_fold: int
) -> dict[str, float]:
    """Figures of one draw, shares."""
    chosen, labels = draw(clips, shots, number, test_fold)
    known = with_recordings(ears.hear(chosen, views=True), labels)
    taught = Taught.of(ears, known, labels, bank)
    plain = Taught.of(ears, [replace(h, views=()) for h in known], labels, bank)
    tests = ears.hear([c for c in clips if c.fold == test_fold], views=False)
    mine = [h for h in tests if h.clip.label in labels]
    truth = np.array([labels.index(h.clip.label) for h in mine])
    elsewhere = [ears.elsewhere(h.clip.path) for h in mine]
    p = taught.probabilities([h.plain for h in mine])
    strange = taught.probabilities([h.plain for h in tests if h.clip.label not in labels])
    rooms = np.concatenate([ears.taught_rooms, ears.other_rooms])
    at_90 = np.quantile(p.max(1), 0.1)

    def right(head: Taught, embeddings: Sequence[np.ndarray]) -> float:
        return float((head.probabilities(embeddings).argmax(1) == truth).mean())

    return {
        "accuracy": float((p.argmax(1) == truth).mean()),
        "left_out_accuracy": figures(taught.choice, known, labels)["accuracy"],
        "unseen_accuracy": right(taught, elsewhere),
        "plain_accuracy": right(plain, [h.plain for h in mine]),
        "plain_unseen_accuracy": right(plain, elsewhere),
        "kept": taught.named(p),
        "named": taught.named(strange),
        "named_at_90": float((strange.max(1) >= at_90).mean()),
        "quiet_named": taught.named(taught.probabilities([room[None] for room in rooms])),
    }


def main() -> None:
    """Write the figures of every draw, print the table."""
    parser = argparse.ArgumentParser(description="few-shot figures of teaching")
    parser.add_argument("esc50", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--draws", type=int, default=10, choices=(10, 50))
    parser.add_argument("--shots", type=int, nargs="+", default=[3, 12])
    parser.add_argument("--encoder")
    parser.add_argument("--views", type=int, default=DEFAULT_VIEWS)
    parser.add_argument("--choice", action="store_true", help="test on fold 5, leave fold 1 alone")
    args = parser.parse_args()
    encoder = find_encoder(args.encoder)
    ears, clips = Ears(encoder, args.views), own_classes(args.esc50)
    bank, test_fold = read_bank(encoder), CHOICE_FOLD if args.choice else TEST_FOLD
    shots = {
        str(n): [once(ears, clips, n, number, bank, test_fold) for number in range(args.draws)]
        for n in args.shots
    }
    measured = {"made": made(), "shots": shots}
    write_json(args.results, measured)
    print(table(measured))


if __name__ == "__main__":
    main()
