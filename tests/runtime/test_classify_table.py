"""Answers to many files as a table."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command import Cli
from tiny_models import write_model


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(3):
        noise = np.random.default_rng(i).uniform(-0.3, 0.3, 16000)
        soundfile.write(folder / f"{i}, a.wav", noise, 8000)
    (folder / "3.wav").write_bytes(b"no sound")
    return folder


@pytest.mark.parametrize(("name", "delimiter"), [("p.csv", ","), ("p.tsv", "\t")])
def test_every_file_that_could_be_classified_has_a_row(
    recordings: Path, tmp_path: Path, cli: Cli, name: str, delimiter: str
) -> None:
    model = write_model(tmp_path / "m.tflite")
    code, _, err = cli("classify", recordings, "--model", model, "--csv", tmp_path / name)
    assert code == 1 and "3.wav: cannot be decoded" in err
    with (tmp_path / name).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    assert [Path(row["path"]).name for row in rows] == [f"{i}, a.wav" for i in range(3)]
    for row in rows:
        chances = {key[2:]: float(p) for key, p in row.items() if key.startswith("p_")}
        assert row["scene"] == max(chances, key=lambda scene: chances[scene])
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
