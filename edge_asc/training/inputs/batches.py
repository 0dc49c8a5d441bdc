"""Features of many clips with their labels, and the batches of an epoch.

Which clips and which crops an epoch holds follows from (seed, epoch) alone, so a run that was
killed repeats the epoch it was in.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Raw features [B, 1, M, F]; labels [B] per label set, UNKNOWN where it has none, and teachers'
# logits [B, S] where given, all alike for what is unknown.
Batch = tuple[Tensor, tuple[Tensor, ...]]
# The label of a sound that is none of the classes, where no output stands for these.
UNKNOWN = -1


@dataclass(frozen=True)
class Group:
    """Sounds that are none of the classes.

    Attributes:
        arrays: float32 `[M, F]` each.
        n_plain: how many of these, the first ones, go through no simulated microphone.
    """

    arrays: Sequence[np.ndarray]
    n_plain: int


class FeatureStore:
    """Raw features `[M, F]` of N clips of one length, in memory where they fit.

    There may be several versions of each clip, the first being the clip as it is. Row r holds
    clip r % N in version r // N. The rows behind these hold sounds that are none of the classes.

    Args:
        arrays: float32 `[M, F]` per row, memory-mapped or not.
        labels: class numbers `[N]` per label set: (scene,) or (scene, abstract).
        n_classes: number of classes per label set.
        ram_limit_bytes: larger sets are read clip by clip from where they are.
        n_versions: of each clip.
        n_plain: how many of these, the first ones, go through no simulated microphone; None: all.
        recordings: number of the recording `[N]` that each clip is a piece of; None: each is one.
        answers: teachers' logits `[N, S]` of each clip; None without.
        unknown: groups of sounds that are none of the classes.
        others: logits of the first label set behind those of its classes: 1 if these are to answer
            to such sounds, whose label then is the number behind the classes'.

    Raises:
        ValueError: no clips, or clips of different shapes.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        labels: Sequence[Sequence[int]],
        n_classes: Sequence[int],
        ram_limit_bytes: int = 2 * 1024**3,
        n_versions: int = 1,
        n_plain: int | None = None,
        recordings: Sequence[int] | None = None,
        answers: np.ndarray | None = None,
        unknown: Sequence[Group] = (),
        others: int = 0,
    ) -> None:
        self.parts = (arrays, *(group.arrays for group in unknown))
        shapes = {tuple(a.shape) for part in self.parts for a in part}
        if len(shapes) != 1:
            raise ValueError(f"features must be of one shape, found {sorted(shapes) or 'no clips'}")
        self.n_mels, self.n_frames = shapes.pop()
        self.labels = tuple(torch.as_tensor(list(x), dtype=torch.int64) for x in labels)
        self.n_classes = tuple(n_classes)
        self.n_logits = (self.n_classes[0] + others, *self.n_classes[1:])
        self.unknown_labels = (self.n_classes[0] if others else UNKNOWN, UNKNOWN)
        self.answers = None if answers is None else torch.from_numpy(answers)
        self.arrays, self.n_versions, self.unknown = arrays, n_versions, unknown
        self.n_plain = n_plain or n_versions
        self.recordings = torch.as_tensor(
            range(len(self.labels[0])) if recordings is None else list(recordings)
        )
        self.ends = np.cumsum([len(part) for part in self.parts])  # rows of each part
        self.plain_ends = self.ends[:-1] + [group.n_plain for group in unknown]
        fits = self.ends[-1] * arrays[0].nbytes <= ram_limit_bytes
        self.memory = self._read() if fits else None  # [rows, M, F]

    def __len__(self) -> int:
        return len(self.arrays) // self.n_versions

    @property
    def n_recordings(self) -> int:
        """How many recordings the clips are pieces of."""
        return len(self.recordings.unique())

    def _read(self) -> Tensor:
        """Copy clip by clip, so that only one file is mapped at a time."""
        memory = torch.empty(int(self.ends[-1]), self.n_mels, self.n_frames)
        for number, row in enumerate(memory.numpy()):
            row[:] = self.row(number)
        return memory

    def row(self, number: int) -> np.ndarray:
        """Raw features `[M, F]` of a row."""
        part = int(np.searchsorted(self.ends, number, side="right"))
        return self.parts[part][number - (self.ends[part - 1] if part else 0)]

    def unknown_rows(
        self, shape: tuple[int, ...], rng: np.random.Generator, plain: bool = False
    ) -> np.ndarray:
        """Draw rows of sounds that are none of the classes, each group of them equally often.

        With `plain` through no simulated microphone.
        """
        group = rng.integers(0, len(self.unknown), shape)
        ends = self.plain_ends if plain else self.ends[1:]
        return rng.integers(self.ends[group], ends[group])

    def raw(self, rows: np.ndarray, starts: np.ndarray, n_frames: int) -> Tensor:
        """Cut frames `starts[i]` to `starts[i] + n_frames` of `rows[i]`: `[B, 1, M, n_frames]`."""
        if self.memory is None:
            cut = [self.row(r)[:, s : s + n_frames] for r, s in zip(rows, starts, strict=True)]
            return torch.from_numpy(np.stack(cut))[:, None]
        if n_frames == self.n_frames:
            return self.memory[torch.from_numpy(rows)][:, None]
        windows = self.memory.unfold(2, n_frames, 1)  # [rows, M, starts, n_frames]
        return windows[torch.from_numpy(rows), :, torch.from_numpy(starts)][:, None]

    def batch(self, rows: np.ndarray, starts: np.ndarray, n_frames: int) -> Batch:
        """Return features as `raw` does, and what is known of the clips: see `Batch`."""
        none = torch.from_numpy(rows >= self.ends[0])
        pairs = zip(self.labels, self.unknown_labels, strict=False)
        labels = [x[rows % len(self)].masked_fill(none, unknown) for x, unknown in pairs]
        answers = [] if self.answers is None else [self.answers[rows % len(self)]]
        alike = [x.masked_fill(none[:, None], 0.0) for x in answers]
        return self.raw(rows, starts, n_frames), (*labels, *alike)

    def statistics(
        self, prepare: Callable[[np.ndarray], np.ndarray] = np.asarray
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of every mel bin over all clips, as they are, and frames.

        Args:
            prepare: what is done with each clip's features `[M, F]` before.
        """
        total = np.zeros(self.n_mels)
        squares = np.zeros(self.n_mels)
        for a in self.arrays[: len(self)]:
            x = np.asarray(prepare(a), np.float64)
            total += x.mean(1)
            squares += (x * x).mean(1)
        mean = total / len(self)
        std = np.sqrt(np.maximum(squares / len(self) - mean**2, 0.0))
        return tuple(mean.tolist()), tuple(std.tolist())


class Epochs:
    """The training batches of one process, epoch after epoch.

    Every epoch holds every clip once, in any of its versions, as far as whole batches go (with
    `balanced`: as many draws, classes equally likely). From epoch `plain_from` on no clip is
    heard through a simulated microphone. `unknown_part` of each batch is none of the clips but a
    sound that is none of the classes. Iterating gives epoch `self.epoch`.

    Args:
        store: features and labels.
        batch_size: clips per step, all processes together.
        n_frames: frames per crop.
        seed: of the order and the crops.
        balanced: draw classes equally often.
        rank: this process among `world` processes.
        world: number of processes.
        plain_from: first epoch without simulated microphones; None: there is none.
        unknown_part: of each batch, of sounds that are none of the classes; at least one if not 0.

    Raises:
        ValueError: the batch size is not a multiple of `world`.
    """

    def __init__(
        self,
        store: FeatureStore,
        batch_size: int,
        n_frames: int,
        seed: int,
        balanced: bool = False,
        rank: int = 0,
        world: int = 1,
        plain_from: int | None = None,
        unknown_part: float = 0.0,
    ) -> None:
        if batch_size % world:
            raise ValueError(
                f"train.batch_size {batch_size} must be a multiple of {world} processes"
            )
        self.store, self.batch_size, self.n_frames = store, batch_size, n_frames
        self.seed, self.balanced, self.rank, self.world = seed, balanced, rank, world
        self.plain_from = plain_from
        self.n_unknown = max(1, round(unknown_part * batch_size)) if unknown_part else 0
        self.epoch = 0

    def is_plain(self, epoch: int) -> bool:
        """Whether an epoch's clips are heard through no simulated microphone."""
        return self.plain_from is not None and epoch >= self.plain_from

    def __len__(self) -> int:
        return max(1, len(self.store) // (self.batch_size - self.n_unknown))

    def plan(self, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows of the store and first frames of this process's part of every batch."""
        rng = np.random.default_rng([self.seed, epoch])
        count = len(self) * (self.batch_size - self.n_unknown)
        clips = self._clips(count, rng)
        starts = rng.integers(0, self.store.n_frames - self.n_frames + 1, count)
        store = self.store
        n_versions = store.n_plain if self.is_plain(epoch) else store.n_versions
        versions = 0 if n_versions == 1 else rng.integers(0, n_versions, count)
        rows = (clips + len(store) * versions).reshape(len(self), -1)
        starts = starts.reshape(len(self), -1)
        if self.n_unknown:
            shape = (len(self), self.n_unknown)
            unknown = store.unknown_rows(shape, rng, self.is_plain(epoch))
            rows = np.concatenate([rows, unknown], 1)
            others = rng.integers(0, store.n_frames - self.n_frames + 1, shape)
            starts = np.concatenate([starts, others], 1)
        steps = zip(rows, starts, strict=True)
        return [(r[self.rank :: self.world], s[self.rank :: self.world]) for r, s in steps]

    def _clips(self, count: int, rng: np.random.Generator) -> np.ndarray:
        if not self.balanced:
            return np.resize(rng.permutation(len(self.store)), count)
        scenes = self.store.labels[0].numpy()
        weight = 1.0 / np.bincount(scenes)[scenes]
        return rng.choice(len(scenes), count, p=weight / weight.sum())

    def __iter__(self) -> Iterator[Batch]:
        """Yield raw features `[B, 1, M, F]` and labels; mapped files are read one batch ahead."""
        plan = self.plan(self.epoch)
        if self.store.memory is not None:
            for rows, starts in plan:
                yield self.store.batch(rows, starts, self.n_frames)
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self.store.batch, *plan[0], self.n_frames)
            for rows, starts in plan[1:]:
                ready, ahead = ahead, reader.submit(self.store.batch, rows, starts, self.n_frames)
                yield ready.result()
            yield ahead.result()
