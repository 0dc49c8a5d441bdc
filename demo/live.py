"""The live loop: a source's audio becomes decisions, and every output hears of them.

One thread. A block is resampled to the model's rate, becomes features and, at every hop, a
prediction; predictions are smoothed into decisions. Once a second the outputs get a `Health`.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from edge_asc.audio.resampler import Resampler
from edge_asc.demo.events import UNSURE, Decision, Notice, State
from edge_asc.demo.hearing.health import Watch
from edge_asc.demo.hearing.levels import Gate, Level
from edge_asc.demo.hearing.smoothing import Smoothed, Smoother, Smoothing
from edge_asc.demo.hearing.trial import try_out
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.sources.source import Block, Source
from edge_asc.runtime.answers.report import prediction_dict
from edge_asc.runtime.answers.stream import FeatureWindows
from edge_asc.runtime.classifier import Classifier

PIECE_S = 0.25  # levels are as exact
READ_TIMEOUT_S = 0.1  # also how soon a signal is noticed
HEALTH_S = 1.0
LEAST_BAND = 0.9  # of what the model listens to, that a source must carry
BEHIND_NOTICE_S = 60.0  # lost audio is said at most this often


class Live:
    """Listens to a source until it ends or is told to stop.

    The caller closes source and output.

    Args:
        smoothing: how much is smoothed, or what says so for a model.
        gate_dbfs: level that something in the window must reach to be named; None: any level.
    """

    def __init__(
        self,
        source: Source,
        classifier: Classifier,
        output: Output,
        hop_s: float = 1.0,
        smoothing: Smoothing | Callable[[Classifier], Smoothing] | None = None,
        gate_dbfs: float | None = None,
    ) -> None:
        self._source, self._classifier, self._output = source, classifier, output
        self._smoothing = smoothing or Smoothing()
        self._gate_dbfs, self._hop_s = gate_dbfs, hop_s
        self._next: deque[Classifier] = deque(maxlen=1)  # handed over by other threads
        self._said: deque[str] = deque()  # and what is to be said of it
        self._set_up()
        self._level, self._watch = Level(lasting=True), Watch(source)
        self._told_rate_hz = 0  # that carries less than the model listens to
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
            self._exchange()
            if block is not None:
                self._take(block)
            elif self._source.state == "ended":
                self._finish()
                break
            self._tell()
        self._tell(now=True)

    def swap(self, classifier: Classifier) -> None:
        """Let another model listen from the next block on; any thread may call this.

        No audio is lost, positions go on, smoothing begins anew. With the same features and window
        the next decision comes when it would have come; with another window, or other features,
        the first window begins here. The model is tried here, in the thread that calls, and is the
        loop's from then on.

        Raises:
            ValueError: it does not answer; a notice says so, too, and the old one goes on.
        """
        try:
            try_out(classifier)
        except ValueError as error:
            text = f"model: {classifier.id} refused, {self._classifier.id} goes on: {error}"
            self.say(text)
            raise ValueError(text) from error
        self._next.append(classifier)

    @property
    def model(self) -> str:
        """`Classifier.id` of the model that listens, or will with the next block."""
        waiting = [*self._next]
        return (waiting[0] if waiting else self._classifier).id

    def say(self, text: str) -> None:
        """Have a notice told to all outputs; any thread may call this."""
        self._said.append(text)

    def _exchange(self) -> None:
        """Put a model that was handed over into the place of the old one."""
        if not self._next:
            return
        old, new = self._classifier, self._next.pop()
        self._classifier = new
        self._output.on_model(new)
        if new.frontend.key() != old.frontend.key():
            self._set_up()
            if self._resampler is not None:
                self._resampler = self._begin(self._resampler.from_hz)
        else:
            self._windows.use(new)
            if new.window_frames != old.window_frames:
                self._gate = self._new_gate()
            self._smoother = self._new_smoother()
        self._notice(f"model: {new.id} instead of {old.id}")

    def _set_up(self) -> None:
        """What becomes decisions, for the model that listens."""
        frames = self._output.on_frames
        self._windows = FeatureWindows(self._classifier, self._hop_s, on_frames=frames)
        self._gate, self._smoother = self._new_gate(), self._new_smoother()

    def _new_gate(self) -> Gate:
        hops = math.ceil(self._classifier.metadata.clip_s / self._windows.hop_s)  # of one window
        return Gate(self._gate_dbfs, hops)

    def _new_smoother(self) -> Smoother:
        given = self._smoothing
        rule = given if isinstance(given, Smoothing) else given(self._classifier)
        return Smoother(rule, self._windows.hop_s)

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
        self._tell_band(rate_hz)
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
        piece_s = min(PIECE_S, self._hop_s)
        n = max(1, int(piece_s * self._classifier.frontend.sample_rate_hz))
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
            model=self._classifier.id,
            changed=scene != self._shown,
            confidence=smoothed.confidence,
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
        said = [self._said.popleft() for _ in range(len(self._said))]
        for text in [*said, *self._source.notices(), *self._output.notices()]:
            self._notice(text)
        clock_s, state = time.monotonic(), self._source.state
        if now or clock_s >= self._next_health_s or state != self._told_state:
            self._next_health_s, self._told_state = clock_s + HEALTH_S, state
            self._tell_behind(clock_s)
            self._output.on_health(self._watch.health(self._position_s, self._classifier.id))

    def _tell_behind(self, clock_s: float) -> None:
        dropped_s = self._source.counts.dropped_s
        if dropped_s > self._told_dropped_s and clock_s >= self._next_behind_s:
            lost_s, self._told_dropped_s = dropped_s - self._told_dropped_s, dropped_s
            self._next_behind_s = clock_s + BEHIND_NOTICE_S
            self._notice(f"falling behind: {lost_s:.1f} s of audio dropped")

    def _tell_band(self, rate_hz: int) -> None:
        """Say when a source carries less than the model listens to, as a telephone's headset."""
        top_hz = self._classifier.frontend.top_hz
        if rate_hz / 2 >= LEAST_BAND * top_hz or rate_hz == self._told_rate_hz:
            return
        self._told_rate_hz = rate_hz
        self._notice(
            f"{self._source.name}: {rate_hz} Hz carries sound up to {rate_hz / 2:g} Hz, and the"
            f" model listens up to {top_hz:g} Hz: names will be wrong more often"
        )

    def _notice(self, text: str) -> None:
        self._output.on_notice(Notice(time_s=time.time(), text=text))
