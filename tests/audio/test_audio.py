"""Files in, mono float32 at the wanted rate out; or one line that names the file."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asc.audio.decode import AudioError, AudioInfo, blocks, fit_length, load_audio, probe
from edge_asc.audio.formats.container import shortfall
from front_ends import noise

RATE_HZ = 8000

# Largest error that a coding of full scale 1 may add to a sample.
LINEAR = {"PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-23, "FLOAT": 0.0, "DOUBLE": 0.0}
CODINGS = [("wav", subtype, error) for subtype, error in LINEAR.items()] + [
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("aiff", "PCM_24", 2**-23),
]


def written(
    path: Path, audio: np.ndarray, rate_hz: int = RATE_HZ, subtype: str | None = None
) -> Path:
    soundfile.write(path, audio, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize(("suffix", "subtype", "error"), CODINGS)
def test_every_linear_coding_comes_back(
    tmp_path: Path, suffix: str, subtype: str, error: float
) -> None:
    audio = noise(3000)
    path = written(tmp_path / f"a.{suffix}", audio, subtype=subtype)
    got = load_audio(path, RATE_HZ)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, audio, rtol=0, atol=error)
    assert probe(path) == AudioInfo(3000 / RATE_HZ, RATE_HZ, 1, subtype)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_codings_come_back_about_right(tmp_path: Path, suffix: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 / 44100 * np.arange(44100)).astype(np.float32)
    path = written(tmp_path / f"a.{suffix}", tone, 44100)
    got = load_audio(path, 44100)
    assert len(got) == 44100
    assert np.corrcoef(got[5000:-5000], tone[5000:-5000])[0, 1] > 0.999


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    audio = np.stack([noise(1000, seed) for seed in range(channels)], axis=1)
    path = written(tmp_path / "a.wav", audio, subtype="FLOAT")
    assert probe(path).channels == channels
    np.testing.assert_allclose(load_audio(path, RATE_HZ), audio.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("to_hz", [4000, 8000, 11025, 44100])
@pytest.mark.parametrize("block_s", [0.01, 0.3, 100.0])
def test_blocks_joined_are_the_resampled_file(tmp_path: Path, to_hz: int, block_s: float) -> None:
    audio = noise(9001)
    path = written(tmp_path / "a.wav", audio, subtype="FLOAT")
    expected = audio if to_hz == RATE_HZ else soxr.resample(audio, RATE_HZ, to_hz, "HQ")
    parts = list(blocks(path, to_hz, block_s))
    assert all(len(part) for part in parts)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)
    np.testing.assert_allclose(load_audio(path, to_hz), expected, atol=1e-6)


def test_resampling_keeps_a_tone(tmp_path: Path) -> None:
    def tone(rate_hz: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * 1000 / rate_hz * np.arange(rate_hz // 2))

    path = written(tmp_path / "a.wav", tone(48000), 48000, "FLOAT")
    got = load_audio(path, 44100)
    assert len(got) == 22050
    # HQ is made for 20 bits, 1e-6; the ends ring.
    np.testing.assert_allclose(got[500:-500], tone(44100)[500:-500], atol=1e-5)


def test_blocks_do_not_hold_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", np.zeros(RATE_HZ * 600, np.float32))
    next(blocks(path, RATE_HZ, 1.0))  # imports
    tracemalloc.start()
    try:
        seconds = sum(len(block) for block in blocks(path, RATE_HZ, 1.0)) / RATE_HZ
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds == 600
    assert peak_bytes < 20 * RATE_HZ * 4  # the file would take 600 such seconds


@pytest.mark.parametrize("n", [0, 1, 5, 6, 9])
def test_fit_length_cuts_or_appends_silence(n: int) -> None:
    audio = np.arange(1, 6, dtype=np.float32)
    got = fit_length(audio, n)
    np.testing.assert_array_equal(got, [*range(1, 6), *[0] * 4][:n])
    assert got.dtype == np.float32


def refusal(path: Path, rate_hz: int = RATE_HZ) -> str:
    """The one line that `load_audio` refuses a file with, without its path."""
    with pytest.raises(AudioError) as caught:
        load_audio(path, rate_hz)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_what_is_no_audio_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.wav") == "No such file or directory"
    assert refusal(tmp_path) == "is a directory, not an audio file"
    (tmp_path / "empty.wav").touch()
    assert refusal(tmp_path / "empty.wav") == "empty file, 0 bytes"
    (tmp_path / "text.wav").write_text("no sound in here\n" * 100)
    assert refusal(tmp_path / "text.wav") == "cannot be decoded: Format not recognised"
    (tmp_path / "a.raw").write_bytes(bytes(100))
    assert refusal(tmp_path / "a.raw") == "headerless audio cannot be decoded"
    assert refusal(written(tmp_path / "zero.wav", noise(0))) == "holds no audio, 0 frames"
    assert refusal(Path("/dev/null")) == "is not a regular file"


def test_probe_refuses_what_a_header_tells(tmp_path: Path) -> None:
    for name in ["none.wav", "."]:
        with pytest.raises(AudioError):
            probe(tmp_path / name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_an_unusable_sample_is_named(tmp_path: Path, bad: float) -> None:
    audio = np.zeros((1000, 2), np.float32)
    audio[700, 1] = audio[900, 0] = bad
    path = written(tmp_path / "a.wav", audio, subtype="FLOAT")
    assert refusal(path).startswith("sample 700 is ")
    with pytest.raises(AudioError, match="sample 700 is "):
        list(blocks(path, RATE_HZ, 0.01))


def test_too_short_to_resample_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "one.wav", noise(1))
    assert refusal(path, 1000) == "too short for one sample at 1000 Hz"


@pytest.mark.parametrize(("rate_hz", "block_s"), [(0, 1.0), (8000, 0.0), (8000, float("nan"))])
def test_illegal_arguments_are_refused(tmp_path: Path, rate_hz: int, block_s: float) -> None:
    path = written(tmp_path / "a.wav", noise(100))
    with pytest.raises(ValueError, match="must be"):
        list(blocks(path, rate_hz, block_s))


def cut(path: Path, n_bytes: int) -> Path:
    short = path.with_name(f"cut{path.suffix}")
    short.write_bytes(path.read_bytes()[:n_bytes])
    return short


@pytest.mark.parametrize("missing_bytes", [1, 2, 1500, 3900])
@pytest.mark.parametrize(("suffix", "format_"), [("wav", "WAV"), ("aiff", "AIFF"), ("wav", "RF64")])
def test_a_truncated_file_is_told_in_frames(
    tmp_path: Path, suffix: str, format_: str, missing_bytes: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(2000), RATE_HZ, "PCM_16", format=format_)
    assert len(load_audio(path, RATE_HZ)) == 2000
    there = 2000 - (missing_bytes + 1) // 2
    short = cut(path, path.stat().st_size - missing_bytes)
    assert refusal(short) == f"truncated: header promises 2000 frames, {there} are there"
    with pytest.raises(AudioError, match="truncated"):
        probe(short)


@pytest.mark.parametrize("suffix", ["ogg", "flac", "mp3"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.98])
def test_a_truncated_compressed_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = written(tmp_path / f"a.{suffix}", noise(100_000), 44100)
    message = refusal(cut(path, round(path.stat().st_size * share)), 44100)
    assert message.startswith(("truncated: ", "cannot be decoded: "))


@pytest.mark.parametrize("unknown", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_a_wav_file_written_into_a_pipe_is_whole(tmp_path: Path, unknown: int) -> None:
    path = written(tmp_path / "a.wav", noise(2000), subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[40:44] = unknown.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(load_audio(path, RATE_HZ)) == 2000


def test_what_follows_the_samples_is_not_audio(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(2000), subtype="PCM_16")
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0tail")
    assert len(load_audio(path, RATE_HZ)) == 2000


heads = st.sampled_from(
    [
        *(b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0"),
        *(b".snd", b"dns.", b"riff\x2e\x91\xcf\x11" + bytes(32)),
    ]
)
chunk_names = st.sampled_from([b"fmt ", b"data", b"ds64", b"COMM", b"SSND", b"desc"])
chunks = st.tuples(chunk_names, st.binary(max_size=40)).map(b"".join)


@given(heads, st.lists(chunks, max_size=5))
def test_no_bytes_make_the_container_check_fail(head: bytes, body: list[bytes]) -> None:
    content = head + b"".join(body)
    missing = shortfall(io.BytesIO(content), len(content))
    assert missing is None or missing.endswith("are there")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_a_damaged_file_is_audio_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(["wav", "flac", "ogg", "aiff"]))
    path = written(tmp_path / f"a.{suffix}", noise(2000))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert np.isfinite(load_audio(path, RATE_HZ)).all()
    except AudioError as error:
        assert str(error).startswith(f"{path}: ")
