"""A file knows whether its bytes are those it was written with."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_asc.cli.app import app
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import (
    METADATA_KEY,
    checked_metadata,
    entries_of,
    metadata_of,
    metadata_to_json,
)
from edge_asc.runtime.trust.digest import seal
from metadata_files import METADATA, WRITERS
from tiny_models import FRONTEND, metadata, tone, write_model

FORMATS = ("tflite", "onnx")
FLIPS = 400


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_bit_anywhere_is_enough_to_be_refused(suffix: str, tmp_path: Path) -> None:
    data = write_model(tmp_path / f"m.{suffix}").read_bytes()
    assert checked_metadata(data)[1] == "verified"
    chosen = random.Random(1)
    said = data.index(b'"digest"')
    bits = [chosen.randrange(8 * len(data)) for _ in range(FLIPS)]
    bits += range(8 * said, 8 * (said + 28))  # the digest itself, and its name
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"^m: "):
            metadata_of(bytes(changed), "m")


@pytest.mark.parametrize("suffix", FORMATS)
def test_exchanged_labels_are_refused_and_told(suffix: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / f"m.{suffix}")
    swapped = path.read_bytes().replace(b'"low","middle"', b'"middle","low"')
    path.write_bytes(swapped)
    with pytest.raises(ValueError, match="altered"):
        Classifier.load(path)
    found = CliRunner().invoke(app, ["info", str(path), "--json"])
    assert found.exit_code == 1 and '"integrity": "altered"' in found.stdout


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_without_a_digest_is_foreign_and_answers(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(old_file(suffix, tmp_path))
    assert checked_metadata(path.read_bytes())[1] == "foreign"
    assert Classifier.load(path).predict(FRONTEND.features(tone("low"))).scene.shape == (3,)
    sealed = with_metadata(path.read_bytes(), metadata())
    assert checked_metadata(sealed)[1] == "verified"


def old_file(suffix: str, tmp_path: Path) -> bytes:
    """As files were written before they had a digest: the field is filled up with white space."""
    data = write_model(tmp_path / f"now.{suffix}").read_bytes()
    at = data.index(b',"digest"')
    end = data.index(b"}", at)
    return data[:at] + b" " * (end - at) + data[end:]


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_are_the_same_bytes_each_time(suffix: str) -> None:
    entries = {METADATA_KEY: metadata_to_json(METADATA)}
    once, again = WRITERS[suffix](entries), WRITERS[suffix](entries)
    assert once == again == seal(once)
    said = json.loads(entries_of(once)[METADATA_KEY])["digest"]
    assert len(said) == 16 and said != "0" * 16
