"""`edge-asc record` as a process of its own, on a virtual microphone."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from virtual_mic import MISSING, VirtualMic
from waiting import PATIENCE_S, until

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

RATE_HZ = 44100
KEY = 64  # samples of noise that occur but once


class Recording:
    """A running `edge-asc record dog --json`."""

    def __init__(self, mic: VirtualMic, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "edge_asc", "record", "dog", "--json", *options]
        self.folder = folder / "sounds" / "dog"
        self.notes = folder / "stderr"
        with self.notes.open("w") as notes:
            self.process = subprocess.Popen(
                command, cwd=folder, env=mic.env, stdout=subprocess.PIPE, stderr=notes, text=True
            )

    def says(self, text: str) -> None:
        """Wait until it does."""
        until(lambda: text in self.notes.read_text() or self.process.poll() is not None)
        assert text in self.notes.read_text()

    def has(self, seconds: float) -> None:
        """Wait until so much is recorded."""
        size = 2 * RATE_HZ * seconds
        until(lambda: [path for path in self.folder.glob("*.wav") if path.stat().st_size >= size])

    def ends(self) -> tuple[int, str]:
        """Exit code and stdout."""
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    n = round(PATIENCE_S * RATE_HZ)
    return np.random.default_rng(0).integers(-(1 << 13), 1 << 13, n).astype(np.int16)


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic(RATE_HZ) as found:
        yield found


@contextmanager
def playing(mic: VirtualMic, samples: np.ndarray, folder: Path) -> Iterator[None]:
    soundfile.write(folder / "played.wav", samples, RATE_HZ)
    player = mic.play(folder / "played.wav")
    try:
        yield
    finally:
        player.kill()
        player.wait()


@contextmanager
def recording(mic: VirtualMic, folder: Path, *options: str) -> Iterator[Recording]:
    found = Recording(mic, folder, *options)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


def recorded(folder: Path) -> np.ndarray:
    """The one file, which can be read."""
    (path,) = folder.iterdir()
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


def place(samples: np.ndarray, played: np.ndarray) -> int:
    """Where the first samples were played."""
    key = samples[:KEY]
    (starts,) = np.nonzero(played[: -len(key)] == key[0])
    (found,) = (int(s) for s in starts if np.array_equal(played[s : s + KEY], key))
    return found


def test_what_is_played_is_in_the_file_bit_by_bit(
    mic: VirtualMic, noise: np.ndarray, tmp_path: Path
) -> None:
    with playing(mic, noise, tmp_path), recording(mic, tmp_path, "--minutes", "0.05") as found:
        code, out = found.ends()
    said = json.loads(out)
    samples = recorded(found.folder)
    assert (code, said["seconds"], len(samples)) == (0, 3.0, 3 * RATE_HZ)
    begin = place(samples, noise)
    np.testing.assert_array_equal(samples, noise[begin : begin + len(samples)])
    assert (said["told"], said["overruns"], said["dropped_s"], said["breaks"]) == ([], 0, 0, 0)
    notes = found.notes.read_text().splitlines()
    assert notes[:3] == [f"edge-asc: recording in {second}" for second in (3, 2, 1)]


def test_a_microphone_that_goes_away_is_told_and_waited_for(
    mic: VirtualMic, noise: np.ndarray, tmp_path: Path
) -> None:
    with recording(mic, tmp_path) as found:
        with playing(mic, noise, tmp_path):
            found.has(1.0)
            mic.kill()
        found.says("opening it again")
        before = len(recorded(found.folder))
        mic.start()
        with playing(mic, noise, tmp_path):
            found.says("heard again")
            found.has(before / RATE_HZ + 1.5)
            found.process.send_signal(signal.SIGINT)
            code, out = found.ends()
    said = json.loads(out)
    assert (code, said["breaks"]) == (0, 1)
    assert any("opening it again" in text for text in said["told"])
    samples = recorded(found.folder)
    assert len(samples) == round(said["seconds"] * RATE_HZ)
    begin = place(samples, noise)
    np.testing.assert_array_equal(samples[:RATE_HZ], noise[begin : begin + RATE_HZ])


def test_a_sound_system_that_hangs_costs_nothing_that_was_heard(
    mic: VirtualMic, noise: np.ndarray, tmp_path: Path
) -> None:
    with playing(mic, noise, tmp_path), recording(mic, tmp_path) as found:
        found.has(1.0)
        mic.freeze()
        code, out = found.ends()
        mic.thaw()
    notes = found.notes.read_text()
    assert (code, out) == (1, "")
    assert "Traceback" not in notes
    assert "hangs" in notes.splitlines()[-1] and "are kept in " in notes.splitlines()[-1]
    samples = recorded(found.folder)
    begin = place(samples, noise)
    np.testing.assert_array_equal(samples[:RATE_HZ], noise[begin : begin + RATE_HZ])


def test_it_ends_when_it_is_told_to_even_while_the_sound_system_hangs(
    mic: VirtualMic, noise: np.ndarray, tmp_path: Path
) -> None:
    with playing(mic, noise, tmp_path), recording(mic, tmp_path) as found:
        found.has(0.5)
        mic.freeze()
        found.process.send_signal(signal.SIGTERM)
        code, out = found.ends()
        mic.thaw()
    assert code == 0, found.notes.read_text()
    assert len(recorded(found.folder)) == round(json.loads(out)["seconds"] * RATE_HZ)


def test_a_muted_microphone_is_told(mic: VirtualMic, tmp_path: Path) -> None:
    with recording(mic, tmp_path) as found:
        found.says("is it muted?")
        found.process.send_signal(signal.SIGINT)
        code, out = found.ends()
    if code == 0:  # it was asked to end after the countdown
        assert json.loads(out)["only_zeros"]
    else:
        assert (code, out) == (130, "")
