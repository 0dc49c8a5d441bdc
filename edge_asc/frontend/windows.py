"""Windows of frames: which parts of a clip a model looks at.

Letters: M mels, F frames, W frames of one window. Windows are cut from raw features and normalised
afterwards, so that per-clip normalisation sees what the model sees.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

CROPS = ("1", "3", "slide")  # whole clip; start, middle and end; sliding
Features = TypeVar("Features")  # an array or a tensor [..., M, F]


def slide_starts(n_frames: int, window: int, hop: int) -> list[int]:
    """First frames of windows every `hop` frames; the last one ends where the clip ends.

    A clip that is no longer than a window has one, from 0.
    """
    last = max(0, n_frames - window)
    starts = list(range(0, last + 1, hop))
    return starts if starts[-1] == last else [*starts, last]


def crop_starts(n_frames: int, window: int, crops: str) -> list[int]:
    """First frames of the windows that an evaluation averages over.

    Args:
        n_frames: of the clip.
        window: frames of a window.
        crops: "3" for start, middle and end; "slide" for windows that overlap by half.

    Raises:
        ValueError: `crops` is something else.
    """
    last = max(0, n_frames - window)
    if crops == "3":
        return sorted({0, last // 2, last})
    if crops == "slide":
        return slide_starts(n_frames, window, max(1, window // 2))
    raise ValueError(f"crops {crops!r} is not one of {', '.join(CROPS)}")


def cut(features: Features, window: int, crops: str) -> list[Features]:
    """Windows `[..., M, min(F, W)]` of features `[..., M, F]`; "1" gives the whole clip."""
    if crops == "1":
        return [features]
    n_frames = features.shape[-1]  # type: ignore[attr-defined]
    starts = crop_starts(n_frames, window, crops)
    return [features[..., s : s + window] for s in starts]  # type: ignore[index]


class WindowStream:
    """Frames in, windows out: those of `slide_starts`, in constant memory.

    Args:
        window: frames of a window.
        hop: frames from one window to the next.
        first: number of the first frame that will come; 0 again after `reset`.
    """

    def __init__(self, window: int, hop: int, first: int = 0) -> None:
        if window < 1 or hop < 1:
            raise ValueError(f"window of {window} and hop of {hop} frames must be at least 1")
        self.window, self.hop = window, hop
        self.reset(first)

    def reset(self, first: int = 0) -> None:
        """Forget all frames; the next one has the number `first`."""
        self._held: np.ndarray | None = None  # the latest frames, at least the last W
        self.n_seen = first  # frames, from number 0 on
        self._next = first  # first frame of the next window
        self._end = first  # where the last window ended

    def feed(self, frames: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Take frames `[M, k]`; give (first frame, window `[M, W]`) for each that became ready."""
        held = frames if self._held is None else np.concatenate([self._held, frames], axis=1)
        self.n_seen += frames.shape[1]
        first = self.n_seen - held.shape[1]  # frame number of held[:, 0]
        while self._next + self.window <= self.n_seen:
            start = self._next
            self._next, self._end = start + self.hop, start + self.window
            yield start, held[:, start - first : start - first + self.window]
        keep = min(self._next, max(self.n_seen - self.window, 0))
        self._held = held[:, max(keep - first, 0) :].copy()  # a view would keep all of it alive

    def flush(self) -> Iterator[tuple[int, np.ndarray]]:
        """End the stream: the last window, when frames came after the one before; and reset."""
        held, n_seen, end = self._held, self.n_seen, self._end
        self.reset()
        if held is not None and n_seen > end:
            yield max(0, n_seen - self.window), held[:, -self.window :]
