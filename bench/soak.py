"""A day of audio through `edge-asc live`, faster than it sounds: does it leak, does it drift?

    python bench/soak.py MODEL [--hours 24] [--log] [--markdown]

Synthetic scenes of ten minutes are piped in over and over, each time from another sample on. The
process must not grow by more than 5 MB after its first minute of audio, and must make exactly the
decisions that the number of samples makes due, at the positions where they are due.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from process import usage

from edge_asc.data.synthetic import Take, render
from edge_asc.data.synthetic_scenes import SCENES
from edge_asc.files import as_json
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import read_metadata

HOP_S = 1.0
RATE_HZ = 44100
MAX_GROWTH_BYTES = 5_000_000
WARM_S = 60.0  # of audio
CLIP_S = 60.0


def audio() -> np.ndarray:
    """Ten scenes of a minute each, s16 `[n]`."""
    takes = [Take("", scene, 1, "synthetic_a", "", (i,), (i,)) for i, scene in enumerate(SCENES)]
    clips = [render(take, round(CLIP_S * RATE_HZ), RATE_HZ) for take in takes]
    return (np.clip(np.concatenate(clips), -1, 1) * 32767).astype("<i2")


def pieces(scenes: np.ndarray, n_samples: int) -> Iterator[bytes]:
    """`n_samples` samples, a second at a time."""
    for begin in range(0, n_samples, RATE_HZ):
        start = (begin + begin // len(scenes) * 12345) % len(scenes)  # another phase each time
        part = np.take(scenes, np.arange(start, start + RATE_HZ), mode="wrap")
        yield part[: n_samples - begin].tobytes()


def due(model: Path, n_samples: int) -> int:
    """Decisions that this much audio makes due."""
    metadata = read_metadata(model)
    frontend = FrontEnd.from_dict(metadata.frontend)
    window = frontend.n_frames(round(metadata.clip_s * frontend.sample_rate_hz))
    hop = round(HOP_S * frontend.frames_per_s)
    n_frames = frontend.n_frames(n_samples * frontend.sample_rate_hz // RATE_HZ)
    return 1 + (n_frames - window) // hop


class Watch:
    """Reads the program's lines: counts decisions, checks positions, follows its memory."""

    def __init__(self, program: "subprocess.Popen[bytes]") -> None:
        self._program = program
        self.n = 0
        self.worst_s = 0.0  # largest distance of a decision from where it was due
        self.rss: list[tuple[float, int]] = []  # seconds of audio, bytes
        self.last: dict[str, Any] = {}
        self.notices: list[str] = []
        self._first_s = 0.0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        assert self._program.stdout
        for line in self._program.stdout:
            event = json.loads(line)
            if event["event"] == "decision":
                self._decision(event["position_s"])
            elif event["event"] == "health":
                self.last = event
            elif event["event"] == "notice":
                self.notices.append(event["text"])

    def _decision(self, position_s: float) -> None:
        if not self.n:
            self._first_s = position_s
        self.worst_s = max(self.worst_s, abs(position_s - self._first_s - self.n * HOP_S))
        self.n += 1
        if self.n % 60 == 0:
            self.rss.append((position_s, usage(self._program.pid).rss_bytes))


# Another disk in the place of a folder, seen by one process and its children alone.
_MOUNT = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'


def soak(
    model: Path, hours: float, log: bool, keep: bool = False, disk_bytes: int | None = None
) -> dict[str, Any]:
    """Run it; the figures.

    Args:
        model: which hears.
        hours: of audio.
        log: whether every decision is logged.
        keep: whether clips are kept, one for each ten minutes.
        disk_bytes: of the disk that log and clips are on; None: the temporary folder's.
    """
    n_samples, scenes = round(3600 * hours * RATE_HZ), audio()
    command = [sys.executable, "-m", "edge_asc", "live", "--model", str(model)]
    command += ["--source", "-", "--raw", str(RATE_HZ), "--json", "--hop", str(HOP_S)]
    with tempfile.TemporaryDirectory() as folder:
        if log:
            command += ["--log", str(Path(folder) / "soak.jsonl"), "--log-every", "decision"]
        if keep:
            command += ["--keep", str(Path(folder) / "kept"), "--keep-when", "every 10m"]
            command += ["--keep-mb", "20"]
        if disk_bytes is not None:
            command = ["unshare", "-rm", "sh", "-c", _MOUNT, str(disk_bytes), folder, *command]
        started = time.monotonic()
        pipe = subprocess.PIPE
        program = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        watch = Watch(program)
        assert program.stdin
        for piece in pieces(scenes, n_samples):
            program.stdin.write(piece)
        program.stdin.close()
        watch.thread.join()
        status = program.wait()
        log_bytes = sum(f.stat().st_size for f in Path(folder).iterdir())
    warm = next(rss for at_s, rss in watch.rss if at_s >= WARM_S)
    return {
        "hours": hours,
        "exit": status,
        "wall_s": time.monotonic() - started,
        "decisions": watch.n,
        "due": due(model, n_samples),
        "worst_position_s": watch.worst_s,
        "audio_s": watch.last["audio_s"],
        "dropped_s": watch.last["dropped_s"],
        "real_time_factor": watch.last["real_time_factor"],
        "rss_warm_bytes": warm,
        "rss_growth_bytes": max(rss for _, rss in watch.rss) - warm,
        "log_bytes": log_bytes,
        "notices": watch.notices,
    }


def passed(found: dict[str, Any]) -> bool:
    """Whether it neither leaks nor drifts."""
    return (
        found["exit"] == 0
        and found["decisions"] == found["due"]
        and found["worst_position_s"] < 1e-6
        and found["rss_growth_bytes"] < MAX_GROWTH_BYTES
    )


def markdown(found: dict[str, Any]) -> str:
    """The figures as a table."""
    rows = {
        "audio": f"{found['audio_s'] / 3600:g} h in {found['wall_s']:.0f} s",
        "decisions, due": f"{found['decisions']:,}, {found['due']:,}",
        "largest distance of a decision from where it is due": f"{found['worst_position_s']:.0e} s",
        "memory after the first minute of audio": f"{found['rss_warm_bytes'] / 1e6:.1f} MB",
        "largest growth after it": f"{found['rss_growth_bytes'] / 1e6:.2f} MB",
        "dropped": f"{found['dropped_s']:g} s",
        "log written": f"{found['log_bytes'] / 1e6:.1f} MB kept after rotation",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["|  |  |", "| --- | ---: |", *lines])


def main() -> int:
    """Exit status 1 when it leaks or drifts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("model", type=Path)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--log", action="store_true", help="log every decision too")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    found = soak(asked.model, asked.hours, asked.log)
    print(markdown(found) if asked.markdown else as_json(found))
    return 0 if passed(found) else 1


if __name__ == "__main__":
    sys.exit(main())
