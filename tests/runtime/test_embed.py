"""Embeddings of files: the shipped encoder, a classifier without its last layer, many at once."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import edge_asc as ea
from command import Cli
from edge_asc.audio.decode import load_audio
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.zoo.models import find_model, is_shipped, zoo_encoders, zoo_names
from edge_asc.teaching.encoder import NAME, OWN, find_encoder

ENCODERS = [NAME, "encoder-lite"]
RATE_HZ = 16000
ONE_STEP = 1 / 128  # of the embedding's grid


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, of three windows and of less than one, and a file that is none."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for name, seconds in (("long", 12.0), ("short", 1.5)):
        sound = 0.1 * rng.standard_normal(round(seconds * RATE_HZ))
        soundfile.write(folder / f"{name}.wav", sound, RATE_HZ)
    (folder / "empty.wav").write_bytes(b"")
    return folder


def test_the_encoder_embeds_what_teaching_hears(folder: Path) -> None:
    """Two ways to one vector: the session of a user, and the graph that teach runs."""
    encoder = find_encoder()
    for name in ("long", "short"):
        audio = load_audio(folder / f"{name}.wav", RATE_HZ)
        ours = ea.load("encoder").embed(audio, RATE_HZ)
        theirs = encoder.embeddings(audio)
        assert ours.shape == (encoder.size,)
        if len(theirs) == 1:
            assert np.abs(ours - theirs[0]).max() <= ONE_STEP


def test_an_embedding_of_the_encoder_has_length_1(folder: Path) -> None:
    """Each of D numbers is rounded by half a step at most; a mean of windows is shorter."""
    vector = ea.load("encoder").embed(folder / "short.wav")
    assert abs(np.linalg.norm(vector) - 1) <= np.sqrt(len(vector)) * ONE_STEP / 2


def test_an_encoder_has_no_scenes(folder: Path, cli: Cli) -> None:
    model = ea.load("encoder")
    assert model.labels == []
    with pytest.raises(ValueError, match="knows no scenes"):
        model(folder / "short.wav")
    with pytest.raises(ValueError, match="knows no scenes"):
        Classifier.load(OWN)
    for words in (("classify", folder / "short.wav"), ("live", "--source", folder / "short.wav")):
        code, _, said = cli(*words, "--model", "encoder")
        assert code == 1
        assert "knows no scenes" in said
        assert said.count("\n") == 1


def test_encoders_are_names_of_the_zoo(cli: Cli) -> None:
    assert [model.name for model in zoo_encoders()] == ENCODERS
    assert find_model(NAME).tflite == OWN
    for name in ENCODERS:
        assert name in zoo_names()
        assert is_shipped(find_model(name).tflite)
        assert name not in ea.zoo()  # what is in it can be called
        assert f"  {name} " in cli("models")[1]
        assert "YAMNet" in cli("models", "show", name)[1]
        assert cli("info", name)[0] == 0


@pytest.mark.parametrize("model", [*ENCODERS, "esc10-32k"])
def test_a_table_of_files(model: str, folder: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "x.npz"
    code, said, wrong = cli("embed", folder, "--out", out, "--model", model, "--json")
    assert code == 1  # one file is none
    assert "empty.wav" in wrong
    facts = json.loads(said)
    assert [Path(one["path"]).name for one in facts["failed"]] == ["empty.wav"]
    with np.load(out) as table:
        assert [Path(p).name for p in table["paths"]] == ["long.wav", "short.wav"]
        assert table["embeddings"].dtype == np.float32
        assert table["embeddings"].shape == (2, facts["numbers"])
        for path, row in zip(table["paths"], table["embeddings"], strict=True):
            assert (row == ea.load(model).embed(str(path))).all()


def test_nothing_usable_leaves_no_table(folder: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "x.npz"
    code, said, _ = cli("embed", folder / "empty.wav", "--out", out)
    assert (code, said) == (1, "")
    assert not out.exists()
