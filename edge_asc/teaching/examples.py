"""All embeddings in one table: which output each teaches, how much it weighs, with which it leaves.

Every class weighs the same, within it every recording, within that every window and view. A row
leaves with its recording; those of the bank are dealt to the same folds.
Letters: N rows, D numbers of an embedding, S classes; output S stands for all other sounds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_asc.teaching.head import Head, fit
from edge_asc.teaching.listen import Heard
from edge_asc.teaching.strange import Strange

STRANGE_WEIGHT = 4.0  # of the bank, and of the user's own background: classes weigh 1
QUIET_WEIGHT = 0.5
ALWAYS = -1  # the recording of rows that are never left out


@dataclass(frozen=True)
class Examples:
    """What a head is fitted to.

    Args:
        labels: the S classes.
        embeddings: `[N, D]`, float64.
        truth: index of the output `[N]`.
        base: weight of a row within its class `[N]`.
        recording: number of its recording `[N]`; `ALWAYS` for what stays.
        n_recordings: of classes and background; the bank's rows have numbers below that.
    """

    labels: tuple[str, ...]
    embeddings: np.ndarray
    truth: np.ndarray
    base: np.ndarray
    recording: np.ndarray
    n_recordings: int

    @property
    def n_outputs(self) -> int:
        """S + 1."""
        return len(self.labels) + 1

    def head(
        self, strength: float, left_out: np.ndarray | None = None, start: Head | None = None
    ) -> Head:
        """The head of all rows whose recordings are not `left_out`.

        Args:
            strength: of the penalty.
            left_out: numbers of recordings; None: all rows teach.
            start: a head near the wanted one, which is found sooner from there.
        """
        left = np.isin(self.recording, [] if left_out is None else left_out)
        truth, weights = self.truth[~left], self.base[~left].copy()
        for label in range(len(self.labels)):
            of_label = truth == label
            if of_label.any():
                weights[of_label] /= weights[of_label].sum()
        return fit(self.embeddings[~left], truth, weights, self.n_outputs, strength, start)


def gather(
    labels: tuple[str, ...],
    known: Sequence[Heard],
    background: Sequence[Heard],
    bank: Strange,
    quiet: np.ndarray,
) -> Examples:
    """The table: known clips, background, bank and quiet rooms, in this order."""
    clips, s = [*known, *background], len(labels)
    numbers = number_recordings(clips)
    rows = Counter(h.clip.recording for h in clips for _ in h.every)
    a_background = STRANGE_WEIGHT / max(len({h.clip.recording for h in background}), 1)
    of_clip = [1.0] * len(known) + [a_background] * len(background)
    sizes = [len(h.every) for h in clips] + [len(bank), len(quiet)]
    truth = [labels.index(h.clip.label) for h in known] + [s] * (len(background) + 2)
    base = [w / rows[h.clip.recording] for w, h in zip(of_clip, clips, strict=True)]
    base += [STRANGE_WEIGHT / max(len(bank), 1), QUIET_WEIGHT / max(len(quiet), 1)]
    recording = [np.full(len(h.every), numbers[h.clip.recording]) for h in clips]
    recording += [bank.groups % len(numbers), np.full(len(quiet), ALWAYS)]
    embeddings = [*(h.every for h in clips), bank.embeddings, quiet]
    return Examples(
        labels=labels,
        embeddings=np.concatenate(embeddings).astype(np.float64),
        truth=np.repeat(truth, sizes),
        base=np.repeat(base, sizes),
        recording=np.concatenate(recording),
        n_recordings=len(numbers),
    )


def number_recordings(heard: Sequence[Heard]) -> dict[str, int]:
    """A number for each recording's name, in the order of classes and names."""
    names = sorted((h.clip.label, h.clip.recording) for h in heard)
    return {name: i for i, name in enumerate(dict.fromkeys(name for _, name in names))}
