"""What a person who records should know while there is time: too loud, too quiet, audio lost.

Times are those of the audio, so that a file read at full speed is judged as a microphone is.
"""

from collections.abc import Iterator

import numpy as np

from edge_asc.demo.doctor.recording import CLIPPED_SHARE, MIXER, QUIET_DBFS
from edge_asc.demo.hearing.levels import Loudness
from edge_asc.demo.sources.source import Source

JUDGED_S = 1.0  # of audio at a time
AGAIN_S = 10.0  # before the same is said again
QUIET_S = 3  # seconds in a row; a pause between two sounds is shorter


class Watch:
    """Judges what passes; what was not told yet comes from `heard` and `trouble`, a line each."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._second = Loudness()  # the one that is being heard
        self._clipped, self._clipped_told_s = 0, -AGAIN_S
        self._heard_s = 0.0
        self._quiet_s, self._only_zeros = 0.0, True
        self._told = (source.counts.overruns, source.counts.dropped_s)

    def heard(self, samples: np.ndarray, rate_hz: int) -> Iterator[str]:
        """Take samples `[n]`."""
        self._second.add(samples)
        if self._second.n_samples >= JUDGED_S * rate_hz:
            second, self._second = self._second, Loudness()
            length_s = second.n_samples / rate_hz
            self._heard_s += length_s
            yield from self._too_loud(second)
            yield from self._too_quiet(second, length_s)

    def trouble(self) -> Iterator[str]:
        """What the source has to say, and what it lost."""
        yield from self._source.notices()
        counts, (overruns, dropped_s) = self._source.counts, self._told
        self._told = counts.overruns, counts.dropped_s
        if counts.overruns > overruns:
            yield f"audio was lost: {counts.overruns - overruns} overruns of the sound system"
        if counts.dropped_s > dropped_s:
            yield f"audio was lost: {counts.dropped_s - dropped_s:.1f} s, this machine is too busy"

    def _too_loud(self, second: Loudness) -> Iterator[str]:
        if second.clipped_share > CLIPPED_SHARE:
            self._clipped += second.n_clipped
        if self._clipped and self._heard_s - self._clipped_told_s >= AGAIN_S:
            yield (
                f"too loud: {self._clipped} samples at full scale;"
                f" go further away, or turn the gain down: {MIXER}"
            )
            self._clipped, self._clipped_told_s = 0, self._heard_s

    def _too_quiet(self, second: Loudness, length_s: float) -> Iterator[str]:
        """Said once, until it is louder."""
        if second.level_dbfs >= QUIET_DBFS:
            self._quiet_s, self._only_zeros = 0.0, True
            return
        before_s, self._quiet_s = self._quiet_s, self._quiet_s + length_s
        self._only_zeros &= second.only_zeros
        if before_s < QUIET_S <= self._quiet_s:
            if self._only_zeros:
                yield f"only silence: is the microphone muted? {MIXER}"
            else:
                yield f"very quiet, {second.level_dbfs:.0f} dBFS: turn the gain up: {MIXER}"
