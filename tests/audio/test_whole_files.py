"""What is decoded is as long as what is there; or the file is refused, with the reason."""

import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asc.audio.decode import AudioError, load_audio, probe
from edge_asc.audio.formats.flac import flac_parts
from edge_asc.audio.formats.mp3 import mp3_parts
from edge_asc.audio.formats.ogg import ogg_parts
from edge_asc.audio.formats.part import Damaged
from front_ends import noise

RATE_HZ = 16000
MP3_FRAME_S = 576 / RATE_HZ  # a header of ours says nothing of the encoder's delay
FORMATS: dict[str, tuple[str, str]] = {
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "flac": ("FLAC", "PCM_16"),
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_24"),
    "w64": ("W64", "PCM_16"),
    "caf": ("CAF", "PCM_24"),
    "au": ("AU", "PCM_16"),
    "svx": ("SVX", "PCM_16"),
    "nist": ("NIST", "PCM_16"),
    "voc": ("VOC", "PCM_16"),
}
JOINED = ["ogg", "opus", "mp3", "flac", "wav", "aiff", "w64", "caf", "au"]


def sound(seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = 0.3 * np.sin(2 * np.pi * hz * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * t))
    return tone + 0.02 * noise(len(t))


def content(tmp_path: Path, suffix: str, audio: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    kind, subtype = FORMATS[suffix]
    path = tmp_path / f"made.{suffix}"
    soundfile.write(path, audio, rate_hz, format=kind, subtype=subtype)
    return path.read_bytes()


def saved(tmp_path: Path, suffix: str, data: bytes) -> Path:
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        load_audio(path, RATE_HZ)
    with pytest.raises(AudioError):
        probe(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def first_mp3_frame_bytes(data: bytes) -> int:
    """Length of the encoder's first frame, which only counts: MPEG 2, layer III."""
    kbps = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][(data[2] >> 4) - 1]
    return 72 * kbps * 1000 // RATE_HZ + (data[2] >> 1 & 1)


@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_that_does_not_tell_its_length_is_heard_whole(tmp_path: Path, channels: int) -> None:
    quiet_then_loud = np.concatenate([0.001 * sound(3), sound(3)])  # two very unlike bit rates
    data = content(tmp_path, "mp3", np.stack([quiet_then_loud] * channels, 1))
    path = saved(tmp_path, "mp3", data[first_mp3_frame_bytes(data) :])
    got = load_audio(path, RATE_HZ)
    assert len(got) / RATE_HZ == pytest.approx(6.0, abs=3 * MP3_FRAME_S)
    assert probe(path).duration_s == len(got) / RATE_HZ


@pytest.mark.parametrize("suffix", JOINED)
def test_files_joined_byte_by_byte_are_heard_one_after_the_other(
    tmp_path: Path, suffix: str
) -> None:
    parts = [content(tmp_path, suffix, sound(s, hz)) for s, hz in [(2, 300), (1, 900), (3, 2000)]]
    path = saved(tmp_path, suffix, b"".join(parts))
    apart = [load_audio(saved(tmp_path, f"x.{suffix}", part), RATE_HZ) for part in parts]
    got = load_audio(path, RATE_HZ)
    np.testing.assert_array_equal(got, np.concatenate(apart))
    assert probe(path).duration_s == pytest.approx(6.0, abs=0.001)


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "wav"])
def test_parts_of_other_rates_are_resampled_each(tmp_path: Path, suffix: str) -> None:
    slow, fast = sound(2, rate_hz=22050), sound(3, rate_hz=44100)
    stereo = np.stack([fast, 0.5 * fast], 1)
    both = content(tmp_path, suffix, slow, 22050) + content(tmp_path, suffix, stereo, 44100)
    got = load_audio(saved(tmp_path, suffix, both), RATE_HZ)
    assert len(got) == pytest.approx(5 * RATE_HZ, abs=2)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg"])
