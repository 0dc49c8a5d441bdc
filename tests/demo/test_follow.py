"""The model's file is loaded again: on SIGHUP or when it has changed; a bad one changes nothing."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import pytest

import tiny_models
from edge_asc.files import atomic_write
from edge_asc.runtime.classifier import Classifier
from waiting import PATIENCE_S, SOON_S, until

SECOND = (32767 * tiny_models.tone("low", 8000)).astype("<i2").tobytes()
BLOCK = len(SECOND) // 10


class Process:
    """`edge-asc live` on standard input, fed until it ends."""

    def __init__(self, model: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "edge_asc", "live", "--json", "--hop", "0.1"]
        command += ["--model", str(model), "--source", "-", "--raw", "8000:1:s16", *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.lines: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.seen: list[dict[str, Any]] = []
        self._threads = [threading.Thread(target=run) for run in (self._feed, self._read)]
        for thread in self._threads:
            thread.start()

    def _feed(self) -> None:
        assert self.process.stdin
        try:
            while self.process.poll() is None:
                for begin in range(0, len(SECOND), BLOCK):
                    self.process.stdin.write(SECOND[begin : begin + BLOCK])
                    self.process.stdin.flush()
                    time.sleep(0.02)
        except BrokenPipeError:
            pass

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def until(self, **wanted: Any) -> dict[str, Any]:
        """The next line that has these fields; a notice by the beginning of its text."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            try:
                line = self.lines.get(timeout=0.1)
            except Empty:
                assert self.process.poll() is None
                continue
            self.seen.append(line)
            if all(str(line.get(key, "")).startswith(value) for key, value in wanted.items()):
                return line
        raise AssertionError(f"no {wanted} among {self.seen[-3:]}")

    def end(self) -> bytes:
        """End it; what stood on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join()
        assert self.process.stderr and self.process.stdin and self.process.stdout
        said = self.process.stderr.read()
        for stream in (self.process.stderr, self.process.stdout):
            stream.close()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        return said


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.write_model(tmp_path / "model.tflite")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    labels = ["one", "two", "three"]
    return tiny_models.write_model(tmp_path / "other.tflite", labels=labels)


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[list[Process]]:
    made: list[Process] = []
    yield made
    for process in made:
        said = process.end()
        assert process.process.returncode == 0, said
        assert b"Traceback" not in said


def replaced(path: Path, by: Path) -> None:
    with atomic_write(path) as temporary:
        shutil.copyfile(by, temporary)


def test_a_signal_loads_the_file_again(model: Path, other: Path, started: list[Process]) -> None:
    old, new = Classifier.load(model).id, Classifier.load(other).id
    started.append(live := Process(model))
    live.until(event="decision", model=old)
    live.process.send_signal(signal.SIGHUP)
    live.until(event="notice", text=f"model: {old} as before")
    replaced(model, other)
    live.process.send_signal(signal.SIGHUP)
    live.until(event="notice", text=f"model: {new} instead of {old}")
    decision = live.until(event="decision")
    assert (decision["model"], decision["scene"]) == (new, "one")
    positions = [line["position_s"] for line in live.seen if line["event"] == "decision"]
    hop_s = round(0.1 * tiny_models.FRONTEND.frames_per_s) / tiny_models.FRONTEND.frames_per_s
    assert np.diff(positions) == pytest.approx(hop_s)  # not one block was lost


@pytest.mark.parametrize("bad", ["text", "half", "absent", "outputs"])
def test_a_bad_file_changes_nothing(
    model: Path, other: Path, started: list[Process], bad: str
) -> None:
    old = Classifier.load(model).id
    started.append(live := Process(model))
    live.until(event="decision", model=old)
    if bad == "absent":
        model.unlink()
    elif bad == "outputs":
        tiny_models.write_model(model, labels=["one", "two"])
    else:
        whole = other.read_bytes()
        model.write_bytes(b"text" if bad == "text" else whole[: len(whole) // 2])
    live.process.send_signal(signal.SIGHUP)
    told = live.until(event="notice", text="model: ")
    assert f"{old} goes on" in told["text"]
    assert live.until(event="decision")["model"] == old


def test_a_changed_file_is_noticed_when_it_stands_still(
    model: Path, other: Path, started: list[Process]
) -> None:
    old, new = Classifier.load(model).id, Classifier.load(other).id
    started.append(live := Process(model, "--follow-model"))
    live.until(event="decision", model=old)
    whole = other.read_bytes()
    with model.open("wb") as file:  # written slowly, in place
        for begin in range(0, len(whole), len(whole) // 10):
            file.write(whole[begin : begin + len(whole) // 10])
            file.flush()
            time.sleep(0.05)
    live.until(event="decision", model=new)
    told = [line["text"] for line in live.seen if line["event"] == "notice"]
    assert [text for text in told if "goes on" not in text] == [f"model: {new} instead of {old}"]
    os.utime(model)  # touched: the same model
    replaced(model, other)
    end_s = time.monotonic() + 3
    while time.monotonic() < end_s:
        live.until(event="decision", model=new)
    assert [line["text"] for line in live.seen if line["event"] == "notice"] == told


def test_a_file_that_nobody_follows_is_left_alone(
    model: Path, other: Path, started: list[Process]
) -> None:
    old = Classifier.load(model).id
    started.append(live := Process(model))
    live.until(event="decision", model=old)
    replaced(model, other)
    end_s = time.monotonic() + 2.5
    while time.monotonic() < end_s:
        assert live.until(event="decision")["model"] == old


def test_a_terminal_that_is_closed_ends_it(model: Path, tmp_path: Path) -> None:
    """As before there was anything to load: the signal says that nobody is there any more."""
    long = tiny_models.write_tone(tmp_path / "long.wav", "low", 120)
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "edge_asc", "live", "--model", str(model), "--quiet"]
    command += ["--source", str(long), "--realtime", "--log", str(log)]
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever nohup said to these tests
        os.execv(sys.executable, command)
    try:
        until(lambda: log.exists() and b"listening" in log.read_bytes())
        os.kill(pid, signal.SIGHUP)  # while it is there: loaded again
        until(lambda: b"as before" in log.read_bytes())
    finally:
        os.close(terminal)
    begin_s = time.monotonic()
    _, status = os.waitpid(pid, 0)
    assert time.monotonic() - begin_s < SOON_S
    assert json.loads(log.read_bytes().splitlines()[-1])["event"] == "end"
    assert not os.WIFSIGNALED(status)
