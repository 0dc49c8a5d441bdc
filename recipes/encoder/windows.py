"""The windows that a student learns from, with the teachers' answers, in a ring on disk.

A window costs more to make and to ask about than to learn from once. So each stays in the ring for
several looks: `Ring.add` overwrites the oldest ones while `Ring.draw` takes random ones.
Letters: B windows, M mels, F frames, D numbers of an answer.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sounds import Mixer, Mixing, Pool, response
from spectra import N_FFT, N_MELS, WINDOW_FRAMES, WINDOW_SAMPLES, Spectra, packed, unpacked
from teachers import Trunk
from torch import Tensor

from edge_asc.training.placement import cpu_has_bfloat16

BATCH = 32  # windows made at once: what comes of them stays in a processor's cache


@dataclass(frozen=True)
class Answer:
    """What is asked of one teacher: the leading principal components, each of deviation 1.

    Attributes:
        mean: of its embeddings `[C]`.
        directions: `[C, D]`, divided by the deviations along them.
    """

    mean: Tensor
    directions: Tensor

    @classmethod
    def fitted(cls, embeddings: Tensor, size: int) -> "Answer":
        """Learn the components from embeddings `[B, C]`."""
        centred = (embeddings - embeddings.mean(0)).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        values, vectors = values.flip(0)[:size], vectors.flip(1)[:, :size]
        return cls(embeddings.mean(0), (vectors / values.sqrt()).float())

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Answers `[B, D]`."""
        return (embeddings - self.mean) @ self.directions


class Lesson:
    """Makes windows and asks the teachers: `[B, M, F]` bytes and answers `[B, D]`."""

    def __init__(self, pool: Pool, teachers: list[Trunk], mixing: Mixing) -> None:
        self.mixer, self.spectra = Mixer(pool, WINDOW_SAMPLES, mixing), Spectra()
        # Where the processor has no bfloat16, it is twelve times as slow as float32.
        dtype = torch.bfloat16 if cpu_has_bfloat16() else torch.float32
        self.teachers = [teacher.to(dtype) for teacher in teachers]

    def embeddings(self, rng: np.random.Generator) -> tuple[Tensor, list[Tensor]]:
        """The next windows, and each teacher's embeddings of them."""
        magnitudes = self.spectra.magnitudes(self.mixer(BATCH, rng))
        magnitudes *= response(BATCH, N_FFT // 2 + 1, rng)
        log_mels = self.spectra.teacher(magnitudes)
        answers = [teacher(log_mels) for teacher in self.teachers]
        return packed(self.spectra.student(magnitudes)), answers

    def fit_answers(self, sizes: list[int], batches: int, seed: int) -> list[Answer]:
        """Principal components of each teacher's embeddings of `batches` batches."""
        rng = np.random.default_rng((seed, 1))
        found = [self.embeddings(rng)[1] for _ in range(batches)]
        per_teacher = [torch.cat(parts) for parts in zip(*found, strict=True)]
        return [Answer.fitted(part, size) for part, size in zip(per_teacher, sizes, strict=True)]


class Ring:
    """A folder with `capacity` windows: features as bytes, answers as float16."""

    def __init__(self, folder: Path, capacity: int, answer: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state, self.capacity = folder / "state.json", capacity
        known = json.loads(self.state.read_text()) if self.state.is_file() else {}
        self.written: int = known.get("written", 0)
        mode = "r+" if self.written else "w+"
        shape = (capacity, N_MELS, WINDOW_FRAMES)
        self.features = np.memmap(folder / "features.u8", np.uint8, mode, shape=shape)
        self.answers = np.memmap(folder / "answers.f16", np.float16, mode, shape=(capacity, answer))

    def add(self, features: Tensor, answers: Tensor) -> None:
        """Put windows in the place of the oldest ones."""
        places = (self.written + np.arange(len(features))) % self.capacity
        self.features[places] = features.numpy()
        self.answers[places] = answers.half().numpy()
        self.written += len(features)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Random windows: raw log-mels `[B, 1, M, F]` and answers `[B, D]`, float32."""
        places = rng.integers(0, min(self.written, self.capacity), batch)
        features = unpacked(torch.from_numpy(self.features[places]))[:, None]
        return features, torch.from_numpy(self.answers[places]).float()

    def save(self) -> None:
        """Remember how many were written; the windows themselves lie in the files."""
        self.state.write_text(json.dumps({"written": self.written}))
