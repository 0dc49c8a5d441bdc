"""Learning from trained networks: what they make of a clip says more than its label does.

Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015. Teachers see the batch
that the student sees, augmented and mixed, so that they answer for that and not for the recording.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.data.dataset import SceneDataset
from edge_asc.models.forward import forward_of
from edge_asc.training.run_folder import Run, load_network, read_run
from edge_asc.training.start_from.transfer import check_untested


class Teachers:
    """Networks that answer together: the mean of their probabilities. Never trained.

    No module: a student that holds one must not train, average or save it.

    Args:
        networks: `[B, 1, M, F] -> logits` per label set.
        temperature: by which logits are divided, above 0.
        compile: their forward passes, as that of the student.
    """

    def __init__(
        self, networks: Sequence[nn.Module], temperature: float, compile: bool = False
    ) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.forwards = [forward_of(network, compile) for network in self.networks]
        self.temperature = temperature

    @torch.no_grad()
    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Probabilities `[B, classes]` per label set, float32."""
        for network in self.networks:
            network.to(x.device)
        answers = [forward(x) for forward in self.forwards]
        return tuple(
            torch.stack([(y.float() / self.temperature).softmax(1) for y in heads]).mean(0)
            for heads in zip(*answers, strict=True)
        )


def soft_losses(
    logits: Sequence[Tensor], soft: Sequence[Tensor], temperature: float
) -> list[Tensor]:
    """How far a student's answers are from its teachers', per label set.

    The Kullback-Leibler divergence of softened probabilities, averaged over the batch, times the
    temperature's square: its gradient keeps its size beside that of the labels (section 2.1).

    Args:
        logits: the student's, `[B, classes]` per label set.
        soft: the teachers' probabilities at that temperature, likewise.
        temperature: by which logits are divided.
    """
    return [
        F.kl_div((x.float() / temperature).log_softmax(1), p, reduction="batchmean")
        * temperature**2
        for x, p in zip(logits, soft, strict=True)
    ]


def load_teachers(
    folders: Sequence[Path | str], student: Run, dataset: SceneDataset
) -> list[nn.Module]:
    """The networks of finished runs that may teach another.

    Raises:
        ValueError: one has seen the student's test clips, has other labels or another input.
    """
    for folder in folders:
        check_untested(Path(folder), dataset, student.fold)
        teacher = read_run(folder)
        for what, theirs, ours in _must_agree(teacher, student):
            if theirs != ours:
                raise ValueError(f"{folder} cannot teach: its {what} is not the student's")
    return [load_network(folder) for folder in folders]


def _must_agree(teacher: Run, student: Run) -> list[tuple[str, Any, Any]]:
    return [
        ("data set", teacher.dataset, student.dataset),
        ("list of scenes", teacher.labels, student.labels),
        ("answer to sounds of no class", teacher.settings().others, student.settings().others),
        ("list of abstract classes", teacher.abstract_labels, student.abstract_labels),
        ("front end, or the statistics of its training clips,", teacher.frontend, student.frontend),
        ("length of input", teacher.n_frames, student.n_frames),
    ]
