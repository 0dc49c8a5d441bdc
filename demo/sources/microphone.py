"""A microphone that is opened again, for as long as it takes, when it goes away.

Calls into PortAudio run in threads of their own, so that reading goes on whatever they do. One that
does not return ends this source: `CaptureHung`, after which only a new process can record.
"""

import time
from contextlib import suppress
from dataclasses import replace

from edge_asc.demo.events import State
from edge_asc.demo.sources.capture import Capture
from edge_asc.demo.sources.channels import Choice, parse_channel
from edge_asc.demo.sources.microphones import (
    MicrophoneInfo,
    find,
    find_again,
    inputs,
    recording_format,
    twins_of,
)
from edge_asc.demo.sources.portaudio import GuardedCall, NoMicrophone, reinitialise
from edge_asc.demo.sources.recovery import Recovery
from edge_asc.demo.sources.source import Block, CaptureHung, SourceCounts

__all__ = ["CaptureHung", "Microphone", "NoMicrophone"]

POLL_S = 0.05  # four times as often costs 0.3 % of a core more, and brings 20 ms
OPEN_LIMIT_S = 10.0  # to look at all microphones of a slow machine
CLOSE_LIMIT_S = 3.0  # it takes milliseconds
END_LIMIT_S = 0.8  # for `close`, which has to be back within a second


class Microphone:
    """A `Source` that reads from PortAudio.

    Once it was found, it is looked for by its name, wherever it is plugged in.

    Args:
        wanted: an index, a name or a part of one; None for the default.
        wait: whether to wait for a microphone that is not there at the start, as for one that was
            lost. One that is there and does not open, because it is in use, is always waited for.
        channel: which one is heard (`edge_asc.demo.sources.channels`).

    Raises:
        NoMicrophone: without `wait`: what never heals by itself. No library, no microphone at
            all, none of that name or more than one, or without that channel.
        OSError: without `wait`: the sound system hangs.
    """

    def __init__(
        self,
        wanted: str | int | None = None,
        *,
        wait: bool = False,
        channel: Choice = None,
    ) -> None:
        self._wanted, self._channel = wanted, parse_channel(channel)
        self._known: MicrophoneInfo | None = None  # once it was open
        self._twins: frozenset[str] = frozenset()  # that were there beside it
        self._capture: Capture | None = None
        self._tried = False
        self._broken = False  # the next block does not follow the last
        self._closed = False
        self.counts = SourceCounts()
        self._recovery = Recovery("microphone" if wanted is None else str(wanted))
        opening = self._opening()
        self._call: GuardedCall[Capture | None] | None = opening
        if not wait:
            self._wait_for(opening)

    @property
    def name(self) -> str:
        """As `wanted` takes it; before it was found, what was asked for."""
        return self._recovery.name

    @property
    def state(self) -> State:
        """How it is."""
        return self._recovery.state

    def read(self, timeout_s: float) -> Block | None:
        """The audio since the last call; None when none came in time, or only zeros for long.

        Raises:
            CaptureHung: PortAudio hangs.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._closed:
            block = self._take()
            self._mend()
            left_s = deadline_s - time.monotonic()
            if block is not None or left_s <= 0:
                return block
            time.sleep(min(POLL_S, left_s))
        return None

    def notices(self) -> list[str]:
        """What was not told yet."""
        captured = [] if self._capture is None else self._capture.notices()
        return self._recovery.notices() + captured

    def close(self) -> None:
        """Let go of the microphone, within 1 s.

        Raises:
            CaptureHung: PortAudio does not let go. The process can end all the same.
        """
        self._closed = True
        self._recovery.state = "ended"
        deadline_s = time.monotonic() + END_LIMIT_S
        call, self._call = self._call, None
        if call is not None:
            with suppress(OSError):  # that it could not be opened
                self._capture = call.result(END_LIMIT_S)
        if self._capture is not None:
            self._closing(self._capture).result(max(0.0, deadline_s - time.monotonic()))

    def _take(self) -> Block | None:
        block = None if self._capture is None else self._capture.take()
        if block is None:
            return None
        self._recovery.heard(time.monotonic(), bool(block.samples.any()))
        if self._recovery.state == "silent":
            self._broken = True
            return None
        joins, self._broken = block.joins and not self._broken, False
        return replace(block, joins=joins)

    def _mend(self) -> None:
        """Go on with what has to be done about the microphone, without waiting."""
        now_s = time.monotonic()
        if self._call is not None:
            if self._call.returned():
                self._collect(self._call)
        elif self._capture is None:
            if now_s >= self._recovery.retry_s:
                self._call = self._opening()
        elif self._recovery.must_reopen(now_s, self._capture.heard_s, self._capture.ended):
            self._call = self._closing(self._capture)

    def _opening(self) -> GuardedCall[Capture | None]:
        return GuardedCall(self._open, OPEN_LIMIT_S, f"opening {self.name}")

    def _closing(self, capture: Capture) -> GuardedCall[Capture | None]:
        self._capture = None
        return GuardedCall(capture.close, CLOSE_LIMIT_S, f"closing {self.name}")

    def _open(self) -> Capture | None:
        """In a thread of its own."""
        if self._tried:
            reinitialise()
        self._tried = True
        there, known = inputs(), self._known
        if known is None:
            found = find(there, self._wanted)
            self._twins = twins_of(there, found)
        else:
            found = find_again(there, known, self._twins)
        rate_hz, n_channels = recording_format(found, self._channel)
        capture = Capture(found, rate_hz, n_channels, self.counts, self._channel)
        if self._closed:  # and nobody may be there to close it
            return None
        capture.start()
        return capture

    def _wait_for(self, first: GuardedCall[Capture | None]) -> None:
        """Wait for the first opening; raise what waiting longer would not mend."""
        try:
            first.result()
        except CaptureHung as error:
            raise OSError(str(error)) from error
        except NoMicrophone:
            raise
        except OSError:  # in use, perhaps: `read` tells, and tries again
            pass
        self._mend()

    def _collect(self, call: GuardedCall[Capture | None]) -> None:
        """Take what a call that has returned leaves."""
        self._call = None
        try:
            self._capture = call.result()
        except OSError as error:
            self._recovery.failed(time.monotonic(), str(error))
        if self._capture is None:
            return
        if self._known is not None:
            self.counts.reopens += 1
            self._broken = True
        self._known = self._capture.microphone
        self._recovery.name = self._known.lasting_name
        self._recovery.opened(time.monotonic())
