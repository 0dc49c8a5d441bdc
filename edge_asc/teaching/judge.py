"""What a head is worth on recordings that did not teach it, and what follows from that.

Each recording is left out once, with a part of the bank; the rest teaches a head that answers for
it. From these answers come the penalty, the temperature, the threshold and all figures.
Letters: N clips, W windows, S classes; output S stands for all other sounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_asc.evaluation.metrics import log_loss
from edge_asc.runtime.classifier import softmax
from edge_asc.teaching.examples import ALWAYS, Examples, number_recordings
from edge_asc.teaching.head import STRENGTHS, Head
from edge_asc.teaching.listen import Heard
from edge_asc.teaching.strange import Strange

MOST_FOLDS = 60  # with more recordings, several are left out at a time
FEW_FOLDS = 6  # for the choice of the penalty
TEMPERATURES = np.geomspace(0.25, 4.0, 33)
KEPT = 0.9  # part of the known clips that shall get a name
HIGHEST_THRESHOLD = 0.8  # easy clips must not make a head shy of harder ones
MOST_THRESHOLD = 0.99  # something must be able to get a name
ABOVE_QUIET = 0.02  # of the threshold over what quiet rooms reach: rounding to int8 moves that


@dataclass(frozen=True)
class LeftOut:
    """Logits by heads that did not hear the recording.

    Args:
        known: of each known clip, `[W, S + 1]`.
        background: of each clip of the user's background.
        bank: of the bank's sounds, a window each, `[N, S + 1]`.
        truth: class of each known clip.
    """

    known: list[np.ndarray]
    background: list[np.ndarray]
    bank: np.ndarray
    truth: np.ndarray

    def probabilities(self, temperature: float) -> np.ndarray:
        """Of the known clips, all outputs, `[N, S + 1]`."""
        return np.stack([softmax(logits, temperature).mean(0) for logits in self.known])

    def strange(self, temperature: float) -> np.ndarray:
        """Of all sounds that should get no name, `[N, S + 1]`."""
        clips = [softmax(logits, temperature).mean(0) for logits in self.background]
        n_outputs = self.bank.shape[1]
        found = [*clips, *softmax(self.bank, temperature)] if len(self.bank) else clips
        return np.stack(found) if found else np.zeros((0, n_outputs))


@dataclass(frozen=True)
class Choice:
    """What the left-out answers say is best.

    Args:
        head: that of all recordings, which the file gets.
        strength: of the penalty.
        temperature: by which logits are divided.
        threshold: probability below which there is no name: 90 % of the known clips are above it
            and no quiet room is; at most `HIGHEST_THRESHOLD`, unless a quiet room reaches more.
        left_out: the answers behind all figures.
        folds: how many heads gave them.
    """

    head: Head
    strength: float
    temperature: float
    threshold: float
    left_out: LeftOut
    folds: int


def choose(
    examples: Examples, known: Sequence[Heard], background: Sequence[Heard], bank: Strange
) -> Choice:
    """Penalty by a few folds, then each recording left out with it."""
    ask = _Asker(examples, known, background, bank)
    losses = {s: _loss(ask.answers(s, FEW_FOLDS), 1.0) for s in STRENGTHS}
    strength = min(losses, key=lambda s: (losses[s], -s))
    folds = min(MOST_FOLDS, examples.n_recordings)
    left_out = ask.answers(strength, folds)
    temperature = float(min(TEMPERATURES, key=lambda t: _loss(left_out, float(t))))
    sure = left_out.probabilities(temperature)[:, :-1].max(1)
    head = ask.whole(strength)
    quiet = examples.embeddings[examples.recording == ALWAYS]
    at_rest = float(softmax(head(quiet), temperature)[:, :-1].max()) + ABOVE_QUIET
    of_known = float(np.quantile(sure, 1 - KEPT, method="lower"))
    threshold = min(max(min(of_known, HIGHEST_THRESHOLD), at_rest), MOST_THRESHOLD)
    return Choice(head, strength, temperature, threshold, left_out, folds)


def _loss(answers: LeftOut, temperature: float) -> float:
    return log_loss(answers.probabilities(temperature), answers.truth)


@dataclass
class _Asker:
    """Leaves recordings out."""

    examples: Examples
    known: Sequence[Heard]
    background: Sequence[Heard]
    bank: Strange
    _wholes: dict[float, Head] = field(default_factory=dict)

    def whole(self, strength: float) -> Head:
        """The head of all recordings; fitted once for each strength."""
        if strength not in self._wholes:
            self._wholes[strength] = self.examples.head(strength)
        return self._wholes[strength]

    def answers(self, strength: float, n_folds: int) -> LeftOut:
        """Logits of all clips, each by the head that was fitted without its fold."""
        numbers = number_recordings([*self.known, *self.background])
        by_clip: dict[int, np.ndarray] = {}
        clips = [*self.known, *self.background]
        n_outputs = self.examples.n_outputs
        bank = np.zeros((len(self.bank), n_outputs))
        for left_out, head in self._heads(strength, n_folds):
            for i, heard in enumerate(clips):
                if numbers[heard.clip.recording] in left_out:
                    by_clip[i] = head(heard.plain.astype(np.float64))
            gone = np.isin(self.bank.groups % len(numbers), left_out)
            bank[gone] = head(self.bank.embeddings[gone].astype(np.float64))
        logits = [by_clip[i] for i in range(len(clips))]
        labels = self.examples.labels
        truth = np.array([labels.index(h.clip.label) for h in self.known])
        n = len(self.known)
        return LeftOut(logits[:n], logits[n:], bank, truth)

    def _heads(self, strength: float, n_folds: int) -> Iterator[tuple[np.ndarray, Head]]:
        every = np.arange(self.examples.n_recordings)
        whole = self.whole(strength)
        for fold in range(min(n_folds, len(every))):
            left_out = every[every % n_folds == fold]
            yield left_out, self.examples.head(strength, left_out, whole)
