"""What there is to say of a recording, and what is worth recording next."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from edge_asc.demo.doctor.findings import Finding
from edge_asc.demo.doctor.recording import MIXER, level
from edge_asc.demo.events import rounded
from edge_asc.demo.recording.record import Recording

ENOUGH = 8  # recordings of a class, after which more of them help little
HOURS = "three recordings at different hours are worth more than one of ten minutes"
NO_BACKGROUND = (
    "no _background yet: half an hour of what may be heard and must get no name, as radio, talk,"
    " traffic"
)


def as_dict(
    recording: Recording, counts: Mapping[str, int], background: Collection[str]
) -> dict[str, Any]:
    """As JSON has it; `counts` are the recordings of each class in the folder."""
    loudness = recording.loudness
    return {
        "file": str(recording.path),
        "label": recording.path.parent.name,
        "seconds": rounded(recording.seconds),
        "sample_rate_hz": recording.rate_hz,
        "source": recording.source,
        "level_dbfs": rounded(loudness.level_dbfs),
        "peak_dbfs": rounded(loudness.peak_dbfs),
        "clipped": loudness.n_clipped,
        "clipped_share": loudness.clipped_share,
        "only_zeros": loudness.only_zeros,
        "overruns": recording.overruns,
        "dropped_s": rounded(recording.dropped_s),
        "breaks": recording.breaks,
        "told": list(recording.told),
        "recordings": dict(counts),
        "advice": list(advice(counts, recording.path.parent.name, background)),
    }


def as_text(recording: Recording, counts: Mapping[str, int], background: Collection[str]) -> str:
    """For people."""
    return "\n".join(_lines(recording, counts, background))


def _lines(
    recording: Recording, counts: Mapping[str, int], background: Collection[str]
) -> Iterator[str]:
    label = recording.path.parent.name
    yield (
        f"{recording.path}  {recording.seconds:.1f} s from {recording.source}"
        f" at {recording.rate_hz} Hz"
    )
    found = _sound(recording)
    yield f"{found.fact}; {found.advice}" if found.advice else found.fact
    if lost := _lost(recording):
        yield f"audio was lost: {lost}"
    yield f"{label}: {_recordings(counts[label])}"
    yield from advice(counts, label, background)


def _sound(recording: Recording) -> Finding:
    if recording.loudness.only_zeros:
        fact = "only silence, which teaches nothing"
        return Finding("level", "fail", fact, f"is the microphone muted? {MIXER}")
    return level(recording.loudness)


def _lost(recording: Recording) -> str:
    lost = {
        f"{recording.overruns} overruns": recording.overruns,
        f"{recording.dropped_s:.1f} s dropped": recording.dropped_s,
        f"the microphone was away {recording.breaks} times": recording.breaks,
    }
    return ", ".join(text for text, there in lost.items() if there)


def advice(counts: Mapping[str, int], label: str, background: Collection[str]) -> Iterator[str]:
    """What is worth recording next, a line each.

    Args:
        counts: recordings of each class.
        label: of the last one.
        background: names of classes that get no name.
    """
    classes = {name: n for name, n in counts.items() if name not in background}
    if len(classes) < 2:
        yield "record next: another class; two or more can be told apart"
    else:
        fewest = min(classes, key=lambda name: (classes[name], name == label, name))
        if classes[fewest] < ENOUGH:
            yield f"record next: {fewest}, {_recordings(classes[fewest])} so far"
    if not set(counts) & set(background):
        yield NO_BACKGROUND
    if counts.get(label, 0) < ENOUGH:
        yield HOURS


def _recordings(n: int) -> str:
    return "1 recording" if n == 1 else f"{n} recordings"
