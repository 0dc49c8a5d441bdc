"""`edge-asc live` as a whole, run as a user runs it, for `edge-asc bench`."""

import resource
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from edge_asc.demo.bench.process import noise
from edge_asc.demo.bench.report import LiveResult

STARTS = 3
PACED_S = 10.0  # beyond one window
RATE_HZ = 48000  # of most microphones, so that resampling is measured too
LIMIT_S = 120.0


class Heard(NamedTuple):
    """A run of `edge-asc live`."""

    first_decision_s: float  # after its start
    cpu_s: float
    rss_bytes: int


def measure_live(path: Path, window_s: float, runtime: str) -> LiveResult:
    """Start it some times on one window, then once on a longer recording at its own speed.

    Raises:
        ValueError: it does not decide.
    """
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.wav", Path(folder) / "long.wav"
        write_noise(short, window_s)
        write_noise(long, window_s + PACED_S)
        command = ["live", "--json", "--runtime", runtime, "--model", str(path), "--source"]
        starts = [_listen([*command, str(short)]) for _ in range(STARTS)]
        paced = _listen([*command, str(long), "--realtime"])
    start_cpu_s = median(start.cpu_s for start in starts)
    return LiveResult(
        runtime=runtime,
        first_decision_s=median(start.first_decision_s for start in starts),
        cpu_share=max(0.0, paced.cpu_s - start_cpu_s) / PACED_S,
        rss_bytes=paced.rss_bytes,
    )


def write_noise(path: Path, seconds: float) -> None:
    """White noise as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((32767 * noise(RATE_HZ, seconds)).astype("<i2").tobytes())


def _listen(arguments: list[str]) -> Heard:
    before_s, begin_s = _cpu_s(), time.monotonic()
    first_s, rss_bytes = 0.0, 0
    command = [sys.executable, "-m", "edge_asc", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        assert process.stdout and process.stderr
        for line in process.stdout:
            event = msgspec.json.decode(line)
            if not first_s and event["event"] == "decision":
                first_s = time.monotonic() - begin_s
            rss_bytes = event.get("rss_bytes", rss_bytes)
        said = process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        process.wait()
        limit.cancel()
    if process.returncode or not first_s or not rss_bytes:
        raise ValueError(f"edge-asc live makes no decision: {said}")
    return Heard(first_s, _cpu_s() - before_s, rss_bytes)


def _cpu_s() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
