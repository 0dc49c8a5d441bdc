"""The live loop: a source's audio becomes decisions, and every output hears of them.

One thread. A block is resampled to the model's rate, becomes features and, at every hop, a
prediction; predictions are smoothed into decisions. Once a second the outputs get a `Health`.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge_asc.audio.decode import RESAMPLER_QUALITY
from edge_asc.demo import machine
from edge_asc.demo.events import UNSURE, Decision, Health, Notice, State
from edge_asc.demo.listener import Heard, Listener
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.smoothing import Smoother, Smoothing
from edge_asc.demo.sources.source import Block, Source
from edge_asc.demo.tally import Gate, Level, Load
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.classify_report import prediction_dict

PIECE_S = 0.25  # levels are as exact
READ_TIMEOUT_S = 0.1  # also how soon a signal is noticed
HEALTH_S = 1.0
BEHIND_NOTICE_S = 60.0  # lost audio is said at most this often


class Resampler:
    """A stream at one rate to another; nothing is done where they are the same."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(
                from_hz, to_hz, 1, dtype="float32", quality=RESAMPLER_QUALITY
            )

    def __call__(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        """Samples `[n]` at the new rate, as many as are ready; all of them with `last`."""
        if self._stream is None:
            return samples
        resampled: np.ndarray = self._stream.resample_chunk(samples, last=last)
        return resampled


@dataclass(frozen=True)
class Joint:
    """Where audio that hangs together began.

    Args:
        position_s: seconds of audio before it.
        n_samples: of the source, taken since.
    """

    position_s: float = 0.0
    n_samples: int = 0


class Live:
    """Listens to a source until it ends or is told to stop.

    Args:
        source: where audio comes from; closed by the caller.
        classifier: a loaded model.
        output: hears of everything; closed by the caller.
        hop_s: seconds from one decision to the next.
        smoothing: of what is shown.
        gate_dbfs: level that something in the window must reach to be named; None: any level.
    """

    def __init__(
        self,
        source: Source,
        classifier: Classifier,
        output: Output,
        hop_s: float = 1.0,
        smoothing: Smoothing | None = None,
        gate_dbfs: float | None = None,
    ) -> None:
        self._source, self._classifier, self._output = source, classifier, output
        self._listener = Listener(classifier, hop_s, output.on_frames)
        self._smoother = Smoother(smoothing or Smoothing(), self._listener.hop_s)
        self._gate = Gate(gate_dbfs, math.ceil(classifier.metadata.clip_s / self._listener.hop_s))
        self._started_s, self._started_unix_s = time.monotonic(), time.time()
        self._resampler: Resampler | None = None
        self._joint = Joint()
        self._level, self._health_level, self._load = Level(), Level(), Load()
        self._last_audio_s: float | None = None  # monotonic
        self._next_health_s = self._started_s
        self._next_behind_s = self._started_s
        self._told_state: State | None = None
        self._n_decisions = 0
        self._shown: str | None = None
        self._latency_ms: float | None = None
        self._dropped_s = 0.0  # as last told

    def run(self, stopped: Callable[[], bool]) -> None:
        """Go on until `stopped()` or the end of the audio.

        Raises:
            ValueError, OSError: from the source; see its `read`.
        """
        while not stopped():
            block = self._source.read(READ_TIMEOUT_S)
            if block is not None:
                self._take(block)
            elif self._source.state == "ended":
                self._finish()
                break
            self._tell()
        self._tell(now=True)

    @property
    def n_decisions(self) -> int:
        """Made so far."""
        return self._n_decisions

    @property
    def position_s(self) -> float:
        """Seconds of audio taken so far."""
        rate_hz = self._resampler.from_hz if self._resampler else 1
        return self._joint.position_s + self._joint.n_samples / rate_hz

    def _take(self, block: Block) -> None:
        started = time.perf_counter()
        if self._resampler is None or not block.joins or block.rate_hz != self._resampler.from_hz:
            self._begin(block.rate_hz)
        assert self._resampler is not None
        n_samples = self._joint.n_samples + len(block.samples)
        self._joint = replace(self._joint, n_samples=n_samples)
        self._last_audio_s = time.monotonic()
        self._health_level.add(block.samples)
        self._hear(self._resampler(block.samples), block.end_s)
        busy_s = time.perf_counter() - started
        self._load.add(len(block.samples) / block.rate_hz, busy_s)

    def _begin(self, rate_hz: int) -> None:
        """Audio that does not follow what was heard before."""
        self._joint = Joint(self.position_s)
        self._resampler = Resampler(rate_hz, self._classifier.frontend.sample_rate_hz)
        self._listener.reset()
        self._smoother.reset()
        self._gate.reset()

    def _hear(self, samples: np.ndarray, end_s: float | None, last: bool = False) -> None:
        if len(samples):
            self._output.on_audio(samples)
        for piece in self._pieces(samples):
            self._level.add(piece)
            for heard in self._listener.feed(piece):
                self._decide(heard, end_s)
        if last:
            for heard in self._listener.flush():
                self._decide(heard, end_s)

    def _pieces(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """A block may hold many hops, each with a level of its own."""
        n = int(PIECE_S * self._classifier.frontend.sample_rate_hz)
        for start in range(0, len(samples), n):
            yield samples[start : start + n]

    def _finish(self) -> None:
        """The source has ended: what the resampler and the last frames hold back is heard too."""
        if self._resampler is not None:
            self._hear(self._resampler(np.empty(0, np.float32), last=True), None, last=True)
        if not self._n_decisions:
            window_s = self._classifier.metadata.clip_s
            self._notice(
                f"{self._source.name}: {self.position_s:.1f} s of audio,"
                f" less than one window of {window_s:g} s"
            )

    def _decide(self, heard: Heard, end_s: float | None) -> None:
        smoothed = self._smoother.update(heard.prediction)
        metadata = self._classifier.metadata
        scene = UNSURE if smoothed.shown is None else metadata.labels[smoothed.shown]
        level_dbfs, peak_dbfs = self._level.take()
        if not self._gate.is_open(level_dbfs):
            scene = UNSURE
            self._smoother.reset()  # a microphone's own noise does not weigh on what is heard next
        time_s, self._latency_ms = self._when(heard.end_s, end_s)
        by_label = prediction_dict(smoothed.mean, metadata) | {"scene": scene}
        decision = Decision(
            **by_label,
            time_s=time_s,
            position_s=self._joint.position_s + heard.end_s,
            changed=scene != self._shown,
            confidence=float(smoothed.mean.scene.max()),
            level_dbfs=level_dbfs,
            peak_dbfs=peak_dbfs,
            inference_ms=1000 * heard.inference_s,
            latency_ms=self._latency_ms,
        )
        self._shown = scene
        self._n_decisions += 1
        self._output.on_decision(decision)

    def _when(self, window_end_s: float, block_end_s: float | None) -> tuple[float, float | None]:
        """Unix time of a window's last sample, and the milliseconds that have passed since.

        Audio that no clock paces is dated as if it had been played from the start.
        """
        if block_end_s is None or self._resampler is None:
            return self._started_unix_s + self._joint.position_s + window_end_s, None
        fed_s = self._joint.n_samples / self._resampler.from_hz
        age_s = time.monotonic() - block_end_s + fed_s - window_end_s
        return time.time() - age_s, 1000 * age_s

    def _tell(self, now: bool = False) -> None:
        for text in [*self._source.notices(), *self._output.notices()]:
            self._notice(text)
        clock_s, state = time.monotonic(), self._source.state
        if now or clock_s >= self._next_health_s or state != self._told_state:
            self._next_health_s, self._told_state = clock_s + HEALTH_S, state
            self._tell_behind(clock_s)
            self._output.on_health(self.health())

    def _tell_behind(self, clock_s: float) -> None:
        dropped_s = self._source.counts.dropped_s
        if dropped_s > self._dropped_s and clock_s >= self._next_behind_s:
            lost_s, self._dropped_s = dropped_s - self._dropped_s, dropped_s
            self._next_behind_s = clock_s + BEHIND_NOTICE_S
            self._notice(f"falling behind: {lost_s:.1f} s of audio dropped")

    def _notice(self, text: str) -> None:
        self._output.on_notice(Notice(time_s=time.time(), text=text))

    def health(self) -> Health:
        """How it is now."""
        clock_s, counts, source = time.monotonic(), self._source.counts, self._source
        level_dbfs, peak_dbfs = self._health_level.take()
        return Health(
            time_s=time.time(),
            state=source.state,
            source=source.name,
            sample_rate_hz=self._resampler.from_hz if self._resampler else 0,
            uptime_s=clock_s - self._started_s,
            audio_s=self.position_s,
            dropped_s=counts.dropped_s,
            overruns=counts.overruns,
            reopens=counts.reopens,
            decisions=self._n_decisions,
            real_time_factor=self._load.tick(),
            latency_ms=self._latency_ms,
            audio_age_s=None if self._last_audio_s is None else clock_s - self._last_audio_s,
            level_dbfs=level_dbfs,
            peak_dbfs=peak_dbfs,
            rss_bytes=machine.rss_bytes(),
            temperature_c=machine.temperature_c(),
            throttled=machine.throttled(),
        )
