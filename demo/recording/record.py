"""One recording: from a source that is open to a file that is closed.

Letters: n samples, one channel.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from edge_asc.audio.resampler import Resampler
from edge_asc.demo.hearing.levels import Loudness
from edge_asc.demo.recording.view import View
from edge_asc.demo.recording.watch import Watch
from edge_asc.demo.recording.wav import MAX_SAMPLES, GrowingWav
from edge_asc.demo.sources.source import Block, CaptureHung, Source, SourceCounts

READ_TIMEOUT_S = 0.1  # also how soon a signal is noticed
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Recording:
    """A file that was recorded."""

    path: Path
    source: str  # its name
    rate_hz: int
    loudness: Loudness
    overruns: int  # times the sound system lost audio
    dropped_s: float  # lost because this machine was busy
    breaks: int  # times the microphone went away and came back
    told: tuple[str, ...] = field(default=())  # what was said meanwhile

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.loudness.n_samples / self.rate_hz


def record(
    source: Source,
    folder: Path,
    seconds: float,
    view: View,
    stopped: Stopped,
    countdown_s: int = 0,
    patience_s: float = math.inf,
) -> Recording | None:
    """Write what a source gives to a new file in a folder.

    The caller closes source and view.

    Args:
        source: open.
        folder: that of the class; made with the file.
        seconds: how much audio; less where the source ends or `stopped` tells.
        view: shown and told what happens.
        stopped: whether to end.
        countdown_s: seconds of audio to let pass before; microphones click when they are opened.
        patience_s: how long to wait for audio: nobody may be there to plug the microphone in again.

    Returns:
        The closed file; None where it ended before any audio, and none was made.

    Raises:
        ValueError, OSError: from the source, or the disk. One line; it says how much is kept.
    """
    return _Recorder(source, folder, seconds, view, stopped, patience_s).run(countdown_s)


class _Recorder:
    def __init__(
        self,
        source: Source,
        folder: Path,
        seconds: float,
        view: View,
        stopped: Stopped,
        patience_s: float,
    ) -> None:
        self._source, self._folder, self._seconds = source, folder, seconds
        self._view, self._stopped, self._patience_s = view, stopped, patience_s
        self._file: GrowingWav | None = None
        self._resampler: Resampler | None = None  # a microphone may come back at another rate
        self._loudness, self._told = Loudness(), list[str]()
        self._breaks, self._rate_hz, self._n_left = 0, 0, 0  # until the first block

    def run(self, countdown_s: int) -> Recording | None:
        """Record."""
        try:
            self._count_down(countdown_s)
            self._record()
            if self._file is not None:
                self._file.close()
                return self._recording(self._file)
        except (ValueError, OSError, CaptureHung) as error:
            raise OSError(self._said(error)) from error
        return None

    def _count_down(self, seconds: int) -> None:
        """Listen to so much audio without recording it."""
        self._begin_watch()
        left_s, shown = float(seconds), 0
        while left_s > 0 and (block := next(self._blocks(), None)):
            if shown != math.ceil(left_s):
                shown = math.ceil(left_s)
                self._view.on_countdown(shown)
            left_s -= len(block.samples) / block.rate_hz
            self._view.on_audio(block.samples, block.rate_hz)

    def _record(self) -> None:
        """Until all is there, the source ends or it is told to stop."""
        self._begin_watch()
        for block in self._blocks():
            self._take(block)
            if not self._n_left:
                return

    def _begin_watch(self) -> None:
        counts = self._source.counts
        self._before = SourceCounts(counts.dropped_s, counts.overruns)
        self._told.clear()
        self._watch = Watch(self._source)

    def _blocks(self) -> Iterator[Block]:
        """What comes, until the source ends or it is told to stop."""
        heard_s = time.monotonic()
        while not self._stopped():
            block = self._source.read(READ_TIMEOUT_S)
            self._say(self._watch.trouble())
            if block is not None:
                yield block
                heard_s = time.monotonic()
            elif self._source.state == "ended":
                return
            elif time.monotonic() - heard_s > self._patience_s:
                raise OSError(f"{self._source.name}: no audio for {self._patience_s:.0f} s")

    def _say(self, texts: Iterator[str]) -> None:
        for text in texts:
            self._told.append(text)
            self._view.say(text)

    def _take(self, block: Block) -> None:
        if self._file is None:
            self._n_left = min(max(1, round(self._seconds * block.rate_hz)), MAX_SAMPLES)
            self._rate_hz = block.rate_hz
        elif not block.joins:
            self._breaks += 1
        samples = self._at_rate(block)[: self._n_left]
        if not len(samples):  # a resampler has only begun
            return
        self._n_left -= len(samples)
        if self._file is None:
            self._file = GrowingWav(self._folder, datetime.now(), block.rate_hz, samples)
            self._view.on_start(self._file.path)
        else:
            self._file.append(samples)
        self._loudness.add(samples)
        self._view.on_audio(samples, self._rate_hz)
        self._say(self._watch.heard(samples, self._rate_hz))

    def _at_rate(self, block: Block) -> np.ndarray:
        """A block at the rate of the file."""
        if block.rate_hz == self._rate_hz:
            self._resampler = None
            return block.samples
        if self._resampler is None or self._resampler.from_hz != block.rate_hz:
            self._resampler = Resampler(block.rate_hz, self._rate_hz)
        return self._resampler(block.samples)

    def _recording(self, file: GrowingWav) -> Recording:
        counts, before = self._source.counts, self._before
        return Recording(
            path=file.path,
            source=self._source.name,
            rate_hz=file.rate_hz,
            loudness=self._loudness,
            overruns=counts.overruns - before.overruns,
            dropped_s=counts.dropped_s - before.dropped_s,
            breaks=self._breaks,
            told=tuple(self._told),
        )

    def _said(self, error: Exception) -> str:
        """What went wrong, and what is kept all the same."""
        text = str(error)
        if isinstance(error, OSError) and error.strerror and error.filename:
            text = f"{error.filename}: {error.strerror.lower()}"
        if self._file is None:
            return text
        with suppress(OSError):  # the header of a second ago stands
            self._file.close()
        kept_s = self._file.n_samples / self._file.rate_hz
        kept = "" if text.startswith(str(self._file.path)) else f" in {self._file.path}"
        return f"{text}; {kept_s:.1f} s are kept{kept}"
