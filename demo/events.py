"""What a live classifier says: decisions, its health, and notices. JSON of them is what goes out.

Their JSON carries its kind as `"event"`.

Times: `time_s` is Unix time, `position_s` counts seconds of audio from the start. Levels are in
decibels relative to full scale (dBFS); digital silence is `SILENCE_DBFS`.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from edge_asc.files import inert

UNSURE = "unsure"  # shown instead of a scene; never a label of a model
SILENCE_DBFS = -120.0  # below the noise of any microphone, and finite: JSON has no infinity

State = Literal["starting", "listening", "silent", "lost", "ended"]


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="decision"):
    """What is heard after one window of audio."""

    time_s: float  # Unix time at which the window's last sample sounded
    position_s: float  # where that sample is in the audio
    model: str = ""  # `Classifier.id` of the model that heard it
    scene: str  # the scene shown: smoothed, with hysteresis; `UNSURE` below the confidence floor
    changed: bool  # whether `scene` differs from the decision before (true for the first)
    # Probability that the window gives the likeliest scene, after smoothing; the floor is for this.
    confidence: float
    probabilities: dict[str, float]  # smoothed, by label
    abstract: str | None = None  # likeliest abstract class; None where the model has no such head
    abstract_probabilities: dict[str, float] | None = None  # smoothed, by label
    level_dbfs: float = SILENCE_DBFS  # root mean square of the audio since the last decision
    peak_dbfs: float = SILENCE_DBFS  # its largest sample
    inference_ms: float = 0.0  # time the network took
    # From the window's last sample to this decision; None where audio is not paced by a clock.
    latency_ms: float | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="health"):
    """How a live classifier is, at one moment."""

    time_s: float  # Unix time
    state: State  # "lost": no audio comes; "silent": only zeros come; both are being mended
    source: str  # name of what is listened to
    model: str = ""  # `Classifier.id` of the model that listens
    sample_rate_hz: int = 0  # of the source; 0 before it is open
    uptime_s: float = 0.0  # since the start
    audio_s: float = 0.0  # seconds of audio classified
    dropped_s: float = 0.0  # seconds of audio lost because the classifier was behind
    overruns: int = 0  # times the sound system said that it lost audio
    reopens: int = 0  # times the source was opened again
    decisions: int = 0  # made so far
    # Work per second of audio, over the last minute; below 1 keeps up.
    real_time_factor: float = 0.0
    latency_ms: float | None = None  # of the last decision
    # Since the last audio came; None before the first, or for a file.
    audio_age_s: float | None = None
    level_dbfs: float = SILENCE_DBFS  # root mean square of the last audio
    peak_dbfs: float = SILENCE_DBFS  # its largest sample
    rss_bytes: int = 0  # memory of the process
    temperature_c: float | None = None  # of the processor; None where the system does not tell
    # Why the processor is slowed down; empty when it is not, None when unknown.
    throttled: list[str] | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="notice"):
    """Something a person should know: the microphone went away, or came back."""

    time_s: float
    text: str


def json_text(value: Any) -> str:
    """An event, or what holds events, as JSON on one line."""
    return inert(msgspec.json.encode(value).decode())


def rounded(value: Any, digits: int = 4) -> Any:
    """A value, or all values of a dict, in as many digits as mean something."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return round(value, digits) if isinstance(value, float) else value


def clock_time(time_s: float) -> str:
    """Local time: `12:30:05`."""
    return f"{datetime.fromtimestamp(time_s):%H:%M:%S}"


def iso_time(time_s: float) -> str:
    """Local time with its offset, to the millisecond: `2026-05-04T12:30:05.250+02:00`."""
    return datetime.fromtimestamp(time_s).astimezone().isoformat(timespec="milliseconds")
