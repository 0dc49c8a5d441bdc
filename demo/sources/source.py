"""Where audio comes from: the interface that a microphone, a file and a pipe share.

Letters: n samples, one channel. A source is read from one thread.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_asc.demo.events import State


@dataclass(frozen=True)
class Block:
    """Consecutive samples."""

    samples: np.ndarray  # `[n]`, n ≥ 1, float32, full scale 1
    rate_hz: int  # it may change where `joins` is False
    # Whether they belong to what came before. A microphone that was opened again starts anew. Audio
    # that was lost in between, because the reader or the system was late, is no reason to: who
    # falls behind would never hear a whole window.
    joins: bool = True
    # `time.monotonic()` at which the last sample sounded; None where no clock paces it.
    end_s: float | None = None


@dataclass
class SourceCounts:
    """What happened to a source so far."""

    dropped_s: float = 0.0  # lost because the reader was late
    overruns: int = 0  # times the sound system itself lost audio
    reopens: int = 0


class CaptureHung(Exception):
    """The sound system does not return from a call; only a new process can go on."""


class Source(Protocol):
    """What the live loop reads."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def state(self) -> State:
        """How it is; "ended" after the last block was read."""

    @property
    def counts(self) -> SourceCounts:
        """What happened so far."""

    def read(self, timeout_s: float) -> Block | None:
        """The audio that has come since the last call; None when none came within the time.

        Losing a microphone is not an error: `read` gives None, `state` and `notices` tell, and the
        source opens it again by itself.

        Raises:
            ValueError, OSError: this source will never work; the message is one line.
            CaptureHung: neither will anything else in this process.
        """

    def notices(self) -> list[str]:
        """What a person should know and was not told yet, one line each."""

    def close(self) -> None:
        """Let go of it; within 1 s."""
