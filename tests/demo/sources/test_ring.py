"""A ring gives what was written, in order, or says how much of it is missing."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.sources.ring import Ring

steps = st.lists(st.one_of(st.none(), st.integers(0, 150)), max_size=60)  # None: read


def counted(begin: int, n: int, n_channels: int) -> np.ndarray:
    """Frames `[n, C]` that hold their own numbers; exact in float32 up to 2 ** 24."""
    return np.arange(begin * n_channels, (begin + n) * n_channels).reshape(n, n_channels)


@given(st.integers(8, 100), st.integers(1, 3), steps)
def test_all_that_was_written_is_read_or_said_to_be_dropped(
    n_frames: int, n_channels: int, steps: list[int | None]
) -> None:
    ring, position = Ring(n_frames, n_channels), 0
    for n in [*steps, None]:
        if n is not None:
            ring.write(counted(ring.n_written, n, n_channels))
            continue
        waiting = ring.n_written - position
        frames, n_dropped, end = ring.read()
        assert n_dropped == max(0, waiting - n_frames * 3 // 4)
        expected = counted(position + n_dropped, waiting - n_dropped, n_channels)
        np.testing.assert_array_equal(frames, expected)
        position += waiting
        assert end == position


def test_what_was_read_is_the_readers_own() -> None:
    ring = Ring(16, 1)
    ring.write(counted(0, 10, 1))
    frames = ring.read().frames
    ring.write(counted(10, 16, 1))
    np.testing.assert_array_equal(frames, counted(0, 10, 1))


@pytest.mark.parametrize("n_frames", [0, 7])
def test_a_ring_too_small_to_lag_in_is_refused(n_frames: int) -> None:
    with pytest.raises(ValueError, match=f"{n_frames} frames"):
        Ring(n_frames, 1)


class Overtaken(Ring):
    """A writer writes while the reader copies, and is in the middle of its next part."""

    def __init__(self, n_frames: int, meanwhile: list[int]) -> None:
        super().__init__(n_frames, 1)
        self.meanwhile = meanwhile

    def _copy(self, begin: int, end: int) -> np.ndarray:
        if self.meanwhile:
            self.write(counted(self.n_written, self.meanwhile.pop(), 1))
        in_the_making = (self.n_written + np.arange(self._largest)) % self._capacity
        self._frames[in_the_making] = np.nan
        return super()._copy(begin, end)


@given(st.integers(8, 100), st.integers(0, 300), st.lists(st.integers(0, 120), max_size=5))
def test_what_is_overwritten_while_it_is_copied_is_copied_again(
    n_frames: int, n: int, meanwhile: list[int]
) -> None:
    ring = Overtaken(n_frames, meanwhile)
    ring.write(counted(0, n, 1))
    frames, n_dropped, end = ring.read()
    np.testing.assert_array_equal(frames, counted(n_dropped, end - n_dropped, 1))
    assert end >= n


@pytest.mark.parametrize("chunk", [1, 37, 500])
def test_a_reader_beside_a_writer_gets_no_torn_frame(chunk: int) -> None:
    # Small, so that it is overrun again and again.
    ring, total, n_channels = Ring(64, 4), 60_000, 4
    writer = threading.Thread(
        target=lambda: [
            ring.write(counted(begin, min(chunk, total - begin), n_channels))
            for begin in range(0, total, chunk)
        ]
    )
    writer.start()
    position, n_read, n_dropped = 0, 0, 0
    while position < total:
        taken = ring.read()
        np.testing.assert_array_equal(
            taken.frames, counted(taken.end - len(taken.frames), len(taken.frames), n_channels)
        )
        n_read, n_dropped = n_read + len(taken.frames), n_dropped + taken.n_dropped
        position = taken.end
    writer.join()
    assert n_read + n_dropped == total
