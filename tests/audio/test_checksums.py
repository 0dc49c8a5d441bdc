"""Checksums of a sound that formats carry: FLAC's of all samples, LAME's of all MP3 frames."""

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_asc.audio.decode import AudioError, load_audio, probe
from edge_asc.audio.formats.crc import crc_mirrored, mirrored_table
from edge_asc.audio.formats.crc16 import crc16
from edge_asc.data.check import check_file
from edge_asc.data.dataset import Clip

RATE_HZ = 16000
MD5_AT = 26  # in a FLAC file
TAG_AT = 13  # in the first MP3 frame of that rate, in mono
MP3_FRAME_BYTES = 144  # the shortest one here
FLIPS = 60


def sound(seed: int, seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    return 0.3 * np.sin(np.arange(n) * rng.uniform(0.1, 0.4)) + 0.02 * rng.standard_normal(n)


def made(path: Path, seed: int = 0, subtype: str | None = None, channels: int = 1) -> bytes:
    soundfile.write(path, np.stack([sound(seed), -sound(seed)][:channels], 1), RATE_HZ, subtype)
    return path.read_bytes()


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 70_000])
def test_pieces_side_by_side_have_the_checksum_of_their_bytes(n: int) -> None:
    content = random.Random(n).randbytes(n)
    assert crc16(content) == crc_mirrored(content, mirrored_table(0xA001))
    assert crc16(content[n // 3 :], crc16(content[: n // 3])) == crc16(content)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_a_flac_with_the_frames_of_another_sound_is_refused(
    tmp_path: Path, subtype: str, channels: int
) -> None:
    """Each of its frames is as it should be: only all samples' MD5 is another one."""
    path = tmp_path / "a.flac"
    one, other = (made(path, seed, subtype, channels) for seed in (1, 2))
    load_audio(path, RATE_HZ)
    changed = other[:MD5_AT] + one[MD5_AT : MD5_AT + 16] + other[MD5_AT + 16 :]
    path.write_bytes(changed)
    with pytest.raises(AudioError, match=r"a\.flac: damaged: its samples .*MD5"):
        load_audio(path, RATE_HZ)
    assert "MD5" in check_file(Clip(path, "a", None)).problem
    path.write_bytes(other[:MD5_AT] + bytes(16) + other[MD5_AT + 16 :])  # as from a pipe
    assert len(load_audio(path, RATE_HZ)) == RATE_HZ


def test_a_flac_without_its_length_has_its_checksum_nevertheless(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    content = bytearray(made(path))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert len(load_audio(path, RATE_HZ)) == RATE_HZ
    content[MD5_AT] ^= 1
    path.write_bytes(content)
    with pytest.raises(AudioError, match="MD5"):
        load_audio(path, RATE_HZ)


def test_an_mp3_in_which_one_bit_of_the_sound_is_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    content = made(path)
    chosen, expected = random.Random(1), load_audio(path, RATE_HZ)
    for _ in range(FLIPS):
        bit = chosen.randrange(8 * 2 * MP3_FRAME_BYTES, 8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(AudioError, match=r"a\.mp3: "):
            load_audio(path, RATE_HZ)
    path.write_bytes(content + b"TAG" + b"a song".ljust(125, b"\0"))
    np.testing.assert_array_equal(load_audio(path, RATE_HZ), expected)


def test_an_mp3_made_louder_in_place_says_so_and_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    content = bytearray(made(path))
    content[-100] ^= 4
    path.write_bytes(content)
    assert probe(path).sample_rate_hz == RATE_HZ  # which reads no frame
    with pytest.raises(AudioError, match="MP3 frames have another checksum"):
        load_audio(path, RATE_HZ)
    item = b"\x07\0\0\0\0\0\0\0MP3GAIN_UNDO\0" + b"+1,+1,N"
    tag = b"APETAGEX" + (2000).to_bytes(4, "little") + (32 + len(item)).to_bytes(4, "little")
    path.write_bytes(content + item + (tag + (1).to_bytes(4, "little")).ljust(32, b"\0"))
    assert len(load_audio(path, RATE_HZ)) == RATE_HZ


@pytest.mark.parametrize("at", [0, 1, 2, 3, TAG_AT, TAG_AT + 2, TAG_AT + 122, TAG_AT + 130])
def test_a_damaged_frame_of_counts_is_not_taken_for_sound(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.mp3"
    content = bytearray(made(path))
    assert content[TAG_AT : TAG_AT + 4] in (b"Xing", b"Info")
    content[at] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"damaged|truncated|decoded"):
        load_audio(path, RATE_HZ)


@pytest.mark.parametrize("n", [1, 50])
def test_bytes_that_are_missing_in_the_first_frame_are_noticed(tmp_path: Path, n: int) -> None:
    path = tmp_path / "a.mp3"
    content = made(path)
    path.write_bytes(content[:20] + content[20 + n :])
    with pytest.raises(AudioError, match="damaged"):
        load_audio(path, RATE_HZ)
