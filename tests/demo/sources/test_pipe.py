"""Audio from pipes and growing files, and the WAV headers in front of it."""

import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from edge_asc.demo.sources.pcm import SAMPLE_BYTES, Pcm, parse_raw, parse_wav
from edge_asc.demo.sources.pipe import STALL_S, PipeSource

SUBTYPES = {
    "u8": "PCM_U8",
    "s16": "PCM_16",
    "s24": "PCM_24",
    "s32": "PCM_32",
    "f32": "FLOAT",
    "f64": "DOUBLE",
}


def wav_bytes(coding: str, channels: int = 1, n: int = 500, kind: str = "WAV") -> bytes:
    audio = np.random.default_rng(0).uniform(-0.9, 0.9, (n, channels))
    file = io.BytesIO()
    soundfile.write(file, audio, 16000, subtype=SUBTYPES[coding], format=kind)
    return file.getvalue()


def read_all(source: PipeSource) -> np.ndarray:
    found = []
    while source.state != "ended":
        block = source.read(5)
        if block is not None:
            found.append(block.samples)
    source.close()
    return np.concatenate(found)


def piped(data: bytes, sizes: list[int]) -> PipeSource:
    """A source whose writer sends pieces of these sizes."""
    read, write = os.pipe()

    def send() -> None:
        start = 0
        for i in range(len(data)):
            if start >= len(data):
                break
            size = sizes[i % len(sizes)]
            os.write(write, data[start : start + size])
            start += size
        os.close(write)

    threading.Thread(target=send, daemon=True).start()
    return PipeSource(read, "pipe")


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("coding", SUBTYPES)
def test_a_pipe_gives_what_libsndfile_reads(coding: str, channels: int, kind: str) -> None:
    data = wav_bytes(coding, channels, kind=kind)
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].mean(1)
    found = read_all(piped(data, [len(data)]))
    assert found == pytest.approx(expected, abs=1e-7)  # float32 rounds a mean of channels


@settings(max_examples=30)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_pieces_of_any_size_make_the_same_audio(sizes: list[int]) -> None:
    data = wav_bytes("s24", channels=2)
    assert np.array_equal(read_all(piped(data, sizes)), read_all(piped(data, [1 << 16])))


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_size_that_nobody_knew_means_until_the_end(size: int) -> None:
    data = bytearray(wav_bytes("s16"))
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", size)
    assert len(read_all(piped(bytes(data), [999]))) == 500


def test_what_stands_behind_the_samples_is_no_audio() -> None:
    data = wav_bytes("s16") + b"LIST" + struct.pack("<I", 100) + bytes(100)
    assert len(read_all(piped(data, [64]))) == 500


@given(st.binary(max_size=200))
def test_any_bytes_are_a_header_or_an_error(data: bytes) -> None:
    for head in (data, b"RIFF\0\0\0\0WAVE" + data):
        try:
            parsed = parse_wav(head)
        except ValueError:
            continue
        assert parsed is None or isinstance(parsed[0], Pcm)


@given(st.integers(0, 600), st.sampled_from(sorted(SUBTYPES)))
def test_a_header_cut_anywhere_waits_for_more(n: int, coding: str) -> None:
    data = wav_bytes(coding, 2)
    whole = parse_wav(data)
    assert whole is not None
    cut = parse_wav(data[:n])
    assert cut == (whole if n >= whole[1] else None)


def test_raw_audio() -> None:
    samples = np.array([0, 16384, -32768, 32767], "<i2")
    read, write = os.pipe()
    os.write(write, samples.tobytes() + b"\1")  # and half a sample, which is left out
    os.close(write)
    found = read_all(PipeSource(read, "pipe", parse_raw("8000")))
    assert found == pytest.approx([0, 0.5, -1, 1], abs=1e-4)


def test_one_channel_of_several() -> None:
    frames = np.arange(12, dtype="<i2").reshape(4, 3)
    for channel in (1, 2, 3):
        read, write = os.pipe()
        os.write(write, frames.tobytes())
        os.close(write)
        found = read_all(PipeSource(read, "pipe", parse_raw("8000:3"), channel=channel))
        np.testing.assert_array_equal(found * 32768, frames[:, channel - 1])


def test_a_channel_that_is_not_there_is_an_error_before_any_audio() -> None:
    read, write = os.pipe()
    with pytest.raises(ValueError, match="pipe: has 3 channels, and no channel 4"):
        PipeSource(read, "pipe", parse_raw("8000:3"), channel=4)
    os.write(write, wav_bytes("s16"))
    source = PipeSource(read, "pipe", channel=2)
    with pytest.raises(ValueError, match="pipe: has one channel, and no channel 2"):
        source.read(5)
    source.close()
    os.close(write)


@pytest.mark.parametrize(
    ("text", "pcm"),
    [
        ("44100", Pcm(44100)),
        ("48000:2", Pcm(48000, 2)),
        ("8000:1:f32", Pcm(8000, 1, "f32")),
    ],
)
def test_what_raw_audio_is(text: str, pcm: Pcm) -> None:
    assert parse_raw(text) == pcm
    assert pcm.frame_bytes == SAMPLE_BYTES[pcm.coding] * pcm.channels


