"""What `edge-asc bench` has measured: as a structure, as JSON, as text."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from edge_asc.demo.bench.process import Timing

HOP_S = 1.0  # between decisions, as `edge-asc live` makes them
NOISY = 0.15  # spread above which something else disturbs
ROOM = 0.7  # of a core that a listener may take: heat and other programs need the rest


class RuntimeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One runtime with a number of threads."""

    runtime: str  # its name
    version: str  # of the package
    threads: int  # of its kernels
    window: Timing  # a window through normalisation, network and softmax
    rss_bytes: int  # memory of a process that does nothing else
    real_time_factor: float  # front end and network per second of audio; below 1 keeps up


class LiveResult(msgspec.Struct, frozen=True, kw_only=True):
    """`edge-asc live` as a whole, on a recording at 48 kHz."""

    runtime: str  # its name
    first_decision_s: float  # from the start of the process, as fast as the recording can be read
    cpu_share: float  # of one core, with the recording at its own speed
    rss_bytes: int  # memory of the process at its end


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    file: str  # the model file
    model: str  # its name
    precision: str  # of its weights
    file_bytes: int  # its size
    window_s: float  # seconds of audio in one window
    hop_s: float  # from one decision to the next
    board: str  # the machine
    cpus: int  # its cores
    front_end: Timing  # a second of audio through the stream of features, in blocks of 100 ms
    # A runtime and number of threads each; those `edge-asc live` would take first.
    results: list[RuntimeResult]
    # A runtime each, with one thread; the one `edge-asc live` would take first.
    live: list[LiveResult]
    problems: list[str]  # what could not be measured and why, one line each
    # Before and after; None where the system does not tell.
    temperature_c: tuple[float | None, float | None]
    # What slowed the processor down at the end; None where it does not tell.
    throttled: list[str] | None


def real_time_factor(front_end: Timing, window: Timing, hop_s: float = HOP_S) -> float:
    """Seconds of work per second of audio."""
    return front_end.median_ms / 1000 + window.median_ms / 1000 / hop_s


def rating(report: Report) -> str:
    """One line on whether the machine keeps up, and what to do when it does not."""
    result = report.results[0]
    factor, who = result.real_time_factor, f"{result.runtime}, {_threads(result.threads)}"
    if factor <= ROOM:
        takes = [f"; a live stream takes about {_percent(x.cpu_share)}" for x in report.live[:1]]
        return f"{who}: keeps up {_times(1 / factor)} times over{''.join(takes)}"
    left = ROOM - report.front_end.median_ms / 1000
    if left > 0:
        hop_s = np.ceil(10 * result.window.median_ms / 1000 / left) / 10
        cure = f"edge-asc live --hop {hop_s:g} would"
    else:
        cure = "the front end alone is too slow for this machine"
    what = "does not keep up" if factor >= 1 else "keeps up with nothing to spare"
    every = f"a decision every {report.hop_s:g} s"
    return f"{who}: {what} at {every}, which takes {_percent(factor)}; {cure}"


def _threads(n: int) -> str:
    return f"{n} thread{'s' * (n > 1)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} % of one core" if share < 0.1 else f"{100 * share:.0f} % of one core"


def _times(times: float) -> str:
    """In two digits."""
    return f"{times:.1f}" if times < 10 else f"{float(f'{times:.2g}'):.0f}"


def as_dict(report: Report) -> dict[str, Any]:
    """A report as JSON has it."""
    return {**msgspec.to_builtins(report), "rating": rating(report)}


def text(report: Report) -> str:
    """A report for people."""
    return "\n".join([*_head(report), "", *_table(report), "", *_foot(report)])


def _head(report: Report) -> Iterator[str]:
    yield (
        f"{report.model} ({report.precision}, {report.file_bytes:,} bytes),"
        f" window {report.window_s:g} s, on {report.board}, {report.cpus} cores"
    )
    yield (
        f"front end: {report.front_end.median_ms:.2f} ms per second of audio"
        f" (p99 {report.front_end.p99_ms:.2f})"
    )


def _table(report: Report) -> Iterator[str]:
    yield f"{'runtime':21}threads  ms per window   p99 ms   RSS MB  real-time factor"
    for r in report.results:
        yield (
            f"{f'{r.runtime} {r.version}':21}{r.threads:7}{r.window.median_ms:15.2f}"
            f"{r.window.p99_ms:9.2f}{r.rss_bytes / 1e6:9.1f}{r.real_time_factor:18.4f}"
        )


def _foot(report: Report) -> Iterator[str]:
    for live in report.live:
        yield (
            f"edge-asc live with {live.runtime}: first decision {live.first_decision_s:.2f} s after"
            f" the start, {_percent(live.cpu_share)}, {live.rss_bytes / 1e6:.1f} MB"
        )
    yield from (f"not measured: {problem}" for problem in report.problems)
    spread = max(t.spread for t in (report.front_end, *(r.window for r in report.results)))
    disturbed = ": other programs disturb" if spread > NOISY else ""
    yield f"noise: medians of parts of a run differ by up to {100 * spread:.0f} %{disturbed}"
    before_c, after_c = report.temperature_c
    if before_c is not None and after_c is not None:
        yield f"temperature: {before_c:.0f} °C before, {after_c:.0f} °C after"
    if report.throttled:
        yield f"throttled: {', '.join(report.throttled)}: the machine can be faster than this"
    yield rating(report)
