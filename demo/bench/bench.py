"""`edge-asc bench FILE`: how fast a model is on this machine, front end and network apart.

Every runtime and number of threads is measured in a process of its own, so that memory and speed
are those of nothing else.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from edge_asc.demo.bench.live import measure_live
from edge_asc.demo.bench.process import Run, Timing
from edge_asc.demo.bench.report import (
    HOP_S,
    LiveResult,
    Report,
    RuntimeResult,
    as_dict,
    real_time_factor,
    text,
)
from edge_asc.demo.doctor.findings import run_python
from edge_asc.demo.hearing import machine
from edge_asc.runtime.classifier import RUNTIMES, choose_runtime
from edge_asc.runtime.metadata import file_format, metadata_of

__all__ = ["Report", "as_dict", "measure", "text"]

SECONDS = 3.0  # of each measurement
MAX_THREADS = 4  # unless more are asked for
LIMIT_S = 300.0  # beyond ten times the seconds, which a slow machine may take for 100 runs


def measure(
    path: Path,
    seconds: float = SECONDS,
    threads: int | None = None,
    on_part: Callable[[str], Any] = lambda part: None,
) -> Report:
    """Measure a model file.

    Args:
        path: `.tflite` or `.onnx`.
        seconds: of each measurement, above 0.
        threads: measured are 1 to so many; as a rule all cores, at most four.
        on_part: called with the name of each part before it is measured.

    Raises:
        ValueError: not a model file, `seconds` is not positive, or no runtime runs it.
        OSError: the file cannot be read.
    """
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{seconds} s of measuring must be above 0 s")
    content = path.read_bytes()
    metadata, kind = metadata_of(content, str(path)), file_format(content)
    choose_runtime(kind)  # raises where there is none
    names = [name for name, runtime in RUNTIMES.items() if runtime.format == kind]
    problems = [f"{name}: {p}" for name in names if (p := RUNTIMES[name].problem)]
    before_c = machine.temperature_c()
    on_part("front end")
    front_end = _run([str(path)], seconds).timing
    results: list[RuntimeResult] = []
    live: list[LiveResult] = []
    for name in (name for name in names if not RUNTIMES[name].problem):
        try:
            results += _measure_runtime(path, name, seconds, threads, front_end, on_part)
            on_part(f"edge-asc live with {name}")
            live.append(measure_live(path, metadata.clip_s, name))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if not results:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    return Report(
        file=str(path),
        model=metadata.name,
        precision=metadata.precision,
        file_bytes=len(content),
        window_s=metadata.clip_s,
        hop_s=HOP_S,
        board=machine.board(),
        cpus=os.cpu_count() or 1,
        front_end=front_end,
        results=results,
        live=live,
        problems=problems,
        temperature_c=(before_c, machine.temperature_c()),
        throttled=machine.throttled(),
    )


def _measure_runtime(
    path: Path,
    name: str,
    seconds: float,
    threads: int | None,
    front_end: Timing,
    on_part: Callable[[str], Any],
) -> list[RuntimeResult]:
    results = []
    for n in range(1, 1 + (threads or min(MAX_THREADS, os.cpu_count() or 1))):
        on_part(f"{name}, threads: {n}")
        run = _run([str(path), name, str(n)], seconds)
        results.append(
            RuntimeResult(
                runtime=name,
                version=run.version,
                threads=n,
                window=run.timing,
                rss_bytes=run.rss_bytes,
                real_time_factor=real_time_factor(front_end, run.timing),
            )
        )
    return results


def _run(arguments: list[str], seconds: float) -> Run:
    command = ["-m", "edge_asc.demo.bench.process", str(seconds), *arguments]
    ended = run_python(command, LIMIT_S + 10 * seconds)
    if ended.problem:
        raise ValueError(ended.problem)
    return msgspec.json.decode(ended.lines[-1], type=Run)
