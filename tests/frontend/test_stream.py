"""A stream is the whole clip, however it is cut, and does not grow."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.frontend import stream as feature_stream
from edge_asc.frontend.front_end import FeatureStream, FrontEnd
from front_ends import FRONT_ENDS, SMALL, noise
from memory import held_bytes

# Matrix products of one frame and of many add in another order; float32 rounds at 6e-8.
RTOL = 1e-6


def streamed(stream: FeatureStream, audio: np.ndarray, cuts: list[int]) -> np.ndarray:
    parts = [stream.feed(block) for block in np.split(audio, sorted(cuts))]
    return np.concatenate([*parts, stream.flush()], axis=1)


GEOMETRIES = [
    SMALL,
    replace(SMALL, pre_emphasis=0.97),
    replace(SMALL, hop_length=64, log=True),  # as far as a hop can go
    replace(SMALL, hop_length=33, win_length=64, pre_emphasis=0.5),
    replace(SMALL, n_fft=2, win_length=2, hop_length=1, n_mels=1),
    replace(SMALL, hop_length=1),
]


@st.composite
def cut_clips(draw: st.DrawFn) -> tuple[FrontEnd, np.ndarray, list[int]]:
    frontend = draw(st.sampled_from(GEOMETRIES))
    n = draw(st.integers(frontend.min_samples, 400))
    cuts = draw(st.lists(st.integers(0, n), max_size=12))
    return frontend, noise(n, seed=n), cuts


@given(cut_clips())
def test_a_stream_is_the_whole_clip(case: tuple[FrontEnd, np.ndarray, list[int]]) -> None:
    frontend, audio, cuts = case
    got = streamed(FeatureStream(frontend), audio, cuts)
    np.testing.assert_allclose(got, frontend.raw(audio), rtol=RTOL, atol=RTOL * frontend.log)


@pytest.mark.parametrize("frontend", FRONT_ENDS.values(), ids=FRONT_ENDS.keys())
@pytest.mark.parametrize("block", [1, 777, 44100])
def test_every_front_end_streams(frontend: FrontEnd, block: int) -> None:
    audio = noise(3 * frontend.n_fft + 123 if block == 1 else 20_000)
    cuts = list(range(block, len(audio), block))
    got = streamed(FeatureStream(frontend), audio, cuts)
    np.testing.assert_allclose(got, frontend.raw(audio), rtol=RTOL, atol=10 * RTOL * frontend.log)


def test_a_frame_is_ready_half_a_transform_after_its_centre() -> None:
    stream = FeatureStream(SMALL)
    ready = np.cumsum([stream.feed(noise(1)).shape[1] for _ in range(200)])
    seen = np.arange(1, 201)
    # The reflection at the start needs one sample more than half a transform.
    expected = np.where(seen > 32, 1 + (seen - 32) // SMALL.hop_length, 0)
    np.testing.assert_array_equal(ready, expected)


def test_a_stream_starts_anew_after_flush_and_reset() -> None:
    audio, expected = noise(500), SMALL.raw(noise(500))
    stream = FeatureStream(SMALL)
    for _ in range(2):
        np.testing.assert_allclose(streamed(stream, audio, [100]), expected, rtol=RTOL)
    stream.feed(noise(300, seed=1))
    stream.reset()
    np.testing.assert_allclose(streamed(stream, audio, [7]), expected, rtol=RTOL)


@pytest.mark.parametrize("pre_emphasis", [0.0, 0.97])
def test_a_stream_without_audio_has_no_frames(pre_emphasis: float) -> None:
    stream = FeatureStream(replace(SMALL, pre_emphasis=pre_emphasis))
    assert stream.feed(np.zeros(0)).shape == (10, 0)
    assert stream.flush().shape == (10, 0)


@given(st.integers(0, 300), st.integers(0, 99))
def test_a_refused_block_leaves_the_stream_as_it_was(before: int, bad: int) -> None:
    audio, spoilt = noise(500), noise(100, seed=1)
    spoilt[bad] = np.nan
    stream = FeatureStream(SMALL)
    parts = [stream.feed(audio[:before])]
    with pytest.raises(ValueError, match=f"^sample {before + bad} is nan"):
        stream.feed(spoilt)
    parts += [stream.feed(audio[before:]), stream.flush()]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), SMALL.raw(audio), rtol=RTOL)


def test_a_refused_block_can_be_the_last() -> None:
    stream = FeatureStream(SMALL)
    stream.feed(noise(100))
    with pytest.raises(ValueError, match="int16"):
        stream.feed(np.zeros(10, np.int16))
    assert stream.flush().shape[1] + 4 == SMALL.n_frames(100)


@pytest.mark.parametrize("block", [160, 5000, 200_000])
def test_an_endless_stream_uses_constant_memory(block: int) -> None:
    stream = FeatureStream(FRONT_ENDS["16k-band"])
    n_blocks = 2 + 50_000 // block

    def feed(n_blocks: int) -> None:
        for seed in range(n_blocks):
            stream.feed(noise(block, seed))

    stream.feed(noise(4096))  # builds the tables
    first = held_bytes(feature_stream, lambda: feed(n_blocks))
    second = held_bytes(feature_stream, lambda: feed(3 * n_blocks))
    # Less than 2 · n_fft samples are held, 4 KB of float32; the interpreter keeps a few KB more.
    # The audio fed takes 200 KB and four times that.
    assert max(first, second) < 20_000
