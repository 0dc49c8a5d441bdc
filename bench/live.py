"""What one live stream costs: CPU, memory, start and latency, from a virtual microphone.

    python bench/live.py MODEL [PYTHON ...] [--seconds 60] [--markdown]

A PulseAudio of its own plays synthetic scenes into its own loudspeaker, which `edge-asc live`
records, once with the Python of each environment named (by default this one). Needs pulseaudio,
pulseaudio-utils, libasound2-plugins and libportaudio2. PulseAudio's own share is not counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/support/machine"))
from process import usage
from soak import RATE_HZ, audio

from edge_asc.files import as_json
from edge_asc.runtime.metadata import read_metadata
from virtual_mic import VirtualMic

SETTLE_S = 10.0  # after the first decision


def measured(python: str, model: Path, seconds: float, mic: VirtualMic) -> dict[str, Any]:
    """Figures of one stream."""
    command = [python, "-m", "edge_asc", "live", "--model", str(model), "--json"]
    started = time.time()
    with subprocess.Popen(
        command, env=mic.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        decisions = decided(program, 1)
        first_s = time.time() - started
        decided(program, round(SETTLE_S))
        before, begin = usage(program.pid), time.monotonic()
        decisions = decided(program, round(seconds))
        after, taken_s = usage(program.pid), time.monotonic() - begin
        program.terminate()
        ended = time.monotonic()
        health = [json.loads(line) for line in program.stdout or []][-1]
    latency = sorted(d["latency_ms"] for d in decisions)
    return {
        "runtime": described(python, model),
        "cpu_share": (after.cpu_s - before.cpu_s) / taken_s,
        "rss_bytes": after.rss_bytes,
        "start_s": first_s - read_metadata(model).clip_s,
        "latency_ms": statistics.median(latency),
        "latency_worst_ms": latency[-1],
        "inference_ms": statistics.median(d["inference_ms"] for d in decisions),
        "stop_s": time.monotonic() - ended,
        "dropped_s": health["dropped_s"],
        "overruns": health["overruns"],
    }


def decided(program: "subprocess.Popen[bytes]", n: int) -> list[dict[str, Any]]:
    """The next n decisions."""
    assert program.stdout
    found: list[dict[str, Any]] = []
    while len(found) < n:
        line = program.stdout.readline()
        if not line:
            raise SystemExit("edge-asc live ended by itself")
        event = json.loads(line)
        if event["event"] == "decision":
            found.append(event)
    return found


def described(python: str, model: Path) -> str:
    """Which runtime an environment has for the model."""
    code = "import sys; from edge_asc.runtime.classifier import Classifier"
    code += "; c = Classifier.load(sys.argv[1])"
    code += "; print(c.runtime, c.runtime_version)"
    done = subprocess.run([python, "-c", code, str(model)], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def markdown(rows: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    heads = "CPU of one core|memory|start to first decision, beyond the window|"
    heads += "latency beyond the window, median (worst)|inference|stop after SIGTERM"
    lines = [f"| runtime | {' | '.join(heads.split('|'))} |", "| --- |" + " ---: |" * 6]
    for row in rows:
        cells = (
            row["runtime"],
            f"{row['cpu_share']:.1%}",
            f"{row['rss_bytes'] / 1e6:.0f} MB",
            f"{row['start_s']:.1f} s",
            f"{row['latency_ms']:.0f} ms ({row['latency_worst_ms']:.0f})",
            f"{row['inference_ms']:.1f} ms",
            f"{row['stop_s']:.2f} s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("model", type=Path)
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, VirtualMic(rate_hz=RATE_HZ) as mic:
        scenes = Path(folder) / "scenes.wav"
        soundfile.write(scenes, np.tile(audio(), 10), RATE_HZ)
        player = mic.play(scenes)
        try:
            for python in asked.pythons:
                rows.append(measured(python, asked.model, asked.seconds, mic))
        finally:
            player.kill()
            player.wait()
    print(markdown(rows) if asked.markdown else as_json(rows))


if __name__ == "__main__":
    main()