@pytest.mark.parametrize("text", ["", "fast", "44100:0", "10", "8000:1:s12", "8000:1:s16:x"])
def test_what_raw_audio_is_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|must be"):
        parse_raw(text)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "pipe: ended after nothing, before any audio"),
        (b"RIFF", "pipe: ended after 4 bytes"),
        (b"ID3\x04" + bytes(100), "no WAV header; if it is raw PCM"),
        (wav_bytes("s16").replace(b"\x01\0\x01\0", b"\x55\0\x01\0", 1), "0x55 with 16 bits"),
    ],
)
def test_what_cannot_be_used_is_said(data: bytes, said: str) -> None:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    with pytest.raises(ValueError, match=said):
        read_all(PipeSource(read, "pipe"))


def test_a_sample_that_is_no_number_is_silence_and_told() -> None:
    read, write = os.pipe()
    os.write(write, np.array([0.5, np.nan, -0.5], "<f4").tobytes())
    os.close(write)
    source = PipeSource(read, "pipe", Pcm(8000, 1, "f32"))
    np.testing.assert_array_equal(read_all(source), [0.5, 0, -0.5])
    (said,) = source.notices()
    assert said.startswith("pipe: a sample NaN")


@pytest.mark.parametrize("coding", sorted(SUBTYPES))
@pytest.mark.parametrize("endless", [True, False])
@pytest.mark.parametrize("torn", [0, 1])
def test_a_header_that_comes_again_is_no_sound(coding: str, endless: bool, torn: int) -> None:
    """Recorders begin anew at 2 GiB, and `cat` joins files; a frame may be torn before it."""
    one, other = wav_bytes(coding, 2, 700), wav_bytes(coding, 2, 900)
    (first, start), (_, start_other) = parse_wav(one) or (None, 0), parse_wav(other) or (None, 0)
    assert first is not None  # a whole header was parsed; mypy cannot know
    if endless:
        size = (0x80000000).to_bytes(4, "little")
        one = one[: start - 4] + size + one[start:] + b"x" * torn
        other = other[: start_other - 4] + size + other[start_other:]
    sounds = [
        soundfile.read(io.BytesIO(wav_bytes(coding, 2, n)), dtype="float32")[0].mean(1)
        for n in (700, 900)
    ]
    source = piped(one + other, [997])
    found = read_all(source)
    assert source.state == "ended"
    assert found == pytest.approx(np.concatenate(sounds), abs=1e-7)


def test_another_format_behind_another_header() -> None:
    blocks = []
    source = piped(wav_bytes("s16", 1, 300) + b"LIST\4\0\0\0abcd" + wav_bytes("f32", 3, 200), [997])
    while source.state != "ended":
        if block := source.read(1):
            blocks.append(block.samples)
    assert sum(map(len, blocks)) == 500


@pytest.mark.parametrize("tail", [b"R", b"RIFF", b"RIFF\1\2\3\4WAVE"])
def test_samples_that_look_like_the_beginning_of_a_header_are_heard(tail: bytes) -> None:
    head = wav_bytes("u8", 1, 10)
    start = head.index(b"data") + 8
    found = read_all(piped(head[: start - 4] + bytes(4) + b"\x80" * 50 + tail, [997]))
    assert (found[-len(tail) :] * 128 + 128).astype("u1").tobytes() == tail


def test_a_wav_stream_that_ends_where_wav_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_asc.demo.sources.pipe.MOST_WAV_BYTES", 1000)
    data = wav_bytes("s16", 1, 600)
    start = data.index(b"data") + 8
    source = piped(data[: start - 4] + (0x80000000).to_bytes(4, "little") + data[start:], [997])
    with pytest.raises(ValueError, match=r"arecord -t raw …, and --raw 16000:1:s16"):
        read_all(source)


def test_a_stream_that_went_on_behind_a_new_header_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_asc.demo.sources.pipe.MOST_WAV_BYTES", 1000)
    parts = []
    for n in (600, 20):
        data = wav_bytes("s16", 1, n)
        start = data.index(b"data") + 8
        parts.append(data[: start - 4] + (0x80000000).to_bytes(4, "little") + data[start:])
    assert len(read_all(piped(b"".join(parts), [997]))) == 620


def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    """As `arecord FILE` writes: a header that promises nothing, then audio in pieces."""
    audio = tiny_models.tone("low", 4000)
    soundfile.write(tmp_path / "whole.wav", audio, 8000)
    data = (tmp_path / "whole.wav").read_bytes()
    start = data.index(b"data") + 8
    growing = tmp_path / "growing.wav"
    growing.write_bytes(data[: start - 4] + bytes(4))
    fd = os.open(growing, os.O_RDONLY)
    source, found = PipeSource(fd, "growing.wav", follow=True), []
    for place in range(start, len(data), 1001):
        with growing.open("ab") as file:
            file.write(data[place : place + 1001])
        while (block := source.read(0.01)) is not None:
            found.append(block.samples)
    assert source.state == "listening"
    source.close()
    assert np.concatenate(found) == pytest.approx(audio, abs=2 / 32768)


def test_a_stall_and_its_end_are_said() -> None:
    now_s = [0.0]
    read, write = os.pipe()
    source = PipeSource(read, "pipe", Pcm(8000), clock=lambda: now_s[0])
    os.write(write, bytes(100))
    assert source.read(1) is not None
    now_s[0] += STALL_S + 0.1
    assert source.read(0.01) is None
    assert source.state == "lost"
    assert source.notices() == ["pipe: no audio for 3 s"]
    assert source.read(0.01) is None
    assert source.notices() == []
    os.write(write, bytes(100))
    assert source.read(1) is not None
    assert (source.state, source.notices()) == ("listening", ["pipe: audio again"])
    os.close(write)
    source.close()
