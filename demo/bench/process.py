"""One measurement of `edge-asc bench`, in a process of its own that holds nothing else.

`python -m edge_asc.demo.bench.process SECONDS FILE` measures the front end,
`… SECONDS FILE RUNTIME THREADS` one runtime; the result is printed as JSON.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from edge_asc.demo.events import json_text
from edge_asc.demo.hearing.machine import rss_bytes
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.stream import FeatureStream
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import read_metadata

BLOCK_S = 0.1  # as a microphone gives it
MIN_RUNS, MAX_STRETCH = 100, 10  # at least so many, unless that takes ten times as long
WARM_UP_RUNS = 5
PARTS = 5  # of the runs, compared with each other
NOISE_RMS = 0.05


class Timing(msgspec.Struct, frozen=True):
    """How long something took that was done often."""

    n: int  # how often
    median_ms: float  # half of the runs were quicker
    p99_ms: float  # 99 of 100 were
    # Of the medians of five parts of the runs: largest less smallest, relative to all.
    spread: float


class Run(msgspec.Struct, frozen=True):
    """What a process measured."""

    timing: Timing  # of a window in a runtime, or of a second of audio in the front end
    rss_bytes: int  # memory of the process at the end
    version: str = ""  # of the runtime; empty for the front end


def timing(taken_s: list[float]) -> Timing:
    """The figures of runs that took so long."""
    taken_ms = 1000 * np.array(taken_s)
    median_ms = float(np.median(taken_ms))
    parts = [float(np.median(part)) for part in np.array_split(taken_ms, min(PARTS, len(taken_ms)))]
    p99_ms = float(np.percentile(taken_ms, 99, method="higher"))
    return Timing(len(taken_s), median_ms, p99_ms, (max(parts) - min(parts)) / median_ms)


def repeat(
    run: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Run for some seconds, and often enough; how long each took, in seconds."""
    for _ in range(WARM_UP_RUNS):
        run()
    taken_s: list[float] = []
    begin_s = now_s = clock()
    while now_s - begin_s < (seconds if len(taken_s) >= MIN_RUNS else MAX_STRETCH * seconds):
        run()
        last_s, now_s = now_s, clock()
        taken_s.append(now_s - last_s)
    return taken_s


def noise(rate_hz: int, seconds: float) -> np.ndarray:
    """White noise, float32 `[n]`."""
    n = round(seconds * rate_hz)
    return (NOISE_RMS * np.random.default_rng(0).standard_normal(n)).astype(np.float32)


def front_end(path: Path, seconds: float) -> Run:
    """A second of audio through the stream of features, in blocks as a microphone gives them."""
    frontend = FrontEnd.from_dict(read_metadata(path).frontend)
    stream = FeatureStream(frontend)
    blocks = np.array_split(noise(frontend.sample_rate_hz, 1.0), round(1 / BLOCK_S))

    def one_second() -> None:
        for block in blocks:
            stream.feed(block)

    return Run(timing(repeat(one_second, seconds)), rss_bytes())


def model(path: Path, seconds: float, runtime: str, threads: int) -> Run:
    """A window through normalisation, network and softmax."""
    classifier = Classifier.load(path, runtime, threads)
    frontend = classifier.frontend
    raw = frontend.raw(noise(frontend.sample_rate_hz, classifier.metadata.clip_s))

    def one_window() -> None:
        classifier.predict(frontend.normalize(raw))

    return Run(timing(repeat(one_window, seconds)), rss_bytes(), classifier.runtime_version)


def _main() -> None:
    seconds, path, *rest = sys.argv[1:]
    if rest:
        run = model(Path(path), float(seconds), rest[0], int(rest[1]))
    else:
        run = front_end(Path(path), float(seconds))
    print(json_text(run))


if __name__ == "__main__":
    _main()
