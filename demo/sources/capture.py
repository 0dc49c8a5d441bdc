"""One opened microphone: a callback that copies into a ring, and a reader that takes blocks out.

PortAudio calls from a thread of its own. What the callback notes for the reader is written by it
alone, each in one assignment. Letters: n frames, C channels.
"""

import time
from typing import Any

import numpy as np

from edge_asc.demo.sources.channels import Choice, Downmix
from edge_asc.demo.sources.microphones import MicrophoneInfo
from edge_asc.demo.sources.portaudio import errors_of, sounddevice
from edge_asc.demo.sources.ring import Ring
from edge_asc.demo.sources.source import Block, SourceCounts

RING_S = 8.0  # a reader may be late by three quarters of it
CALLBACKS_HZ = 20  # each costs 0.1 ms
# The system's own buffer. A callback that comes late, because the interpreter is busy, loses
# nothing for half a second; the sound comes in bursts of up to 0.15 s.
LATENCY_S = 0.5


class Capture:
    """A microphone that is recorded from, from `start` to `close`.

    `channel` says which one is heard (`edge_asc.demo.sources.channels`); what is lost is counted
    in `counts`.
    """

    def __init__(
        self,
        microphone: MicrophoneInfo,
        rate_hz: int,
        n_channels: int,
        counts: SourceCounts,
        channel: Choice = None,
    ) -> None:
        self.microphone, self.rate_hz = microphone, rate_hz
        self._downmix = Downmix(channel, microphone.lasting_name)
        self.ended = False  # PortAudio will not call any more
        self._counts = counts
        self._ring = Ring(round(RING_S * rate_hz), n_channels)
        self._latest = (0, 0.0)  # frames up to the last callback, and when it came
        self._n_taken = 0  # frames, the dropped ones too
        self._started_s = time.monotonic()
        self._stream: Any = None

    @property
    def heard_s(self) -> float:
        """`time.monotonic()` of the last callback, or of the start."""
        return max(self._started_s, self._latest[1])

    def start(self) -> None:
        """Open the microphone and record.

        Raises:
            OSError: it does not open.
        """
        with errors_of(f"{self.microphone.name} does not open"):
            self._stream = sounddevice().InputStream(
                device=self.microphone.index,
                channels=self._ring.n_channels,
                samplerate=self.rate_hz,
                blocksize=self.rate_hz // CALLBACKS_HZ,
                dtype="float32",
                latency=LATENCY_S,
                callback=self.callback,
                finished_callback=self._finished,
            )
            self._stream.start()
        self._started_s = time.monotonic()

    def callback(self, frames: np.ndarray, n: int, times: Any, status: Any) -> None:
        """In PortAudio's thread: copy the frames `[n, C]` and leave."""
        if status.input_overflow:
            self._counts.overruns += 1
        self._ring.write(frames)
        self._latest = (self._ring.n_written, time.monotonic())

    def _finished(self) -> None:
        self.ended = True

    def take(self) -> Block | None:
        """All that has come since the last call; None when nothing has."""
        n_frames, time_s = self._latest
        if n_frames <= self._n_taken:
            return None
        taken = self._ring.read()
        self._counts.dropped_s += taken.n_dropped / self.rate_hz
        self._n_taken = taken.end
        # The last sample of a callback has just sounded. What PortAudio calls input latency is the
        # length of the whole buffer, and the age it gives each callback jumps by 50 ms and more.
        end_s = time_s + (taken.end - n_frames) / self.rate_hz
        return Block(self._downmix(taken.frames, self.rate_hz), self.rate_hz, end_s=end_s)

    def notices(self) -> list[str]:
        """What is wrong with what comes, and was not told yet."""
        return self._downmix.notices()

    def close(self) -> None:
        """Let go of the microphone. May hang; `stop` instead of `abort` would do so more often."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort()
            stream.close()
