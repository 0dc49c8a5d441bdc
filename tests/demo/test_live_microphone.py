"""`edge-asc live` as a process of its own, on a virtual microphone that is broken in every way."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tiny_models
from virtual_mic import MISSING, VirtualMic
from waiting import PATIENCE_S, SOON_S, until

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

NOTICED_S = 5.0  # what is promised; test_recovery proves it with a clock of its own


class Live:
    """A running `edge-asc live --json`; its events, in order."""

    def __init__(self, model: Path, mic: VirtualMic, folder: Path) -> None:
        command = [sys.executable, "-m", "edge_asc", "live", "--model", str(model), "--json"]
        command += ["--hop", "0.25", "--smooth", "0", "--log", str(folder / "log.jsonl")]
        self.notes = folder / "stderr"
        with self.notes.open("w") as notes:
            self.process = subprocess.Popen(
                command, env=mic.env, stdout=subprocess.PIPE, stderr=notes, text=True
            )
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.process.stdout.close()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next event of that kind."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            try:
                event = self.events.get(timeout=left_s)
            except queue.Empty:
                said = self.notes.read_text()
                pytest.fail(f"waited in vain; exit {self.process.poll()}, stderr: {said}")
            if wanted(event):
                return event

    def hears(self, scene: str) -> dict[str, Any]:
        """The next decision for a scene."""
        return self.wait_for(lambda event: event.get("scene") == scene)

    def says(self, text: str) -> dict[str, Any]:
        """The next notice with that text."""
        return self.wait_for(lambda event: text in event.get("text", ""))

    def ends(self, number: int = signal.SIGTERM) -> float:
        """End it; how long that took, in seconds."""
        self.process.send_signal(number)
        sent_s = time.monotonic()
        self.process.wait(PATIENCE_S)
        return time.monotonic() - sent_s


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.write_model(tmp_path_factory.mktemp("model") / "tiny.tflite")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A long tone of each pitch, at a rate that the model does not have."""
    folder, found = tmp_path_factory.mktemp("tones"), {}
    time_s = np.arange(int(PATIENCE_S * 44100)) / 44100
    for label, pitch_hz in tiny_models.PITCH_HZ.items():
        found[label] = folder / f"{label}.wav"
        soundfile.write(found[label], 0.3 * np.sin(2 * np.pi * pitch_hz * time_s), 44100)
    return found


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic(rate_hz=44100) as found:
        yield found


@pytest.fixture
def live(model: Path, mic: VirtualMic, tmp_path: Path) -> Iterator[Live]:
    found = Live(model, mic, tmp_path)
    yield found
    if found.process.poll() is None:
        found.process.kill()
    found.process.wait()


def test_what_is_played_is_recognised(live: Live, mic: VirtualMic, tones: dict[str, Path]) -> None:
    for label in tiny_models.LABELS:
        player = mic.play(tones[label])
        decision = live.hears(label)
        player.kill()
        player.wait()
        assert decision["confidence"] > 0.5
        assert decision["latency_ms"] > 0
    assert live.ends() < SOON_S
    assert live.process.returncode == 0
    health = live.wait_for(lambda event: event["event"] == "health" and event["decisions"] > 3)
    assert (health["dropped_s"], health["overruns"], health["reopens"]) == (0.0, 0, 0)


def test_a_sound_server_that_comes_back_is_heard_again(
    live: Live, mic: VirtualMic, tones: dict[str, Path], tmp_path: Path
) -> None:
    player = mic.play(tones["low"])
    live.hears("low")
    player.kill()
    player.wait()
    mic.kill()
    lost_s = time.time()
    notice = live.says("opening it again")
    assert notice["time_s"] - lost_s < NOTICED_S + SOON_S
    mic.start()
    player = mic.play(tones["high"])
    live.says("heard again")
    live.hears("high")
    player.kill()
    player.wait()
    assert live.ends(signal.SIGINT) < SOON_S
    states = [
        json.loads(line)["state"] for line in (tmp_path / "log.jsonl").read_text().splitlines()
    ]
    assert "lost" in states
    assert states[-1] == "ended"


def test_a_sound_system_that_hangs_is_left_behind(
    live: Live, mic: VirtualMic, tones: dict[str, Path]
) -> None:
    """Nothing returns from it, not even its clean-up: the program starts anew in its process."""
    player = mic.play(tones["low"])
    live.hears("low")
    pid = live.process.pid
    mic.freeze()
    until(lambda: "starting anew" in live.notes.read_text())
    mic.thaw()
    player.kill()
    player.wait()
    player = mic.play(tones["middle"])
    live.hears("middle")
    player.kill()
    player.wait()
    assert live.process.pid == pid
    assert live.process.poll() is None
    assert "Traceback" not in live.notes.read_text()
    assert live.ends() < SOON_S


def test_it_ends_in_time_even_while_the_sound_system_hangs(
    live: Live, mic: VirtualMic, tones: dict[str, Path]
) -> None:
    player = mic.play(tones["low"])
    live.hears("low")
    mic.freeze()
    time.sleep(0.3)
    taken_s = live.ends()
    mic.thaw()
    player.kill()
    player.wait()
    assert taken_s < SOON_S
    assert live.process.returncode == 0, live.notes.read_text()


def test_without_any_microphone_one_line_says_so(model: Path, tmp_path: Path) -> None:
    config = tmp_path / "asound.conf"
    config.write_text("pcm.default { type null }\nctl.default { type null }\n")
    environment = {**os.environ, "ALSA_CONFIG_PATH": str(config), "PULSE_SERVER": "unix:/nowhere"}
    command = [sys.executable, "-m", "edge_asc", "live", "--model", str(model)]
    asked = [*command, "--microphone", "no such thing"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("edge-asc: ")]
    assert "no such thing" in line or "no microphone" in line
