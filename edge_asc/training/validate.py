"""Class probabilities of a network over a store, and what they are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge_asc.frontend.windows import crop_starts
from edge_asc.training.inputs.batches import FeatureStore

EPSILON = 1e-7  # smallest probability in the log loss


@torch.no_grad()
def predict(
    network: nn.Module,
    normalize: Callable[[Tensor], Tensor],
    store: FeatureStore,
    n_frames: int,
    batch_size: int = 64,
    clips: np.ndarray | None = None,
) -> tuple[Tensor, ...]:
    """Probabilities `[N, classes]` per head, averaged over the crops of a clip, in float32.

    Those of the scenes fall short of 1 by what other sounds got, where these have an output.

    Args:
        network: `[B, 1, M, F] -> tuple of logits`; it is left in training mode if it was.
        normalize: the front end's normalisation of `[B, 1, M, F]`.
        store: features of the clips.
        n_frames: frames per crop.
        batch_size: clips at once.
        clips: numbers of the clips wanted; None: all.
    """
    clips = np.arange(len(store)) if clips is None else clips
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    batches = []
    for first in range(0, len(clips), batch_size):
        some = clips[first : first + batch_size]
        crops = []
        for start in crop_starts(store.n_frames, n_frames, "3"):
            raw = store.raw(some, np.full(len(some), start), n_frames).to(device)
            heads = zip(network(normalize(raw)), store.n_classes, strict=True)
            crops.append([logits.float().softmax(1)[:, :n] for logits, n in heads])
        batches.append([torch.stack(head).mean(0).cpu() for head in zip(*crops, strict=True)])
    network.train(was_training)
    return tuple(torch.cat(head) for head in zip(*batches, strict=True))


def by_recording(
    probabilities: tuple[Tensor, ...], store: FeatureStore
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Probabilities and labels of recordings: the mean over the pieces of each."""
    numbers, of = store.recordings.unique(return_inverse=True)
    if len(numbers) == len(of):
        return probabilities, store.labels
    counts = torch.bincount(of).unsqueeze(1)
    means = tuple(torch.zeros(len(numbers), p.shape[1]).index_add(0, of, p) / counts
                  for p in probabilities)  # fmt: skip
    # Pieces of a recording have its labels: any of them will do.
    one = torch.empty(len(numbers), dtype=torch.long).scatter_(0, of, torch.arange(len(of)))
    return means, tuple(labels[one] for labels in store.labels)


@dataclass(frozen=True)
class Scores:
    """Sums over clips, so that the parts of several processes add up.

    Attributes:
        confusion: clips by true (row) and predicted (column) class, `[S, S]`.
        log_loss: sum over clips of -ln p(true class).
        abstract: clips whose abstract class is right, by its own head; 0 without one.
    """

    confusion: Tensor
    log_loss: Tensor
    abstract: Tensor

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Part of the clips that are right."""
        return float(self.confusion.diag().sum() / self.confusion.sum())

    @property
    def macro_accuracy(self) -> float:
        """Mean over the classes present of the part that is right."""
        rows = self.confusion.sum(1)
        return float((self.confusion.diag()[rows > 0] / rows[rows > 0]).mean())

    @property
    def mean_log_loss(self) -> float:
        """Mean over clips of -ln p(true class)."""
        return float(self.log_loss / self.confusion.sum())

    def to_dict(self, has_abstract: bool = False) -> dict[str, Any]:
        """Return figures for metrics.json."""
        figures: dict[str, Any] = {
            "clips": self.clips,
            "accuracy": self.accuracy,
            "macro_accuracy": self.macro_accuracy,
            "log_loss": self.mean_log_loss,
            "confusion": self.confusion.long().tolist(),
        }
        if has_abstract:
            figures["abstract_accuracy"] = float(self.abstract) / self.clips
        return figures


def score(probabilities: tuple[Tensor, ...], labels: tuple[Tensor, ...]) -> Scores:
    """Compare probabilities `[N, classes]` per head with class numbers `[N]` per label set."""
    scene, truth = probabilities[0], labels[0]
    size = scene.shape[1]
    pairs = torch.bincount(truth * size + scene.argmax(1), minlength=size * size)
    right = scene[torch.arange(len(truth)), truth]
    abstract = torch.zeros((), dtype=torch.float64)
    if len(probabilities) > 1:
        abstract += (probabilities[1].argmax(1) == labels[1]).sum()
    return Scores(
        confusion=pairs.view(size, size).double(),
        log_loss=-right.double().clamp_min(EPSILON).log().sum(),
        abstract=abstract,
    )
