"""The student: features standardised, an encoder of `edge_asc.models`, and a head that regresses.

Its settings are the encoder's options; `name` among them says which of `ENCODERS`, "slim" if none.
Letters: B windows, M mels, F frames, C channels, D numbers of the teachers' answers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge_asc.files import atomic_write
from edge_asc.models.compact import CompactAMFM
from edge_asc.models.slim import SlimEncoder


class CompactEncoder(nn.Module):
    """`CompactAMFM` without its head, `[B, 1, M, F] -> ([B, C],)`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        network = CompactAMFM(1, **options)
        self.trunk, self.pool = network.trunk, network.pool
        self.size = network.scene.in_features  # C

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding."""
        return (self.pool(self.trunk(x)).flatten(1),)


ENCODERS = {"slim": SlimEncoder, "compact": CompactEncoder}


class Student(nn.Module):
    """Raw log-mels `[B, 1, M, F]` to the teachers' answers `[B, D]`."""

    def __init__(self, options: dict[str, Any], answers: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean[:, None])  # [M, 1]
        self.register_buffer("std", std[:, None])
        options = {"name": "slim"} | options
        self.encoder = ENCODERS[options.pop("name")](**options)
        self.head = nn.Linear(self.encoder.size, answers)

    def normalised(self, raw: Tensor) -> Tensor:
        """Features with mean 0 and deviation 1 in every mel."""
        features = (raw - self.get_buffer("mean")) / self.get_buffer("std")
        return features.contiguous(memory_format=torch.channels_last)

    def embed(self, raw: Tensor) -> Tensor:
        """Embeddings `[B, 2C]`."""
        (embedding,) = self.encoder(self.normalised(raw))
        return embedding

    def forward(self, raw: Tensor) -> Tensor:
        """Return what the student thinks the teachers say."""
        return self.head(self.embed(raw).float())


class Average:
    """Moving average of a student's numbers, which is what is kept of it."""

    def __init__(self, student: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in student.state_dict().items()}
        self.steps = 0

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Move towards the student; fast at first."""
        self.steps += 1
        share = 1 - min(self.decay, self.steps / (self.steps + 10))
        for name, value in student.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, share)
            else:
                self.state[name].copy_(value)


@dataclass
class Checkpoint:
    """What a run is made again from: settings, averaged weights, and all that training needs."""

    settings: dict[str, Any]
    average: dict[str, Tensor]
    training: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        with atomic_write(path) as temporary:
            torch.save(self.__dict__, temporary)

    def without_moments(self) -> "Checkpoint":
        """What training goes on from with the averaged weights, a quarter of the bytes."""
        kept = {key: self.training[key] for key in ("steps", "seen")}
        return Checkpoint(self.settings, self.average, kept)

    def restore(
        self, student: nn.Module, optimizer: torch.optim.Optimizer, average: Average
    ) -> int:
        """Put everything back; the number of windows seen.

        One `without_moments` begins with the averaged weights.
        """
        student.load_state_dict(self.training.get("student", self.average))
        if "optimizer" in self.training:
            optimizer.load_state_dict(self.training["optimizer"])
        average.state, average.steps = self.average, self.training["steps"]
        return int(self.training["seen"])

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read tensors and plain values."""
        return cls(**torch.load(path, weights_only=True))

    def student(self) -> Student:
        """The averaged student."""
        state, n_mels = self.average, len(self.average["mean"])
        student = Student(
            self.settings["model"], len(state["head.bias"]), torch.zeros(n_mels), torch.ones(n_mels)
        )
        student.load_state_dict(state)
        return student.eval()


@torch.no_grad()
def embeddings(student: Student, raw: Tensor, batch: int = 40) -> np.ndarray:
    """Embeddings [N, 2C] of clips' raw features [N, M, F]."""
    return torch.cat([student.embed(part[:, None]) for part in raw.split(batch)]).numpy()
