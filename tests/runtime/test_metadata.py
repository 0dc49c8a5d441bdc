"""Metadata survives the way into a file and back; damaged files end in one line."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.runtime.formats.protobuf import ProtoError, fields
from edge_asc.runtime.metadata import (
    METADATA_KEY,
    entries_of,
    file_format,
    metadata_from_json,
    metadata_to_json,
    read_entries,
    read_metadata,
)
from metadata_files import METADATA, WRITERS


@pytest.mark.parametrize("format", WRITERS)
def test_card_comes_back_from_a_file(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{format}"
    path.write_bytes(
        WRITERS[format]({"min_runtime": b"1.5", METADATA_KEY: metadata_to_json(METADATA)})
    )
    assert read_metadata(path) == METADATA
    assert read_entries(path)["min_runtime"] == b"1.5"
    assert file_format(path.read_bytes()) == format


@pytest.mark.parametrize("format", WRITERS)
def test_file_without_a_metadata_names_itself(format: str, tmp_path: Path) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(WRITERS[format]({}))
    with pytest.raises(ValueError, match=r"other\.bin: not made by edge-asc"):
        read_metadata(path)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0\0\0\0TFL3", b"RIFF....WAVE", bytes(100)])
def test_no_model_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"clip\.wav: (neither|damaged)"):
        read_metadata(path)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        read_metadata(tmp_path / "absent.tflite")


def test_json_is_compact_and_keeps_unknown_keys_of_newer_writers_out() -> None:
    text = metadata_to_json(METADATA)
    assert b'": ' not in text and b"\n" not in text
    assert metadata_from_json(text[:-1] + b',"new":1}') == METADATA


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ((b'"schema":1', b'"schema":3,"clip_s":"?"'), "schema 3; this edge-asc reads 1 to 2"),
        ((b'"int8"', b'"int7"'), "precision"),
        ((b'"clip_s":5.0', b'"clip_s":-5.0'), "clip_s"),
        ((b'["indoor","transport"]', b'["indoor","indoor"]'), "twice"),
        ((b'"name"', b'"nome"'), "name"),
        ((b"{", b"["), "."),
        ((b"airport", b"\xff\xfe"), "."),
        ((b'"mean":[0.5,1e-9]', b'"mean":' + b"[" * 100_000), "."),
    ],
)
def test_illegal_metadata_is_one_line(change: tuple[bytes, bytes], complaint: str) -> None:
    data = metadata_to_json(METADATA).replace(*change, 1)
    assert data != metadata_to_json(METADATA)
    with pytest.raises(ValueError, match=complaint) as caught:
        metadata_from_json(data)
    assert "\n" not in str(caught.value)


VICTIMS = {name: write({METADATA_KEY: b'{"a":1}' * 8}) for name, write in WRITERS.items()}


def assert_reads_or_complains(data: bytes) -> None:
    """The law for bytes nobody vouches for: entries, or a ValueError of one line."""
    try:
        entries = entries_of(data, "victim")
    except ValueError as error:
        assert str(error).startswith("victim: ") and "\n" not in str(error)
    else:
        assert all(isinstance(value, bytes) for value in entries.values())


@given(st.binary(max_size=64))
def test_any_bytes(data: bytes) -> None:
    assert_reads_or_complains(data)
    assert_reads_or_complains(b"\x10\0\0\0TFL3" + data)


@given(st.sampled_from(sorted(VICTIMS)), st.data())
def test_damaged_file(format: str, data: st.DataObject) -> None:
    victim = bytearray(VICTIMS[format])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(victim) - 1))
        victim[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    end = data.draw(st.integers(0, len(victim)))
    assert_reads_or_complains(bytes(victim))
    assert_reads_or_complains(bytes(victim[:end]))


def test_entries_that_share_one_name_do_not_take_forever() -> None:
    """20,000 metadata entries that are one entry, whose name has 60,000 bytes."""
    count, size = 20_000, 60_000
    vtable = struct.pack("<HH7H", 18, 12, 0, 0, 0, 0, 4, 0, 8)  # slots 4 and 6: buffers, metadata
    head = struct.pack("<I4s", 28, b"TFL3") + vtable + b"\0\0"
    vector_at = 40  # both fields of the root table point at the one vector of entries
    head += struct.pack("<iII", 20, vector_at - 32, vector_at - 36)
    entry_at = vector_at + 4 + 4 * count + 8
    offsets = [entry_at - (vector_at + 4 + 4 * i) for i in range(count)]
    body = head + struct.pack(f"<I{count}I", count, *offsets)
    body += struct.pack("<HHHH", 6, 8, 4, 0)  # vtable of the entry: slot 0 only
    body += struct.pack("<iI", 8, 4) + struct.pack("<I", size) + b"a" * size
    with pytest.raises(ValueError, match="overlap"):
        entries_of(body)


def test_backward_offsets_are_outside() -> None:
    """Offsets are unsigned: a table cannot be reached backwards, nor before the file."""
    with pytest.raises(ValueError, match="damaged"):
        entries_of(b"\xff\xff\xff\xffTFL3" + bytes(64))


def test_proto_wire_by_hand() -> None:
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x01\0\0\0" + b"\x21\x02" + bytes(7)
    assert [(n, bytes(v) if isinstance(v, memoryview) else v) for n, v in fields(message)] == [
        (1, 150), (2, b"hi"), (3, 1), (4, 2)]  # fmt: skip


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08" + b"\x80" * 11, b"\x12\x05hi", b"\x0b", b"\0"]
)
def test_proto_wire_damage(message: bytes) -> None:
    with pytest.raises(ProtoError):
        list(fields(message))
