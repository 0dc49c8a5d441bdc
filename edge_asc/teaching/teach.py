"""Recordings → a file that knows their sounds: what `edge-asc teach` does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from edge_asc import __version__
from edge_asc.budget.rules import DEFAULT_RULE
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.runtime.metadata import Calibration, Metadata
from edge_asc.teaching.encoder import Encoder, find_encoder
from edge_asc.teaching.examples import gather
from edge_asc.teaching.figures import answers, figures
from edge_asc.teaching.judge import Choice, choose
from edge_asc.teaching.listen import Heard, OnProgress, Unusable, listen
from edge_asc.teaching.memory import joined, name_in, recall, remember
from edge_asc.teaching.strange import BACKGROUND, quiet_rooms, read_bank
from edge_asc.teaching.views import DEFAULT_VIEWS, MOST_VIEWS
from edge_asc.teaching.write import MOST_STEPS, IntegerHead, write

LEAST_RECORDINGS = 2  # of a class: one teaches, the other one judges
DIGITS = 4


@dataclass(frozen=True)
class Taught(PathLike[str]):
    """A file that was taught; everything that takes a model's path takes it.

    Attributes:
        path: where it lies.
        labels: its classes.
        bytes: its size.
        figures: what it is worth, see `edge_asc.teaching.figures.figures`.
        unusable: files that taught nothing, with the reason.
        answers: what each clip was taken for while its recording was left out, see
            `edge_asc.teaching.figures.answers`.
    """

    path: Path
    labels: tuple[str, ...]
    bytes: int
    figures: dict[str, Any]
    unusable: tuple[Unusable, ...] = field(default=())
    answers: tuple[dict[str, Any], ...] = field(default=())

    @property
    def accuracy(self) -> float:
        """Share of the clips named rightly by heads that never heard their recording."""
        return float(self.figures["accuracy"])

    def __fspath__(self) -> str:
        return str(self.path)


def teach(
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    encoder: str | PathLike[str] | None = None,
    add: str | PathLike[str] | None = None,
    views: int = DEFAULT_VIEWS,
    columns: Mapping[str, str] | str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> Taught:
    """Teach sounds of one's own; needs no torch.

    Args:
        data: a folder with a folder of recordings for each class, or a table (`ea.open_dataset`).
            A folder `_background`, `background`, `other` or `noise` is no class: what sounds like
            it gets no name.
        out: the .tflite file (or .onnx, where onnx and onnxruntime are installed); replaced as a
            whole, or not at all.
        encoder: a name of the zoo or a .tflite file to teach upon; None: the one that comes along.
        add: a taught file to go on from: what it was taught counts as well. Its memory must lie
            beside it (`my.taught.npz`), as every taught file has one. A clip that it knows already
            counts once, with the label it has now.
        columns: of a table, as in `ea.open_dataset`.
        views: how often each clip is heard besides, as other microphones and rooms would have it.
        on_progress: called after each clip with those done and all; each is heard and, in the end,
            compared with the file.

    Returns:
        The file, with figures from recordings that were left out.

    Raises:
        ValueError: fewer than two classes, a class with one recording, no usable clip.
            Also a file to add to without its memory, or with that of another encoder.
        OverBudget: the file would be over 128,000 bytes.
        OSError: the data cannot be read or the file not be written.

    Example:
        >>> taught = ea.teach("scenes", "my.tflite", encoder="esc10-32k", views=1)
        >>> ea.load(taught).labels == list(taught.labels)
        True
        >>> 0 <= taught.accuracy <= 1
        True
    """
    path = Path(out)
    check_arguments(path, encoder, add, views)
    found = find_encoder(encoder if add is None else add)
    before = [] if add is None else recall(Path(add), found)
    dataset = open_dataset(data if isinstance(data, Path) else str(data), columns=columns)
    clips = named_clips(dataset)
    passes = Passes(len({clip.path for clip in clips}), on_progress)
    new, unusable = listen(found, clips, views, passes.first)
    heard = sorted(joined(before, new), key=_order)
    known = [h for h in heard if h.clip.label not in BACKGROUND]
    background = [h for h in heard if h.clip.label in BACKGROUND]
    labels = check_classes([h.clip for h in before] + clips, known, unusable, dataset.root)
    bank = read_bank(found)
    examples = gather(labels, known, background, bank, quiet_rooms(found))
    choice = choose(examples, known, background, bank)
    source = found.graph.grids[found.value]
    integers = IntegerHead.of(choice.head, examples.embeddings, source, found.value)
    metadata = describe(path.stem, found, labels, known, choice, dataset.name)
    # Killed in between, the memory knows more than the file: nothing is lost.
    keep = partial(remember, path, found, heard, dataset.root)
    n_bytes, steps = write(path, found, integers, metadata, new, passes.second, keep)
    said = figures(choice, known, labels)
    said |= {"clips": len(known), "recordings": n_recordings(known), "folds": choice.folds,
             "strength": choice.strength, "temperature": choice.temperature,
             "threshold": choice.threshold, "parity_steps": steps,
             "encoder": found.name, "bank": len(bank)}  # fmt: skip
    digests = ({h.digest for h in some} for some in (new, before))
    each = answers(choice, known, labels, *digests)
    return Taught(path, labels, n_bytes, said, tuple(unusable), tuple(each))


def check_arguments(path: Path, encoder: object, add: object, views: int) -> None:
    """Raise ValueError for what cannot be meant, before anything is heard."""
    if path.suffix not in MOST_STEPS:
        raise ValueError(f"{path}: a taught file ends in {' or '.join(MOST_STEPS)}")
    if not 0 <= views <= MOST_VIEWS:
        raise ValueError(f"views must be 0 to {MOST_VIEWS}, found {views}")
    if encoder is not None and add is not None:
        raise ValueError("add: the file stands on its encoder already; leave encoder out")


@dataclass(frozen=True)
class Passes:
    """Progress of two passes over the clips, heard once and compared once, as one."""

    clips: int
    on_progress: OnProgress

    def first(self, done: int, total: int) -> None:
        """So many clips were heard."""
        self.on_progress(done, 2 * self.clips)

    def second(self, done: int, total: int) -> None:
        """So many were compared."""
        self.on_progress(self.clips + done, 2 * self.clips)


def named_clips(dataset: SceneDataset) -> list[Clip]:
    """The clips in their order, each recording named as its folder has it."""
    clips = [replace(clip, group=clip.group or name_in(dataset.root, clip.path))
             for clip in dataset.clips]  # fmt: skip
    return sorted(clips, key=lambda c: (c.label, c.recording, c.path.name))


def _order(heard: Heard) -> tuple[str, str, str]:
    return heard.clip.label, heard.clip.recording, heard.clip.path.name


def check_classes(
    clips: Sequence[Clip], known: Sequence[Heard], unusable: Sequence[Unusable], root: Path
) -> tuple[str, ...]:
    """The classes, in the order of the alphabet.

    Raises:
        ValueError: they cannot be taught; one line that says what to add.
    """
    labels = sorted({clip.label for clip in clips} - {*BACKGROUND})
    recordings = {name: {h.clip.recording for h in known if h.clip.label == name}
                  for name in labels}  # fmt: skip
    if not known and unusable:
        raise ValueError(f"{unusable[0].path}: {unusable[0].reason}, and no other file is usable")
    if len(labels) < 2:
        have = labels[0] if labels else "none"
        raise ValueError(f"{root}: one class ({have}); two or more can be told apart")
    for label, names in recordings.items():
        if len(names) < LEAST_RECORDINGS:
            raise ValueError(
                f"{root}: {len(names)} usable recording of {label}; at least {LEAST_RECORDINGS} a"
                " class: one to teach, one to judge by"
            )
    return tuple(labels)


def n_recordings(heard: Sequence[Heard]) -> int:
    """Different recordings among clips."""
    return len({h.clip.recording for h in heard})


def describe(
    name: str,
    encoder: Encoder,
    labels: tuple[str, ...],
    known: Sequence[Heard],
    choice: Choice,
    dataset: str,
) -> Metadata:
    """What the file says of itself."""
    of_class = {
        label: n_recordings([h for h in known if h.clip.label == label]) for label in labels
    }
    return Metadata(
        name=name,
        labels=list(labels),
        frontend=encoder.frontend.to_dict(),
        clip_s=encoder.window_s,
        precision=encoder.precision,
        provenance={
            "dataset": dataset,
            "taught": {"encoder": encoder.name, "sha256": encoder.digest[:12]},
            "recordings": of_class,
            "clips": len(known),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "edge_asc": __version__,
        },
        budget={"rule": DEFAULT_RULE, "enforced": True},
        calibration=Calibration(
            temperature=round(choice.temperature, DIGITS),
            threshold=round(choice.threshold, DIGITS),
            dataset=dataset,
            how="each clip by a head that was taught without its recording",
            clips=len(known),
        ),
        others=1,
    )
