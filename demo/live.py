"""The live loop: a source's audio becomes decisions, and every output hears of them.

One thread. A block is resampled to the model's rate, becomes features and, at every hop, a
prediction; predictions are smoothed into decisions. Once a second the outputs get a `Health`.
"""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from edge_asc.audio.resampler import Resampler
from edge_asc.demo.events import UNSURE, Decision, Notice, State
from edge_asc.demo.health import Watch
from edge_asc.demo.hearing.levels import Gate, Level
from edge_asc.demo.hearing.smoothing import Smoothed, Smoother, Smoothing
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.sources.source import Block, Source
from edge_asc.runtime.answers.stream import FeatureWindows
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.classify_report import prediction_dict

PIECE_S = 0.25  # levels are as exact
READ_TIMEOUT_S = 0.1  # also how soon a signal is noticed
HEALTH_S = 1.0
BEHIND_NOTICE_S = 60.0  # lost audio is said at most this often


class Live:
    """Listens to a source until it ends or is told to stop.

    The caller closes source and output.

    Args:
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
        self._windows = FeatureWindows(classifier, hop_s, on_frames=output.on_frames)
        hop_s = self._windows.hop_s
        self._smoother = Smoother(smoothing or Smoothing(), hop_s)
        self._gate = Gate(gate_dbfs, math.ceil(classifier.metadata.clip_s / hop_s))
        self._level, self._watch = Level(), Watch(source)
        self._started_unix_s = time.time()
        self._resampler: Resampler | None = None
        self._begun_s = 0.0  # position in the audio at which the last break was
        self._n_taken = 0  # samples of the source since
        self._shown: str | None = None
        self._next_health_s = self._next_behind_s = time.monotonic()
        self._told_state: State | None = None
        self._told_dropped_s = 0.0

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

    def _take(self, block: Block) -> None:
        started = time.perf_counter()
        if self._resampler is None or not block.joins or block.rate_hz != self._resampler.from_hz:
            self._resampler = self._begin(block.rate_hz)
        self._n_taken += len(block.samples)
        self._hear(self._resampler(block.samples), block.end_s)
        self._watch.took(block, time.perf_counter() - started)

    def _begin(self, rate_hz: int) -> Resampler:
        """Audio that does not follow what was heard before."""
        self._begun_s, self._n_taken = self._position_s, 0
        self._windows.reset()
        self._smoother.reset()
        self._gate.reset()
        self._output.on_begin(self._begun_s)
        return Resampler(rate_hz, self._classifier.frontend.sample_rate_hz)

    def _hear(self, samples: np.ndarray, end_s: float | None) -> None:
        if len(samples):
            self._output.on_audio(samples)
        for piece in self._pieces(samples):
            self._level.add(piece)
            for window in self._windows.feed(piece):
                self._decide(*window, end_s)

    def _pieces(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """A block may hold many hops, each with a level of its own."""
        n = int(PIECE_S * self._classifier.frontend.sample_rate_hz)
        for start in range(0, len(samples), n):
            yield samples[start : start + n]

    def _decide(self, start_s: float, features: np.ndarray, block_end_s: float | None) -> None:
        """What is shown once a window has been heard that began at `start_s` after the break."""
        begun_s = time.perf_counter()
        prediction = self._classifier.predict(features)
        inference_s = time.perf_counter() - begun_s
        smoothed = self._smoother.update(prediction)
        level_dbfs, peak_dbfs = self._level.take()
        scene = self._scene(smoothed, level_dbfs)
        window_end_s = start_s + self._classifier.metadata.clip_s
        time_s, latency_ms = self._when(window_end_s, block_end_s)
        self._watch.decided(latency_ms)
        by_label = prediction_dict(smoothed.mean, self._classifier.metadata) | {"scene": scene}
        decision = Decision(
            **by_label,
            time_s=time_s,
            position_s=self._begun_s + window_end_s,
            changed=scene != self._shown,
            confidence=float(smoothed.mean.scene.max()),
            level_dbfs=level_dbfs,
            peak_dbfs=peak_dbfs,
            inference_ms=1000 * inference_s,
            latency_ms=latency_ms,
        )
        self._shown = scene
        self._output.on_decision(decision)

    def _scene(self, smoothed: Smoothed, level_dbfs: float) -> str:
        """The label to show."""
        if not self._gate.is_open(level_dbfs):
            self._smoother.reset()  # a microphone's own noise does not weigh on what is heard next
            return UNSURE
        labels = self._classifier.metadata.labels
        return UNSURE if smoothed.shown is None else labels[smoothed.shown]

    def _when(self, window_end_s: float, block_end_s: float | None) -> tuple[float, float | None]:
        """Unix time of a window's last sample, and the milliseconds that have passed since.

        Audio that no clock paces is dated as if it had been played from the start.
        """
        if block_end_s is None:
            return self._started_unix_s + self._begun_s + window_end_s, None
        not_in_window_s = self._position_s - self._begun_s - window_end_s
        age_s = time.monotonic() - block_end_s + not_in_window_s
        return time.time() - age_s, 1000 * age_s

    @property
    def _position_s(self) -> float:
        """Seconds of audio taken so far."""
        rate_hz = self._resampler.from_hz if self._resampler else 1
        return self._begun_s + self._n_taken / rate_hz

    def _finish(self) -> None:
        """The source has ended: what the resampler and the last frames hold back is heard too."""
        if self._resampler is not None:
            self._hear(self._resampler.flush(), None)
            for window in self._windows.flush(all_sound=False):
                self._decide(*window, None)
        if not self._watch.n_decisions:
            window_s = self._classifier.metadata.clip_s
            self._notice(
                f"{self._source.name}: {self._position_s:.1f} s of audio,"
                f" less than one window of {window_s:g} s"
            )

    def _tell(self, now: bool = False) -> None:
        for text in [*self._source.notices(), *self._output.notices()]:
            self._notice(text)
        clock_s, state = time.monotonic(), self._source.state
        if now or clock_s >= self._next_health_s or state != self._told_state:
            self._next_health_s, self._told_state = clock_s + HEALTH_S, state
            self._tell_behind(clock_s)
            self._output.on_health(self._watch.health(self._position_s))

    def _tell_behind(self, clock_s: float) -> None:
        dropped_s = self._source.counts.dropped_s
        if dropped_s > self._told_dropped_s and clock_s >= self._next_behind_s:
            lost_s, self._told_dropped_s = dropped_s - self._told_dropped_s, dropped_s
            self._next_behind_s = clock_s + BEHIND_NOTICE_S
            self._notice(f"falling behind: {lost_s:.1f} s of audio dropped")

    def _notice(self, text: str) -> None:
        self._output.on_notice(Notice(time_s=time.time(), text=text))
