"""A microphone, through a real PulseAudio: every sample, and what happens when it goes away."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recorder import Recorder
from virtual_mic import MISSING, VirtualMic
from waiting import SOON_S

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

RATE_HZ = 44100
NOTICED_S = 5.0  # what is promised; test_recovery proves it with a clock of its own
# A buffer of the sound system and one poll, on a machine that is busy with other tests.
LATE_S = 0.5
Record = Callable[..., Recorder]


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic(RATE_HZ) as mic:
        yield mic


@pytest.fixture
def record(mic: VirtualMic, tmp_path: Path) -> Iterator[Record]:
    """Start a recorder of the virtual microphone."""
    started = []

    def record(wait: bool = False) -> Recorder:
        started.append(Recorder(mic.env, tmp_path, wait))
        return started[-1]

    yield record
    for recorder in started:
        recorder.kill()


def noise(folder: Path, seconds: float, seed: int) -> tuple[Path, np.ndarray]:
    """A file of noise, and the samples that it holds once they are rounded to 16 bits."""
    path = folder / f"noise{seed}.wav"
    samples = 0.2 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))
    soundfile.write(path, samples.clip(-0.99, 0.99), RATE_HZ, subtype="PCM_16")
    return path, soundfile.read(path, dtype="float32")[0]


def found(recorded: np.ndarray, played: np.ndarray) -> bool:
    """Whether every sample that was played was recorded, in one piece."""
    n = 1 << (len(recorded) + len(played)).bit_length()
    spectra = np.fft.rfft(recorded, n), np.fft.rfft(played, n)
    lag = int(np.fft.irfft(spectra[0] * spectra[1].conj(), n)[: len(recorded)].argmax())
    return np.array_equal(recorded[lag : lag + len(played)], played)


def test_every_sample_is_recorded(mic: VirtualMic, record: Record, tmp_path: Path) -> None:
    path, played = noise(tmp_path, 2.0, seed=1)
    recorder = record()
    recorder.wait_for(state="listening")
    assert mic.play(path).wait(20) == 0
    time.sleep(LATE_S)
    last = recorder.finish()
    assert (last["exit"], last["overruns"], last["dropped_s"], last["reopens"]) == (0, 0, 0.0, 0)
    assert last["closed_s"] < SOON_S
    (piece,) = recorder.pieces()
    assert found(piece, played)
    assert not found(piece[1:], np.roll(played, 1))  # the comparison can fail
    blocks = [event for event in recorder.events if "block" in event]
    assert {event["rate_hz"] for event in blocks} == {RATE_HZ}
    assert all(0 <= event["late_s"] < LATE_S for event in blocks)
    # The device's clock and ours agree on how long it took.
    heard_s = sum(event["block"] for event in blocks[1:]) / RATE_HZ
    assert heard_s == pytest.approx(blocks[-1]["time_s"] - blocks[0]["time_s"], abs=LATE_S)


def test_a_sound_server_that_is_started_again_is_found_again(
    mic: VirtualMic, record: Record, tmp_path: Path
) -> None:
    path, played = noise(tmp_path, 1.0, seed=2)
    recorder = record()
    recorder.wait_for(state="listening", name="pulse")
    mic.kill()
    killed_s = time.monotonic()
    lost = recorder.wait_for(state="lost")
    assert lost["time_s"] - killed_s < NOTICED_S + SOON_S
    # Under another index: the first device is now one that gives only zeros.
    mic.add_device_before("aaa")
    mic.start()
    back = recorder.wait_for(joins=False)
    assert mic.play(path).wait(20) == 0
    time.sleep(LATE_S)
    last = recorder.finish()
    assert (last["exit"], last["reopens"]) == (0, 1)
    _before, after = recorder.pieces()
    assert found(after, played)
    assert recorder.states()[-3:] == ["listening", "lost", "listening"]
    notices = recorder.notices()
    assert notices[0].startswith("pulse: went away")
    assert notices[-1].startswith("pulse: heard again after")
    assert back["rate_hz"] == RATE_HZ


def test_one_that_is_not_there_yet_is_waited_for(mic: VirtualMic, record: Record) -> None:
    """PortAudio looks for devices once; a later one is found because it has to look again."""
    mic.kill()
    recorder = record(wait=True)
    recorder.wait_for(state="lost", name="pulse")
    mic.start()
    recorder.wait_for(state="listening")
    last = recorder.finish()
    assert (last["exit"], last["reopens"]) == (0, 0)
    assert recorder.notices()[0].startswith("no microphone is there")


def test_a_microphone_that_stalls_is_opened_again(mic: VirtualMic, record: Record) -> None:
    """Its stream stays active, no callback comes, and nothing else tells."""
    recorder = record()
    recorder.wait_for(state="listening")
    mic.suspend(True)
    stalled_s = time.monotonic()
    lost = recorder.wait_for(state="lost")
    assert 1 < lost["time_s"] - stalled_s < NOTICED_S + SOON_S
    mic.suspend(False)
    recorder.wait_for(joins=False)
    last = recorder.finish()
    assert last["exit"] == 0
    assert last["reopens"] >= 1
    notices = [text.partition(";")[0] for text in recorder.notices()]
    assert notices[0] == "pulse: no audio for 2 s"
    assert notices[1].startswith("pulse: heard again")


def test_nothing_but_zeros_is_silence_that_is_mended(
    mic: VirtualMic, record: Record, tmp_path: Path
) -> None:
    """The loudspeaker plays nothing, so the microphone gives exact zeros."""
    path, played = noise(tmp_path, 1.0, seed=3)
    recorder = record()
    begun_s = recorder.wait_for(state="listening")["time_s"]
    silent = recorder.wait_for(state="silent")
    assert 3 < silent["time_s"] - begun_s < NOTICED_S + SOON_S
    time.sleep(1)  # it is opened again, and zeros come
    n_events = len(recorder.events)
    assert mic.play(path).wait(20) == 0
    recorder.wait_for(state="listening")
    assert not any("block" in event for event in recorder.events[n_events:])  # withheld
    time.sleep(LATE_S)
    last = recorder.finish()
    assert last["exit"] == 0
    assert recorder.states()[-3:] == ["listening", "silent", "listening"]
    zeros, heard, *_ = recorder.pieces()
    assert not zeros.any()
    # The head may have come while it was being opened again; the rest is there to its end.
    assert found(heard, played[-RATE_HZ // 4 :])
    assert "nothing but zeros" in recorder.notices()[0]
