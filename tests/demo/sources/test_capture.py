"""What the callback leaves for the reader: losses that are counted, and nothing that grows."""

import time

import numpy as np
import pytest

from edge_asc.demo.sources import capture as capture_module
from edge_asc.demo.sources.capture import RING_S, Capture
from edge_asc.demo.sources.microphones import MicrophoneInfo
from edge_asc.demo.sources.source import SourceCounts
from memory import held_bytes
from virtual_mic import MISSING

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

RATE_HZ, N = 1000, 50
MICROPHONE = MicrophoneInfo(0, "mic", "ALSA", 2, RATE_HZ, True)


def opened(n_channels: int = 1) -> tuple[Capture, SourceCounts]:
    counts = SourceCounts()
    return Capture(MICROPHONE, RATE_HZ, n_channels, counts), counts


def call(capture: Capture, frames: np.ndarray, overflow: bool = False) -> None:
    """As PortAudio does, with its own flags."""
    import sounddevice

    flags = sounddevice.CallbackFlags()
    flags.input_overflow = overflow
    capture.callback(frames, len(frames), None, flags)


def noise(n_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (N, n_channels)).astype(np.float32)


def test_nothing_is_given_before_something_has_come() -> None:
    capture, _ = opened()
    assert capture.take() is None
    call(capture, noise())
    block = capture.take()
    assert block is not None
    np.testing.assert_array_equal(block.samples, noise()[:, 0])
    assert (block.rate_hz, block.joins, capture.take()) == (RATE_HZ, True, None)


def test_channels_are_averaged() -> None:
    capture, _ = opened(2)
    call(capture, noise(2))
    block = capture.take()
    assert block is not None
    assert block.samples.dtype == np.float32
    np.testing.assert_allclose(block.samples, noise(2).mean(1), rtol=1e-6)


def test_one_channel_is_taken_as_it_came() -> None:
    capture = Capture(MICROPHONE, RATE_HZ, 2, SourceCounts(), channel=2)
    call(capture, noise(2))
    block = capture.take()
    assert block is not None
    np.testing.assert_array_equal(block.samples, noise(2)[:, 1])


def test_an_overflow_is_counted_and_breaks_nothing() -> None:
    """A loss of milliseconds is no reason to wait for a whole window again."""
    capture, counts = opened()
    for overflow in (False, True, False, True):
        call(capture, noise(), overflow)
    block = capture.take()
    assert block is not None
    assert (block.joins, counts.overruns) == (True, 2)


def test_a_reader_that_is_late_is_told_what_it_lost() -> None:
    capture, counts = opened()
    n_calls = round(2 * RING_S * RATE_HZ) // N
    for _ in range(n_calls):
        call(capture, noise())
    block = capture.take()
    assert block is not None
    assert block.joins
    assert len(block.samples) / RATE_HZ == 0.75 * RING_S
    assert counts.dropped_s == pytest.approx(1.25 * RING_S)


def test_the_last_sample_of_a_callback_has_just_sounded() -> None:
    capture, _ = opened()
    before_s = time.monotonic()
    call(capture, noise())
    after_s = time.monotonic()
    block = capture.take()
    assert block is not None and block.end_s is not None
    assert before_s <= block.end_s == capture.heard_s <= after_s


def test_a_month_of_callbacks_takes_no_memory() -> None:
    capture, _ = opened()
    frames = noise()
    call(capture, frames)

    def month() -> None:
        for _ in range(5000):
            call(capture, frames)

    assert held_bytes(capture_module, month) < 2000  # counters; the audio is a megabyte