def test_tags_of_players_are_no_sound(tmp_path: Path, suffix: str) -> None:
    data = content(tmp_path, suffix, sound(2))
    plain = load_audio(saved(tmp_path, suffix, data), RATE_HZ)
    tagged = data + b"TAG" + b"a song".ljust(125, b"\0")
    if suffix != "ogg":
        tagged = b"ID3\4\0\0\0\0\0\x20" + bytes(32) + tagged
    np.testing.assert_array_equal(load_audio(saved(tmp_path, suffix, tagged), RATE_HZ), plain)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_S8"])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_from_a_pipe_tells_its_length_at_its_end(
    tmp_path: Path, subtype: str, channels: int
) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.stack([sound(3.01)] * channels, 1), RATE_HZ, subtype)
    expected, data = load_audio(path, RATE_HZ), bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    np.testing.assert_array_equal(load_audio(path, RATE_HZ), expected)
    assert probe(path).duration_s == 3.01
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "truncated" in refusal(path)


def test_a_cut_flac_that_ends_in_silence_is_refused_at_once(tmp_path: Path) -> None:
    """Its frames are tiny, and each of them looks like the last one."""
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(4096 * 9000), RATE_HZ, "PCM_16")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # as from a pipe: the header leaves the length open
    data[22:26] = bytes(4)
    path.write_bytes(data[:-7])
    started_s = time.process_time()
    assert "truncated" in refusal(path)
    assert time.process_time() - started_s < 5  # it takes a tenth of a second; all frames, minutes


def pages(data: bytes) -> list[tuple[int, int]]:
    """First byte of each Ogg page, and the one behind it."""
    found, at = [], 0
    while at < len(data):
        n = data[at + 26]
        end = at + 27 + n + sum(data[at + 27 : at + 27 + n])
        found.append((at, end))
        at = end
    return found


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_an_ogg_file_with_a_page_that_is_wrong_or_not_there_is_refused(
    tmp_path: Path, suffix: str
) -> None:
    data = content(tmp_path, suffix, np.tile(sound(3), 6))
    found = pages(data)
    assert len(found) > 4
    start, end = found[len(found) // 2]
    flipped = bytearray(data)
    flipped[(start + end) // 2] ^= 0x10
    assert refusal(saved(tmp_path, suffix, bytes(flipped))).startswith(
        f"damaged: the Ogg page at byte {start} has another checksum"
    )
    lost = data[:start] + data[end:]
    assert "pages are missing" in refusal(saved(tmp_path, suffix, lost))
    stopped = data[: found[-1][0]]  # cut off exactly between two pages
    assert "truncated" in refusal(saved(tmp_path, suffix, stopped))
    between = data[:start] + b"something else" + data[start:]
    assert f"no Ogg page at byte {start}" in refusal(saved(tmp_path, suffix, between))


def test_mp3_frames_that_are_missing_or_overwritten_are_told(tmp_path: Path) -> None:
    data = content(tmp_path, "mp3", sound(4))
    middle = len(data) // 2
    spoiled = data[:middle] + b"\x55" * 2000 + data[middle + 2000 :]
    assert "are no MP3 frames" in refusal(saved(tmp_path, "mp3", spoiled))
    assert "truncated" in refusal(saved(tmp_path, "mp3", data[: middle + 7]))


def test_an_mp3_header_that_cuts_off_too_much_is_refused(tmp_path: Path) -> None:
    data = bytearray(content(tmp_path, "mp3", sound(1)))
    lame = data.index(b"LAME")
    data[lame + 21 : lame + 24] = b"\xff\xff\xff"  # samples to leave out at both ends
    assert refusal(saved(tmp_path, "mp3", bytes(data))).endswith("has another checksum")


@pytest.mark.parametrize("suffix", ["wav", "aiff", "w64", "caf", "au", "svx", "nist", "voc"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_container_that_was_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    data = content(tmp_path, suffix, sound(2))
    assert len(load_audio(saved(tmp_path, suffix, data), RATE_HZ)) == 2 * RATE_HZ
    short = saved(tmp_path, suffix, data[: round(share * len(data))])
    assert refusal(short).startswith("truncated: header promises ")


PARSERS: dict[str, Callable[[bytes], object]] = {
    "ogg": ogg_parts,
    "flac": flac_parts,
    "mp3": mp3_parts,
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(PARSERS)), st.data())
def test_damaged_bytes_are_parts_or_refused(
    tmp_path: Path, suffix: str, draw: st.DataObject
) -> None:
    data = bytearray(content(tmp_path, suffix, sound(0.3)))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + draw.draw(st.integers(0, 9))] = draw.draw(st.binary(max_size=9))
    try:
        PARSERS[suffix](bytes(data))
    except Damaged as error:
        assert str(error).startswith(("damaged: ", "truncated: "))


@pytest.mark.parametrize("scale", [32.0, 128.0, 32768.0, 2.0**31])
@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "FLOAT"), ("AU", "DOUBLE"), ("CAF", "FLOAT")]
)
def test_samples_of_an_integer_scale_are_refused(
    tmp_path: Path, kind: str, subtype: str, scale: float
) -> None:
    path = tmp_path / "a.sound"
    soundfile.write(path, scale * sound(1), RATE_HZ, subtype, format=kind)
    with pytest.raises(AudioError, match="where full scale is 1"):
        load_audio(path, RATE_HZ)


