"""How a live classifier is: counted while audio passes, told as a `Health` about once a second."""

import time
from collections import deque

from edge_asc.demo.events import Health
from edge_asc.demo.hearing import machine
from edge_asc.demo.hearing.levels import Level
from edge_asc.demo.sources.source import Block, Source


class Load:
    """Work per second of audio over the latest `span` `tick`s: a minute."""

    def __init__(self, span: int = 60) -> None:
        self._past: deque[tuple[float, float]] = deque(maxlen=span)
        self._audio_s = self._busy_s = 0.0

    def add(self, audio_s: float, busy_s: float) -> None:
        """Count audio, and the time that was spent on it."""
        self._audio_s += audio_s
        self._busy_s += busy_s

    def tick(self) -> float:
        """Close the current second; the real-time factor, 0 without audio."""
        self._past.append((self._audio_s, self._busy_s))
        self._audio_s = self._busy_s = 0.0
        audio_s, busy_s = (sum(column) for column in zip(*self._past, strict=True))
        return busy_s / audio_s if audio_s else 0.0


class Watch:
    """Counts what passes through one source's listening."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._started_s = time.monotonic()
        self._last_audio_s: float | None = None  # monotonic
        self._rate_hz = 0
        self._level, self._load = Level(), Load()
        self.n_decisions = 0
        self._latency_ms: float | None = None

    def took(self, block: Block, busy_s: float) -> None:
        """A block was worked through in so many seconds."""
        self._last_audio_s = time.monotonic() - busy_s
        self._rate_hz = block.rate_hz
        self._level.add(block.samples)
        self._load.add(len(block.samples) / block.rate_hz, busy_s)

    def decided(self, latency_ms: float | None) -> None:
        """A decision was made, so late."""
        self.n_decisions += 1
        self._latency_ms = latency_ms

    def health(self, audio_s: float, model: str) -> Health:
        """How it is now, after so many seconds of audio, with the model of that `id`."""
        clock_s, source, counts = time.monotonic(), self._source, self._source.counts
        level_dbfs, peak_dbfs = self._level.take()
        return Health(
            time_s=time.time(),
            state=source.state,
            source=source.name,
            model=model,
            sample_rate_hz=self._rate_hz,
            uptime_s=clock_s - self._started_s,
            audio_s=audio_s,
            dropped_s=counts.dropped_s,
            overruns=counts.overruns,
            reopens=counts.reopens,
            decisions=self.n_decisions,
            real_time_factor=self._load.tick(),
            latency_ms=self._latency_ms,
            audio_age_s=None if self._last_audio_s is None else clock_s - self._last_audio_s,
            level_dbfs=level_dbfs,
            peak_dbfs=peak_dbfs,
            rss_bytes=machine.rss_bytes(),
            temperature_c=machine.temperature_c(),
            throttled=machine.throttled(),
        )
