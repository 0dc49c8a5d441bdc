"""What teaching is worth: four random classes of ESC-50, a few clips each, and strange sounds.

    few_shot.py ESC50 RESULTS.json [--draws 10] [--shots 3 12] [--encoder FILE|NAME]

The 40 classes that ESC-10 does not have. Clips to teach with come from folds 2 to 5; the test is
fold 1: the four classes' 32 clips, and the other classes' 288 as strange sounds. Everything goes as
in `edge-asc teach`; the head is the integer one that would stand in the file. RESULTS.json gets the
figures of every draw, of which rows.py makes a table. Needs recipes/ on PYTHONPATH.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rows import table
from tables import made

from edge_asc.data.dataset import Clip
from edge_asc.data.open import open_dataset
from edge_asc.data.table import read_table
from edge_asc.files import write_json
from edge_asc.runtime.classifier import softmax
from edge_asc.teaching.encoder import Encoder, find_encoder
from edge_asc.teaching.examples import gather
from edge_asc.teaching.figures import figures
from edge_asc.teaching.judge import choose
from edge_asc.teaching.listen import Heard, listen
from edge_asc.teaching.strange import quiet_rooms, read_bank
from edge_asc.teaching.views import DEFAULT_VIEWS
from edge_asc.teaching.write import IntegerHead

CLASSES, TEST_FOLD = 4, 1


@dataclass
class Ears:
    """Clips heard once, however many draws they are in."""

    encoder: Encoder
    views: int
    known: dict[Path, Heard]

    def hear(self, clips: Sequence[Clip], views: bool) -> list[Heard]:
        """Embeddings of clips in their order; views only of those that teach."""
        new = [clip for clip in clips if clip.path not in self.known]
        heard, unusable = listen(self.encoder, new, self.views if views else 0, lambda *_: None)
        if unusable:
            raise ValueError(f"{unusable[0].path}: {unusable[0].reason}")
        self.known |= {one.clip.path: one for one in heard}
        return [self.known[clip.path] for clip in clips]


def own_classes(esc50: Path) -> list[Clip]:
    """Clips of the classes outside ESC-10; a clip's recording is its Freesound number."""
    rows = read_table(esc50 / "meta.csv", ("filename", "esc10"))
    outside = {row["filename"] for row in rows if row["esc10"] == "False"}
    return [clip for clip in open_dataset(esc50).clips if clip.path.name in outside]


def draw(clips: Sequence[Clip], shots: int, number: int) -> tuple[list[Clip], tuple[str, ...]]:
    """The clips of one draw that teach, and its classes."""
    rng = np.random.default_rng((number, shots))
    labels = sorted({clip.label for clip in clips})
    chosen = sorted(rng.choice(labels, CLASSES, replace=False))
    taught: list[Clip] = []
    for label in chosen:
        found = [c for c in clips if c.label == label and c.fold != TEST_FOLD]
        taught += [found[i] for i in rng.permutation(len(found))[:shots]]
    return sorted(taught, key=lambda c: (c.label, c.recording, c.path.name)), tuple(chosen)


def once(ears: Ears, clips: Sequence[Clip], shots: int, number: int, bank, quiet) -> dict:
    """Figures of one draw, shares."""
    taught, labels = draw(clips, shots, number)
    known = ears.hear(taught, views=True)
    if min(len({h.clip.recording for h in known if h.clip.label == label}) for label in labels) < 2:
        known = [replace(h, clip=replace(h.clip, group=h.clip.path.name)) for h in known]
    examples = gather(labels, known, [], bank, quiet)
    choice = choose(examples, known, [], bank)
    source = ears.encoder.graph.grids[ears.encoder.value]
    head = IntegerHead.of(examples.head(choice.strength), examples.embeddings, source, "e")

    def probabilities(embeddings: Sequence[np.ndarray]) -> np.ndarray:
        each = [softmax(head(e), choice.temperature).mean(0) for e in embeddings]
        return np.stack(each)[:, :CLASSES]

    tests = ears.hear([c for c in clips if c.fold == TEST_FOLD], views=False)
    mine = [h for h in tests if h.clip.label in labels]
    p = probabilities([h.plain for h in mine])
    strange = probabilities([h.plain for h in tests if h.clip.label not in labels]).max(1)
    truth = np.array([labels.index(h.clip.label) for h in mine])
    at_90 = np.quantile(p.max(1), 0.1)
    silent = probabilities([row[None] for row in quiet]).max(1)
    return {
        "accuracy": float((p.argmax(1) == truth).mean()),
        "left_out_accuracy": figures(choice, known, labels)["accuracy"],
        "kept": float((p.max(1) >= choice.threshold).mean()),
        "named": float((strange >= choice.threshold).mean()),
        "named_at_90": float((strange >= at_90).mean()),
        "quiet_named": float((silent >= choice.threshold).mean()),
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
    args = parser.parse_args()
    encoder = find_encoder(args.encoder)
    ears, clips = Ears(encoder, args.views, {}), own_classes(args.esc50)
    bank, quiet = read_bank(encoder), quiet_rooms(encoder)
    ears.hear([clip for clip in clips if clip.fold == TEST_FOLD], views=False)
    shots = {
        str(n): [once(ears, clips, n, number, bank, quiet) for number in range(args.draws)]
        for n in args.shots
    }
    measured = {"made": made(), "shots": shots}
    write_json(args.results, measured)
    print(table(measured))


if __name__ == "__main__":
    main()
