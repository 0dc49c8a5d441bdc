"""`edge-asc record`: what is in the file is what was heard, however it ends."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from command import Cli
from edge_asc.audio.decode import load_audio
from edge_asc.data.synthetic import write_synthetic
from waiting import PATIENCE_S, until

RATE_HZ = 16000
HEADER_BYTES = 44


def steps_of(n: int, channels: int = 1) -> np.ndarray:
    shape = (n, channels) if channels > 1 else n
    return np.random.default_rng(0).integers(-(1 << 14), 1 << 14, shape).astype("<i2")


def files(folder: Path) -> list[Path]:
    """All that lies there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def whole(path: Path) -> np.ndarray:
    """The samples of a file that nothing is missing of."""
    assert load_audio(path, RATE_HZ).size
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


@pytest.mark.parametrize(("channels", "channel"), [(1, None), (1, 1), (2, 1), (2, 2), (4, 3)])
@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_the_samples_are_those_of_the_source(
    channels: int, channel: int | None, kind: str, cli: Cli, tmp_path: Path
) -> None:
    steps = steps_of(RATE_HZ * 5 // 2 + 7, channels)
    source = tmp_path / f"source.{kind.lower()}"
    soundfile.write(source, steps, RATE_HZ, format=kind)
    chosen = [] if channel is None else ["--channel", channel]
    options = ["--into", tmp_path / "sounds", "--source", source, *chosen, "--json"]
    code, out, err = cli("record", "dog", *options)
    found = json.loads(out)
    (path,) = files(tmp_path / "sounds")
    assert (code, found["file"], found["label"]) == (0, str(path), "dog")
    assert err.splitlines() == [f"edge-asc: recording {path}; Ctrl-C ends it"]
    heard = steps if channels == 1 else steps[:, (channel or 1) - 1]
    np.testing.assert_array_equal(whole(path), heard)
    assert found["recordings"] == {"dog": 1}
    assert found["seconds"] == pytest.approx(len(heard) / RATE_HZ, abs=1e-4)  # as it is rounded
    level = 20 * np.log10(np.sqrt(np.mean((heard / 32768) ** 2)))
    assert found["level_dbfs"] == pytest.approx(level, abs=1e-3)


def test_channels_are_averaged_as_live_hears_them(cli: Cli, tmp_path: Path) -> None:
    steps = steps_of(RATE_HZ, 2)
    soundfile.write(tmp_path / "s.wav", steps, RATE_HZ)
    assert cli("record", "dog", "--into", tmp_path / "in", "--source", tmp_path / "s.wav")[0] == 0
    (path,) = files(tmp_path / "in")
    assert np.abs(whole(path) - steps.mean(1)).max() <= 0.5


def test_so_many_minutes_and_no_more(cli: Cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", steps_of(5 * RATE_HZ), RATE_HZ)
    source = ["--source", tmp_path / "s.wav", "--into", tmp_path / "in"]
    assert cli("record", "dog", "--minutes", 0.05, *source)[0] == 0
    (path,) = files(tmp_path / "in")
    np.testing.assert_array_equal(whole(path), steps_of(5 * RATE_HZ)[: 3 * RATE_HZ])


def test_what_is_said_at_the_end(cli: Cli, tmp_path: Path) -> None:
    square = np.where(np.arange(RATE_HZ) % 2, 32767, -32767).astype(np.int16)
    soundfile.write(tmp_path / "s.wav", square, RATE_HZ)
    source = ["--into", tmp_path / "in", "--source", tmp_path / "s.wav"]
    code, out, err = cli("record", "dog", *source)
    _, told = err.splitlines()
    assert told.startswith(f"edge-asc: too loud: {RATE_HZ} samples at full scale")
    first, level, counted, *advice = out.splitlines()
    (path,) = files(tmp_path / "in")
    assert first == f"{path}  1.0 s from {tmp_path / 's.wav'} at {RATE_HZ} Hz"
    assert level.startswith("0 dBFS, peak 0 dBFS, 100 % of it clipped; turn the gain down")
    assert (code, counted) == (0, "dog: 1 recording")
    assert len(advice) == 3
    soundfile.write(tmp_path / "s.wav", np.zeros(4 * RATE_HZ, np.int16), RATE_HZ)
    code, out, err = cli("record", "_background", *source)
    assert (code, err.splitlines()[1][:23]) == (0, "edge-asc: only silence:")
    assert out.splitlines()[1].startswith("only silence, which teaches nothing; is the microphone")
    assert out.splitlines()[2:] == [
        "_background: 1 recording",
        "record next: another class; two or more can be told apart",
        "three recordings at different hours are worth more than one of ten minutes",
    ]
    assert cli("-q", "record", "dog", *source)[2] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["../dog"], "separator"),
        ([""], "empty"),
        ([".dog"], "dot"),
        (["do\ng"], "control character"),
        (["dog", "--minutes", "0"], "minutes"),
        (["dog", "--minutes", "nan"], "minutes"),
        (["dog", "--minutes", "1e9"], "minutes"),
        (["dog", "--source", "-", "--raw", "fast"], "RATE"),
        (["dog", "--raw", "16000"], "--source"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    words: list[str], said: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("record", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_table_describes_takes_no_recordings(cli: Cli, tmp_path: Path) -> None:
    """What teaches would read the table and never see them."""
    (tmp_path / "meta.csv").write_text("path,label\n")
    code, _, err = cli("record", "dog", "--into", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "meta.csv" in err


def test_what_cannot_be_is_one_line_and_exit_code_1(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "s.wav"
    soundfile.write(source, steps_of(100), RATE_HZ)
    (tmp_path / "dog").touch()
    for words, said in [
        (["dog", "--into", tmp_path, "--source", source], "dog: not a directory"),
        (["cat", "--into", tmp_path / "dog", "--source", source], "dog: not a directory"),
        (["cat", "--into", tmp_path, "--source", tmp_path / "none.wav"], "none.wav"),
        (["cat", "--into", tmp_path, "--source", source, "--channel", 2], "one channel, and no"),
    ]:
        code, out, err = cli("record", *words)
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert said in err
    assert files(tmp_path) == [tmp_path / "dog", source]


class Fed:
    """`edge-asc record` as a process that hears what is written to it."""

    def __init__(self, folder: Path, *options: str, **more: Any) -> None:
        command = [sys.executable, "-m", "edge_asc", "record", "dog", "--into", str(folder)]
        command += ["--source", "-", "--raw", str(RATE_HZ), "--json", *options]
        self.folder = folder
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=False,
            **more,
        )

    def feed(self, steps: np.ndarray) -> None:
        """Let it hear samples, and wait until it has."""
        assert self.process.stdin
        self.process.stdin.write(steps.tobytes())
        self.process.stdin.flush()
        size = HEADER_BYTES + 2 * len(steps)
        until(lambda: [p for p in self.folder.glob("dog/*.wav") if p.stat().st_size == size])

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out.decode(), err.decode()


@contextmanager
def fed(folder: Path, *options: str, **more: Any) -> Iterator[Fed]:
    process = Fed(folder, *options, **more)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def test_killed_in_the_middle_it_leaves_what_was_heard(tmp_path: Path) -> None:
    steps = steps_of(RATE_HZ * 11 // 2)
    with fed(tmp_path) as recording:
        recording.feed(steps)
        (path,) = files(tmp_path)
        # What came in one go is written in one go: only after that it is heard.
        until(lambda: soundfile.info(path).frames >= len(steps) - RATE_HZ)
        recording.process.kill()
        assert recording.ends()[0] == -signal.SIGKILL
    assert files(tmp_path) == [path]
    found = whole(path)
    assert len(steps) - RATE_HZ <= len(found) <= len(steps)
    np.testing.assert_array_equal(found, steps[: len(found)])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_all_that_was_heard(number: int, tmp_path: Path) -> None:
    steps = steps_of(RATE_HZ * 3 // 2)
    with fed(tmp_path) as recording:
        recording.feed(steps)
        recording.process.send_signal(number)
        code, out, err = recording.ends()
    (path,) = files(tmp_path)
    np.testing.assert_array_equal(whole(path), steps)
    assert (code, json.loads(out)["seconds"]) == (0, 1.5)
    assert err.count("\n") == 1


def test_ended_before_anything_was_heard(tmp_path: Path) -> None:
    with fed(tmp_path) as recording:
        path = Path(f"/proc/{recording.process.pid}/status")

        def catches() -> bool:  # SIGTERM is the 15th signal
            caught = int(path.read_text().split("SigCgt:")[1].split()[0], 16)
            return bool(caught >> (signal.SIGTERM - 1) & 1)

        until(catches)
        recording.process.send_signal(signal.SIGTERM)
        assert recording.ends() == (130, "", "edge-asc: interrupted\n")
    assert files(tmp_path) == []
    with fed(tmp_path) as recording:
        code, out, err = recording.ends()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nothing was recorded" in err


def limited_to(n_bytes: int) -> Callable[[], None]:
    """In the child: no file may be longer, as on a disk that is full by then."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def test_a_full_disk_is_told_and_what_fitted_is_kept(tmp_path: Path) -> None:
    steps, n_bytes = steps_of(4 * RATE_HZ), HEADER_BYTES + 2 * (2 * RATE_HZ) + 1
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with fed(tmp_path, preexec_fn=limited_to(n_bytes), env=environment) as recording:
        recording.feed(steps[:RATE_HZ])
        assert recording.process.stdin
        recording.process.stdin.write(steps[RATE_HZ:].tobytes())
        code, out, err = recording.ends()
    (path,) = files(tmp_path)
    assert (code, out) == (1, "")
    assert err.splitlines()[1:] == [f"edge-asc: {path}: file too large; 2.0 s are kept"]
    np.testing.assert_array_equal(whole(path), steps[: 2 * RATE_HZ])


def test_a_disk_that_was_full_before_gets_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with fed(tmp_path, preexec_fn=limited_to(0), env=environment) as recording:
        assert recording.process.stdin
        recording.process.stdin.write(steps_of(RATE_HZ // 10).tobytes())
        code, out, err = recording.ends()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "file too large" in err
    assert files(tmp_path) == []


def test_a_wav_from_a_pipe(tmp_path: Path) -> None:
    steps = steps_of(RATE_HZ, 2)
    soundfile.write(tmp_path / "s.wav", steps, RATE_HZ)
    command = [sys.executable, "-m", "edge_asc", "record", "dog", "--into", str(tmp_path / "in")]
    with (tmp_path / "s.wav").open("rb") as source:
        piped = [*command, "--source", "-", "--channel", "2"]
        done = subprocess.run(piped, stdin=source, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0
    (path,) = files(tmp_path / "in")
    np.testing.assert_array_equal(whole(path), steps[:, 1])


def test_what_was_recorded_teaches(cli: Cli, tmp_path: Path) -> None:
    scenes, counts = 2, 3
    table = write_synthetic(tmp_path / "made", clips_per_class=counts, clip_s=5.0)
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    labels = sorted({label for _, label, *_ in rows})[:scenes]
    sounds = tmp_path / "sounds"
    for name, label, *_ in rows:
        if label in labels:
            source = tmp_path / "made" / name
            code, out, _ = cli("record", label, "--into", sounds, "--source", source, "--json")
            assert code == 0
    assert json.loads(out)["recordings"] == dict.fromkeys(labels, counts)
    out_file = tmp_path / "my.tflite"
    options = ["--encoder", "esc10-32k", "--views", 0, "--json"]
    code, out, err = cli("teach", sounds, "--out", out_file, *options)
    assert code == 0, err
    found = json.loads(out)
    assert (found["labels"], found["recordings"]) == (labels, scenes * counts)
    assert found["unusable"] == []