def test_quiet_samples_of_an_integer_scale_are_known_by_being_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.rint(9 * sound(1)), RATE_HZ, "FLOAT")
    with pytest.raises(AudioError, match="where full scale is 1"):
        load_audio(path, RATE_HZ)


def test_float_recordings_may_exceed_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, 10 * sound(1), RATE_HZ, "FLOAT")  # peaks at 3, 10 dB above
    np.testing.assert_allclose(load_audio(path, RATE_HZ), 10 * sound(1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rate_hz", [1, 44, 999])
@pytest.mark.parametrize("kind", ["wav", "au"])
def test_a_rate_too_low_for_sound_is_refused(tmp_path: Path, kind: str, rate_hz: int) -> None:
    size = 50_000
    heads = {
        "wav": b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
        + b"data" + struct.pack("<I", size),
        "au": b".snd" + struct.pack(">IIIII", 24, size, 3, rate_hz, 1),
    }  # fmt: skip
    path = saved(tmp_path, kind, heads[kind] + bytes(size))
    assert refusal(path) == f"sampled at {rate_hz} Hz, sound needs at least 1000 Hz"


def test_a_high_rate_is_resampled(tmp_path: Path) -> None:
    path = tmp_path / "bat.wav"
    soundfile.write(path, sound(0.1, rate_hz=10_000_000), 10_000_000)
    assert len(load_audio(path, RATE_HZ)) == pytest.approx(0.1 * RATE_HZ, abs=1)


@pytest.mark.parametrize(
    ("suffix", "gains"),
    [
        (suffix, gains)
        for suffix in ("wav", "flac", "ogg", "mp3")
        for gains in ((1.0, -1.0), (1.0, -0.8), (-0.5, 1.0, -0.5), (1, -1, 1, -1))
        if suffix != "mp3" or len(gains) == 2  # more channels than two MP3 has not
    ],
)
def test_channels_that_cancel_each_other_are_not_averaged(
    tmp_path: Path, suffix: str, gains: tuple[float, ...]
) -> None:
    one = sound(1)
    path = saved(tmp_path, suffix, content(tmp_path, suffix, np.stack([g * one for g in gains], 1)))
    got = load_audio(path, RATE_HZ)
    assert len(got) == RATE_HZ
    assert abs(np.corrcoef(got[500:-500], one[500:-500])[0, 1]) > 0.95
    assert got.std() > 0.5 * one.std()


def test_stereo_that_does_not_cancel_stays_the_mean(tmp_path: Path) -> None:
    left, right = sound(1, 300), np.roll(sound(1, 700), 50)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([left, right], 1), RATE_HZ, "FLOAT")
    np.testing.assert_allclose(load_audio(path, RATE_HZ), (left + right) / 2, atol=1e-7)


def test_a_name_that_is_no_text_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "inv\udcff.wav"
    soundfile.write(tmp_path / "a.wav", sound(0.5), RATE_HZ)
    (tmp_path / "a.wav").rename(path)
    assert len(load_audio(path, RATE_HZ)) == RATE_HZ // 2
