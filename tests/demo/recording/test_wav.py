"""A growing WAV: its samples are those that came, at every moment it can be read."""

import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.audio.formats.container import shortfall
from edge_asc.demo.recording import wav
from edge_asc.demo.recording.wav import HEADER_BYTES, MAX_SAMPLES, GrowingWav, header, pcm16

RATE_HZ = 1000
WHEN = datetime(2026, 5, 4, 12, 30, 5)
NAMES = ("2026-05-04_12-30-05.wav", "2026-05-04_12-30-05-2.wav", "2026-05-04_12-30-05-3.wav")


def steps_of(n: int, seed: int = 0) -> np.ndarray:
    """16-bit integers [n], the ends of their range among them."""
    found = np.random.default_rng(seed).integers(-(1 << 15), 1 << 15, n).astype(np.int16)
    found[:2] = (1 << 15) - 1, -(1 << 15)
    return found


def full_scale_1(steps: np.ndarray) -> np.ndarray:
    return (steps / (1 << 15)).astype(np.float32)


def read(path: Path) -> np.ndarray:
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == RATE_HZ
    with path.open("rb") as file:
        assert shortfall(file, path.stat().st_size) is None
    return np.asarray(samples)


@given(st.lists(st.integers(-(1 << 15), (1 << 15) - 1)))
def test_every_16_bit_sample_stays_what_it_is(values: list[int]) -> None:
    steps = np.array(values, "<i2")
    assert pcm16(full_scale_1(steps)) == steps.tobytes()


@given(st.lists(st.floats(-2, 2, width=32)))
def test_finer_samples_are_rounded_and_louder_ones_clipped(values: list[float]) -> None:
    found = np.frombuffer(pcm16(np.array(values, np.float32)), "<i2")
    for value, step in zip(values, found, strict=True):
        assert abs(min(max(value * 32768, -32768), 32767) - int(step)) <= 0.5


@given(st.integers(1000, 768_000), st.integers(0, MAX_SAMPLES))
def test_the_header_is_what_the_project_itself_reads(rate_hz: int, n: int) -> None:
    from edge_asc.demo.sources.pcm import Pcm, parse_wav

    size = 2 * n or None  # none known yet means: to the end
    assert parse_wav(header(rate_hz, n)) == (Pcm(rate_hz, 1, "s16", size), HEADER_BYTES)


class Killed:
    """Keeps what a folder would hold, had the process been killed after each call to the system."""

    CALLS = ("open", "pwrite", "fdatasync", "ftruncate", "rename", "close")

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self.moments: list[dict[str, bytes]] = []
        for name in self.CALLS:
            patch.setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, call: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            found = call(*args, **kwargs)
            self.moments.append({p.name: p.read_bytes() for p in self._folder.glob("*.wav")})
            return found

        return watched


def test_killed_at_any_moment_the_file_holds_all_but_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, steps, n = tmp_path / "sounds", steps_of(5 * RATE_HZ), RATE_HZ // 4
    heard = []  # samples that had been given when the moment came
    with monkeypatch.context() as patch:
        killed = Killed(folder, patch)
        file = GrowingWav(folder, WHEN, RATE_HZ, full_scale_1(steps[:n]))
        heard += [n] * (len(killed.moments) - len(heard))
        for begin in range(n, len(steps), n):
            file.append(full_scale_1(steps[begin : begin + n]))
            heard += [begin + n] * (len(killed.moments) - len(heard))
        file.close()
        heard += [len(steps)] * (len(killed.moments) - len(heard))
    at_rest = tmp_path / "at-rest.wav"
    seen = 0
    for moment, n_heard in zip(killed.moments, heard, strict=True):
        for data in moment.values():
            at_rest.write_bytes(data)
            found = read(at_rest)
            assert len(found) >= n_heard - RATE_HZ - n  # what is being written is just heard
            np.testing.assert_array_equal(found, steps[: len(found)])
            seen += 1
    assert seen > 3 * 5
    np.testing.assert_array_equal(read(file.path), steps)
    assert [p.name for p in folder.iterdir()] == [NAMES[0]]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        file = GrowingWav(tmp_path, WHEN, RATE_HZ, full_scale_1(steps_of(10, number)))
        file.close()
        assert file.path.name == name
    for number, name in enumerate(NAMES):
        np.testing.assert_array_equal(read(tmp_path / name), steps_of(10, number))


def test_a_link_to_nowhere_is_something_too(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).symlink_to(tmp_path / "elsewhere.wav")
    file = GrowingWav(tmp_path, WHEN, RATE_HZ, full_scale_1(steps_of(10)))
    file.close()
    assert file.path.name == NAMES[1]
    assert not (tmp_path / "elsewhere.wav").exists()


def test_what_starts_in_the_same_second_gets_names_of_its_own(tmp_path: Path) -> None:
    found: dict[int, Path] = {}
    ready = threading.Barrier(12)

    def start(number: int) -> None:
        ready.wait()
        file = GrowingWav(tmp_path, WHEN, RATE_HZ, full_scale_1(steps_of(50, number)))
        file.close()
        found[number] = file.path

    threads = [threading.Thread(target=start, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found.values())) == 12 == len(list(tmp_path.iterdir()))
    for number, path in found.items():
        np.testing.assert_array_equal(read(path), steps_of(50, number))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A disk with so many bytes left, a list of one, that takes the part of a write that fits."""
    left, real = [0], os.pwrite

    def pwrite(fd: int, data: Any, place: int) -> int:
        grows = place + len(data) > os.fstat(fd).st_size
        if grows and not left[0]:
            raise OSError(28, os.strerror(28))
        data = data[: left[0]] if grows else data
        left[0] -= len(data) if grows else 0
        return real(fd, data, place)

    monkeypatch.setattr(wav.os, "pwrite", pwrite)
    yield left


@pytest.mark.parametrize("room", [2 * 200, 2 * 200 + 1, 2 * 1300 + 1])
def test_a_full_disk_keeps_every_whole_sample(
    tmp_path: Path, full_disk: list[int], room: int
) -> None:
    steps = steps_of(3 * RATE_HZ)
    full_disk[0] = room
    file = GrowingWav(tmp_path, WHEN, RATE_HZ, full_scale_1(steps[:100]))
    with pytest.raises(OSError, match=f"No space left on device: '{file.path}'"):
        for begin in range(100, len(steps), 100):
            file.append(full_scale_1(steps[begin : begin + 100]))
    file.close()
    np.testing.assert_array_equal(read(file.path), steps[: room // 2])
    assert file.n_samples == room // 2
    assert file.path.stat().st_size == HEADER_BYTES + 2 * file.n_samples  # and no half a sample


def test_a_disk_that_is_full_from_the_start_gets_no_file(
    tmp_path: Path, full_disk: list[int]
) -> None:
    with pytest.raises(OSError, match=r"No space left.*\.wav"):
        GrowingWav(tmp_path, WHEN, RATE_HZ, full_scale_1(steps_of(100)))
    assert list(tmp_path.iterdir()) == []
