"""A short recording, and whether a microphone sounds as it should.

Letters: n samples.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_asc.demo.doctor.findings import Finding, finding
from edge_asc.demo.hearing.levels import Loudness, dbfs
from edge_asc.demo.sources.source import Block, Source

RECORD_S = 3.0
SETTLE_S = 0.5  # not looked at: microphones click when they are opened
FIRST_S = 5.0  # until the first audio
READ_TIMEOUT_S = 0.1
CLIPPED_SHARE = 1e-4  # of the samples; fewer are not heard
QUIET_DBFS = -65.0  # below the noise of a quiet room in most microphones
LEAST_RATE_HZ = 32_000  # what models listen to goes up to 16 kHz and more
OFFSET_DBFS = -34.0  # 2 % of full scale
ZEROS_S = 0.002  # in a row, amid sound: a converter's noise never gives so many
CLOCK_TOLERANCE = 0.1  # of the rate; audio comes in bursts of up to 0.15 s
MIXER = "alsamixer, F6 for the card, F4 for capture"


@dataclass(frozen=True)
class Recorded:
    """What was recorded."""

    name: str  # of the microphone
    samples: np.ndarray  # `[n]`, full scale 1
    rate_hz: int  # their rate; 0 when none came
    taken_s: float  # how long they took to come
    losses: int = 0  # how often audio was lost meanwhile
    notices: tuple[str, ...] = ()  # what the source had to say


def record(source: Source, seconds: float = RECORD_S) -> Recorded:
    """Record from an open source, after a moment in which it settles."""
    if next(_blocks(source, FIRST_S), None) is not None:
        for _ in _blocks(source, SETTLE_S):
            pass
    begin_s = end_s = time.monotonic()
    overruns = source.counts.overruns
    blocks = []
    for block in _blocks(source, seconds):
        blocks.append(block)
        end_s = time.monotonic()
    samples = [block.samples for block in blocks]
    breaks = sum(not block.joins for block in blocks)
    return Recorded(
        name=source.name,
        samples=np.concatenate(samples) if samples else np.empty(0, np.float32),
        rate_hz=blocks[-1].rate_hz if blocks else 0,
        taken_s=end_s - begin_s,
        losses=max(breaks, source.counts.overruns - overruns),
        notices=tuple(source.notices()),
    )


def _blocks(source: Source, seconds: float) -> Iterator[Block]:
    """What comes within a time."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s and source.state != "ended":
        if block := source.read(READ_TIMEOUT_S):
            yield block


def judge(recorded: Recorded) -> Iterator[Finding]:
    """What is to be said of a recording."""
    samples = recorded.samples
    if not len(samples):
        fact = "; ".join(recorded.notices) or f"no audio came from {recorded.name}"
        cure = "unplug it and plug it in again; is another program using it? fuser -v /dev/snd/*"
        yield Finding("recording", "fail", fact, cure)
    elif not samples.any():
        fact = f"nothing but zeros came from {recorded.name}"
        cure = f"is it muted? {MIXER}; else try another USB port"
        yield Finding("recording", "fail", fact, cure)
    else:
        seconds = len(samples) / recorded.rate_hz
        fact = f"{seconds:.1f} s from {recorded.name} at {recorded.rate_hz} Hz"
        yield Finding("recording", "ok", fact)
        yield _band(recorded.rate_hz)
        yield level(_loudness(samples))
        yield _offset(samples)
        yield _dropouts(recorded)


def _band(rate_hz: int) -> Finding:
    fact = f"sound up to {rate_hz / 2:g} Hz"
    cure = "models that were trained at 44100 Hz miss the rest: another microphone, no headset"
    return finding("band", fact, (rate_hz < LEAST_RATE_HZ, "warn", cure))


def _loudness(samples: np.ndarray) -> Loudness:
    found = Loudness()
    found.add(samples)
    return found


def level(loudness: Loudness) -> Finding:
    """Whether a recording is neither too loud nor too quiet."""
    fact = f"{round(loudness.level_dbfs)} dBFS, peak {round(loudness.peak_dbfs)} dBFS"
    if loudness.clipped_share > CLIPPED_SHARE:
        fact += f", {float(f'{100 * loudness.clipped_share:.2g}'):g} % of it clipped"
        return Finding("level", "warn", fact, f"turn the gain down: {MIXER}")
    if loudness.level_dbfs < QUIET_DBFS:
        return Finding("level", "warn", f"{fact}: very quiet", f"turn the gain up: {MIXER}")
    return Finding("level", "ok", f"{fact}, no clipping")


def _offset(samples: np.ndarray) -> Finding:
    offset = float(samples.mean(dtype=np.float64))
    fact = f"{100 * offset:+.2f} % of full scale"
    cure = "the lowest bands are disturbed: another sound card, or a model with pre-emphasis"
    return finding("DC offset", fact, (dbfs(abs(offset)) > OFFSET_DBFS, "warn", cure))


def _dropouts(recorded: Recorded) -> Finding:
    rate_hz, longest = recorded.rate_hz, longest_zeros(recorded.samples)
    seen_hz = len(recorded.samples) / recorded.taken_s
    troubles = []
    if recorded.losses:
        troubles.append(f"audio was lost {recorded.losses} times")
    if longest > ZEROS_S * rate_hz:
        troubles.append(f"{1000 * longest / rate_hz:.0f} ms of zeros amid sound")
    if abs(seen_hz / rate_hz - 1) > CLOCK_TOLERANCE:
        troubles.append(f"{seen_hz:.0f} samples a second came, not {rate_hz}")
    cure = "another USB port, without a hub; a better power supply; fewer programs"
    fact = "; ".join(troubles) or "none"
    return finding("dropouts", fact, (bool(troubles), "warn", cure))


def longest_zeros(samples: np.ndarray) -> int:
    """How many zeros follow one another at most."""
    sounds = np.flatnonzero(np.concatenate([[1], samples, [1]]))
    return int(np.diff(sounds).max()) - 1
