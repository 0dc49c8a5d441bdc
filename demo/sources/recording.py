"""Recorded audio in place of a microphone: a file, read whole or paced by the clock."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge_asc.audio.decode import blocks, probe
from edge_asc.audio.samples import Floats
from edge_asc.demo.events import State
from edge_asc.demo.sources.channels import Choice, Downmix
from edge_asc.demo.sources.source import Block, SourceCounts

BLOCK_S = 0.1  # of a paced file, as a microphone gives it
BULK_S = 1.0  # as fast as possible
MAX_LAG_S = 4.0  # of a reader behind the clock; then audio is lost, as a microphone's would be


class FileSource:
    """A recording in any format that libsndfile reads, mono, at its own rate.

    With `realtime` each block comes only when it would have sounded. `channel` says which one is
    heard (`edge_asc.demo.sources.channels`).

    Raises:
        AudioError: the file is unusable.
        ValueError: it has no such channel.
    """

    def __init__(
        self,
        path: Path,
        realtime: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        channel: Choice = None,
    ) -> None:
        info = probe(path)
        self.name = str(path)
        self.rate_hz = info.sample_rate_hz
        self.counts = SourceCounts()
        self.state: State = "listening"
        self._clock, self._sleep = clock, sleep
        self._realtime = realtime
        block_s = BLOCK_S if realtime else BULK_S
        self._downmix = Downmix(channel, self.name)
        self._downmix.check(info.channels)
        mix = partial(self._downmix, rate_hz=self.rate_hz)
        self._blocks: Iterator[Floats] = blocks(path, self.rate_hz, block_s, mix)
        self._next: Floats | None = None  # waits for its time
        self._started_s: float | None = None
        self._n_read = 0  # samples

    def read(self, timeout_s: float) -> Block | None:
        """The next block; None when its time has not come, or the file has ended.

        Raises:
            AudioError: the file cannot be decoded any further.
        """
        if self._next is None:
            self._next = self._decoded()
        if self._next is None:
            self.state = "ended"
            return None
        end_s = self._end_s() if self._realtime else None
        if end_s is not None and not self._reached(end_s, timeout_s):
            return None
        samples, self._next = self._next, None
        return Block(samples, self.rate_hz, end_s=end_s)

    def _decoded(self) -> Floats | None:
        """The next block that is not too late."""
        for samples in self._blocks:
            self._n_read += len(samples)
            if not self._realtime or self._clock() - self._end_s() <= MAX_LAG_S:
                return samples
            self.counts.dropped_s += len(samples) / self.rate_hz
        return None

    def _end_s(self) -> float:
        """When the last sample read so far sounds."""
        if self._started_s is None:
            self._started_s = self._clock()
        return self._started_s + self._n_read / self.rate_hz

    def _reached(self, when_s: float, timeout_s: float) -> bool:
        wait_s = when_s - self._clock()
        if wait_s > 0:
            self._sleep(min(wait_s, timeout_s))
        return wait_s <= timeout_s

    def notices(self) -> list[str]:
        """What is wrong with its channels."""
        return self._downmix.notices()

    def close(self) -> None:
        """Close the file."""
        self._blocks = iter(())
