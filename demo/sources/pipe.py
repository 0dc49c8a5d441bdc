"""A pipe, or a file that is still being written, in place of a microphone."""

import os
import select
import time
from collections.abc import Callable

from edge_asc.audio.samples import check_channel
from edge_asc.demo.events import State
from edge_asc.demo.sources.pcm import Pcm, parse_wav
from edge_asc.demo.sources.source import Block, SourceCounts

READ_BYTES = 1 << 16  # what a pipe holds
POLL_S = 0.05  # at the end of a file that may grow
STALL_S = 3.0  # without audio before it is said


class PipeSource:
    """WAV or raw PCM from a file descriptor, as it comes.

    A pipe that is read too slowly makes its writer wait, so nothing queues up here.

    Args:
        fd: open for reading; closed by `close`.
        raw: what headerless audio is; None: there is a WAV header.
        follow: at the end of the file wait for more, as `tail -f` does.
        realtime: whether audio comes as it sounds, so that latency can be told.
        channel: the one to take, from 1; None: all are averaged.

    Raises:
        ValueError: `raw` has no such channel.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        raw: Pcm | None = None,
        follow: bool = False,
        realtime: bool = False,
        clock: Callable[[], float] = time.monotonic,
        channel: int | None = None,
    ) -> None:
        self.name = name
        self.counts = SourceCounts()
        self.state: State = "starting"
        self._fd, self._pcm, self._clock = fd, raw, clock
        self._follow, self._realtime, self._channel = follow, realtime, channel
        self._held = b""  # not decoded yet: a header, or part of a frame
        self._n_left = raw.n_bytes if raw else None  # bytes of samples, where a header says so
        self._n_samples = 0
        self._last_s = clock()
        self._notices: list[str] = []
        if raw is not None:
            self._check_channel(raw)

    def read(self, timeout_s: float) -> Block | None:
        """What has arrived; None when nothing did within the time, or when it has ended.

        Raises:
            ValueError: it has no header and nobody said what it is; it ends within its header; a
                sample is not finite; it has no such channel.
            OSError: it cannot be read.
        """
        data = self._arrived(timeout_s)
        if data:
            self._held += data
            self._resume()
            return self._block()
        if data is not None and not self._follow:
            self._end()
            return None
        self._check_stall()
        if data is not None:  # the end of a file that may grow
            time.sleep(min(POLL_S, timeout_s))
        return None

    def _arrived(self, timeout_s: float) -> bytes | None:
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return None
        return os.read(self._fd, READ_BYTES)

    def _block(self) -> Block | None:
        if self._pcm is None and not self._parse_header():
            return None
        assert self._pcm is not None
        usable = len(self._held) if self._n_left is None else min(len(self._held), self._n_left)
        usable -= usable % self._pcm.frame_bytes
        if not usable:
            return None
        data, self._held = self._held[:usable], self._held[usable:]
        if self._n_left is not None:
            self._n_left -= usable
            if self._n_left < self._pcm.frame_bytes:
                self.state = "ended"
        try:
            samples = self._pcm.decode(data, self._n_samples, self._channel)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        self._n_samples += len(samples)
        return Block(samples, self._pcm.rate_hz, end_s=self._clock() if self._realtime else None)

    def _parse_header(self) -> bool:
        try:
            parsed = parse_wav(self._held)
        except ValueError as error:
            hint = "say what it is, as in --raw 44100:1:s16"
            raise ValueError(f"{self.name}: {error}; if it is raw PCM, {hint}") from error
        if parsed is None:
            return False
        self._pcm, start = parsed
        self._check_channel(self._pcm)
        self._held = self._held[start:]
        self._n_left = None if self._follow else self._pcm.n_bytes  # a growing file's is outdated
        return True

    def _check_channel(self, pcm: Pcm) -> None:
        try:
            check_channel(self._channel, pcm.channels)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    def _end(self) -> None:
        if self._pcm is None:
            found = f"{len(self._held)} bytes" if self._held else "nothing"
            raise ValueError(f"{self.name}: ended after {found}, before any audio")
        self.state = "ended"

    def _check_stall(self) -> None:
        if self.state != "lost" and self._clock() - self._last_s > STALL_S:
            self.state = "lost"
            self._notices.append(f"{self.name}: no audio for {STALL_S:g} s")

    def _resume(self) -> None:
        if self.state == "lost":
            self._notices.append(f"{self.name}: audio again")
        self.state, self._last_s = "listening", self._clock()

    def notices(self) -> list[str]:
        """Stalls and their end."""
        told, self._notices = self._notices, []
        return told

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
