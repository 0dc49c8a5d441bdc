"""A pipe, or a file that is still being written, in place of a microphone."""

import os
import select
import time
from collections.abc import Callable

from edge_asc.demo.events import State
from edge_asc.demo.sources.channels import Choice, Downmix
from edge_asc.demo.sources.pcm import Pcm, another_header, parse_wav
from edge_asc.demo.sources.source import Block, SourceCounts

READ_BYTES = 1 << 16  # what a pipe holds
POLL_S = 0.05  # at the end of a file that may grow
STALL_S = 3.0  # without audio before it is said
MOST_WAV_BYTES = 0x7FFF0000  # where recorders end a WAV stream, whose header has 32 bits for them


class PipeSource:
    """WAV or raw PCM from a file descriptor, as it comes.

    A pipe that is read too slowly makes its writer wait, so nothing queues up here.

    Args:
        fd: open for reading; closed by `close`.
        raw: what headerless audio is; None: there is a WAV header.
        follow: at the end of the file wait for more, as `tail -f` does.
        realtime: whether audio comes as it sounds, so that latency can be told.
        channel: which one is heard (`edge_asc.demo.sources.channels`).

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
        channel: Choice = None,
    ) -> None:
        self.name = name
        self.counts = SourceCounts()
        self.state: State = "starting"
        self._fd, self._pcm, self._clock = fd, raw, clock
        self._follow, self._realtime = follow, realtime
        self._downmix = Downmix(channel, name)
        self._has_header = raw is None
        self._said = ""  # what the latest header says, as --raw takes it
        self._held = b""  # not decoded yet: a header, or part of a frame
        self._n_left = raw.n_bytes if raw else None  # bytes of samples, where a header says so
        self._n_bytes = 0  # of samples behind the latest header
        self._last_s = clock()
        self._notices: list[str] = []
        if raw is not None:
            self._downmix.check(raw.channels)

    def read(self, timeout_s: float) -> Block | None:
        """What has arrived; None when nothing did within the time, or when it has ended.

        Raises:
            ValueError: it has no header and nobody said what it is; it ends within its header, or
                where WAV cannot go on; it has no such channel.
            OSError: it cannot be read.
        """
        if self._pcm is None and self._held and (block := self._block()):
            return block  # what stands behind a header that came again
        data = self._arrived(timeout_s)
        if data:
            self._held += data
            self._resume()
            return self._block()
        if data is not None and not self._follow:
            if self._held and (block := self._block(last=True)):
                return block
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

    def _block(self, last: bool = False) -> Block | None:
        """The samples that are held, up to a header that comes again; `last`: nothing follows."""
        if self._pcm is None and not self._parse_header():
            return None
        assert self._pcm is not None
        pcm, end, header = self._pcm, len(self._held), False
        if self._has_header:
            place, header = another_header(self._held)
            end = place if header or not last else end
        usable = end if self._n_left is None else min(end, self._n_left)
        usable -= usable % pcm.frame_bytes
        data, self._held = self._held[:usable], self._held[usable:]
        if self._n_left is not None:
            self._n_left -= usable
        ended = self._n_left is not None and self._n_left < pcm.frame_bytes
        if header or ended:  # part of a frame, or chunks behind the samples
            self._held = self._held[end - usable :]
        if header:
            self._pcm = None
        return self._block_of(data, pcm) if data else None

    def _block_of(self, data: bytes, pcm: Pcm) -> Block:
        samples = self._downmix(pcm.decode(data), pcm.rate_hz)
        self._n_bytes += len(data)
        return Block(samples, pcm.rate_hz, end_s=self._clock() if self._realtime else None)

    def _parse_header(self) -> bool:
        try:
            parsed = parse_wav(self._held)
        except ValueError as error:
            hint = "say what it is, as in --raw 44100:1:s16"
            raise ValueError(f"{self.name}: {error}; if it is raw PCM, {hint}") from error
        if parsed is None:
            return False
        pcm, start = parsed
        self._downmix.check(pcm.channels)
        self._pcm, self._said = pcm, f"{pcm.rate_hz}:{pcm.channels}:{pcm.coding}"
        self._held = self._held[start:]
        self._n_left = None if self._follow else pcm.n_bytes  # a growing file's is outdated
        self._n_bytes = 0
        return True

    def _end(self) -> None:
        if self._pcm is None and not self._n_bytes:
            found = f"{len(self._held)} bytes" if self._held else "nothing"
            raise ValueError(f"{self.name}: ended after {found}, before any audio")
        self.state = "ended"
        if self._has_header and self._n_left is None and self._n_bytes >= MOST_WAV_BYTES:
            raise ValueError(
                f"{self.name}: ended after {self._n_bytes:,} bytes: a WAV stream cannot go on;"
                f" raw samples can: arecord -t raw …, and --raw {self._said}"
            )
        if self._has_header and self._n_left is None and not self._follow:
            self._notices.append(f"{self.name}: the stream, which said no length, has ended")

    def _check_stall(self) -> None:
        if self.state != "lost" and self._clock() - self._last_s > STALL_S:
            self.state = "lost"
            self._notices.append(f"{self.name}: no audio for {STALL_S:g} s")

    def _resume(self) -> None:
        if self.state == "lost":
            self._notices.append(f"{self.name}: audio again")
        self.state, self._last_s = "listening", self._clock()

    def notices(self) -> list[str]:
        """Stalls and their end, and what is wrong with the channels."""
        told, self._notices = self._notices, []
        return told + self._downmix.notices()

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
