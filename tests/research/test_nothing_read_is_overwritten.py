"""What a verb writes never takes the place of a table, a list or a recording that it reads."""

from pathlib import Path

import pytest

from command import Cli
from tiny_models import LABELS, write_model, write_tone


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.tflite")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Recordings, a table of theirs whose name is nothing special, and one without an ending."""
    root = tmp_path / "scenes"
    names = [f"audio/{label}{k}.wav" for label in LABELS for k in range(2)]
    rows = [f"{name},{name[6:-5]},{i % 2}" for i, name in enumerate(names)]
    for name in names:
        write_tone(root / name, name[6:-5])
    (root / "mine.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    return root


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("predict M --data D --out D/mine.csv", "would overwrite what is read"),
        ("predict M --data D/audio --out D/audio/low0.wav", ".wav is the ending of a recording"),
        ("predict M --data D --out new.flac", ".flac is the ending of a recording"),
        ("compare M M --data D --csv D/mine.csv", "would overwrite what is read"),
        ("compare a=M b=M --data D --latex D/audio/low0.wav", "is the ending of a recording"),
        ("evaluate M --data D --fold 1 --curve D/audio/low0.wav", "a picture is one of png"),
        ("classify D/audio --model M --csv D/audio/low0.wav", "is the ending of a recording"),
        ("embed D/audio --model M --out D/audio/low0.wav", "is the ending of a recording"),
        ("microphones --plot D/audio/low0.wav", "is the ending of a recording"),
        ("report D --out D/audio/low0.wav", "is the ending of a recording"),
        ("search preset --trial 1 --out D/audio/low0.wav", "is the ending of a recording"),
        ("search show --out D/audio/low0.wav", "is the ending of a recording"),
        ("budget M --csv M", "is the ending of a recording or a model"),
        ("budget M --latex D/audio/low0.wav", "is the ending of a recording or a model"),
    ],
)
def test_what_is_read_stays(verb: str, told: str, data: Path, model: Path, cli: Cli) -> None:
    words = {"M": str(model), "a=M": f"a={model}", "b=M": f"b={model}"}
    given = [
        words.get(word, word.replace("D", str(data), 1) if word[0] == "D" else word)
        for word in verb.split()
    ]
    before = {path: path.read_bytes() for path in data.parent.rglob("*") if path.is_file()}
    code, out, err = cli(*given)
    assert code in (1, 2) and out == "" and told in " ".join(err.split()), err
    assert {p: p.read_bytes() for p in data.parent.rglob("*") if p.is_file()} == before


def test_a_recording_without_an_ending_stays(data: Path, model: Path, cli: Cli) -> None:
    recording = data / "audio" / "low0.wav"
    odd = recording.rename(data / "audio" / "low0")
    (data / "mine.csv").write_text((data / "mine.csv").read_text().replace("low0.wav", "low0"))
    before = odd.read_bytes()
    code, _, err = cli("predict", model, "--data", data, "--out", odd)
    assert code == 2 and "would overwrite what is read" in " ".join(err.split())
    assert odd.read_bytes() == before


def test_the_lists_of_a_task_stay(data: Path, model: Path, cli: Cli) -> None:
    for name in ("evaluation_setup/fold1_train.csv", "evaluation_setup/fold1_evaluate.csv"):
        path = data / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("filename\tscene_label\naudio/low0.wav\tlow\n")
        code, _, err = cli("predict", model, "--data", data, "--out", path)
        assert code == 2 and "would overwrite what is read" in " ".join(err.split())


def test_a_link_to_a_recording_stays(data: Path, cli: Cli) -> None:
    recording = data / "audio" / "low0.wav"
    before, link = recording.read_bytes(), data / "answers.csv"
    link.symlink_to(recording)
    code, _, err = cli("microphones", "--plot", link)
    assert code == 2 and ".wav is the ending of a recording" in " ".join(err.split())
    assert recording.read_bytes() == before
