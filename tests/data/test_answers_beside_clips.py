"""What models said of clips, written into the folder of these, is never taken for their table."""

from pathlib import Path

import pytest

from command import Cli
from edge_asc.data.layouts.table import is_answers
from edge_asc.data.open import open_dataset, open_recordings
from tiny_models import LABELS, write_model, write_tone


def class_folders(root: Path) -> Path:
    for label in LABELS:
        for k in range(2):
            write_tone(root / label / f"{k}.wav", label, seed=k)
    return root


def with_table(root: Path) -> Path:
    rows = [f"audio/{label}.wav,{label},{k % 2}" for k, label in enumerate(LABELS)]
    for label in LABELS:
        write_tone(root / "audio" / f"{label}.wav", label)
    (root / "mine.csv").write_text("\n".join(["path,label,fold", *rows]) + "\n")
    return root


def loose(root: Path) -> Path:
    for k, label in enumerate(LABELS):
        write_tone(root / f"{k}.wav", label)
    return root


@pytest.mark.parametrize("make", [class_folders, with_table, loose])
def test_answers_in_the_folder_change_nothing(tmp_path: Path, cli: Cli, make) -> None:  # type: ignore[no-untyped-def]
    data, model = make(tmp_path / "data"), write_model(tmp_path / "m.tflite")
    before = open_recordings(data)
    clips = [clip.path for clip in before.clips]
    assert cli("predict", model, "--data", data, "--out", data / "submission.csv")[0] == 0
    assert (
        cli("predict", model, "--data", data, "--out", data / "bare.csv", "--bad", "mark")[0] == 0
    )
    assert cli("classify", data, "--model", model, "--csv", data / "classified.csv")[0] == 0
    if make is not loose:
        asked = ("evaluate", model, "--data", data, "--fold", "all", "--out", data)
        assert cli(*asked)[0] == 0
        assert open_dataset(data).clips == before.clips
        assert (data / "predictions.csv").exists()
    assert [clip.path for clip in open_recordings(data).clips] == clips
    assert cli("predict", model, "--data", data, "--out", data / "submission.csv")[0] == 0


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("filename\tscene_label\tbus\tpark\na.wav\tbus\t0.75\t0.25\n", True),
        ("filename\tscene_label\tbus\tpark\na.wav\t\t\t\nb.wav\tpark\t1\t3e-07\n", True),
        (
            "filename,scene_label,bus,park\na.wav,bus,1,0\nb.wav,park,0,1\n",
            False,
        ),  # somebody's word
        ("filename\tscene_label\tidentifier\tsource_label\na.wav\tbus\tx-1\ta\n", False),  # TAU
        ("filename\tscene_label\na.wav\tbus\n", False),
        ("filename,scene_label,bus\na.wav,tram,0.5\n", False),
        ("filename,scene_label,bus\na.wav,bus,1.5\n", False),
        ("filename,scene_label,bus\na.wav,bus\n", False),
        ("path,label,predicted,p_bus,p_park,device,recording\na.wav,bus,bus,1,0,,\n", True),
        ("path,label,predicted\na.wav,bus,bus\n", False),
        ("path,scene,unsure,p_bus\na.wav,bus,0,1\n", True),
        ("path,label,p_bus\na.wav,bus,1\n", False),
        ("", False),
    ],
)
def test_answers_are_told_from_tables(tmp_path: Path, text: str, answers: bool) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    assert is_answers(table) is answers


def test_a_table_of_scenes_in_columns_still_describes_its_folder(tmp_path: Path) -> None:
    """It asks for what it lacks, as before: it is not passed over."""
    write_tone(tmp_path / "a.wav", "low")
    (tmp_path / "t.csv").write_text("filename,scene_label,low\na.wav,low,1\n")
    with pytest.raises(ValueError, match="fold1_train"):
        open_dataset(tmp_path)


def test_answers_are_no_advice_of_what_to_train_on(tmp_path: Path, cli: Cli) -> None:
    data, model = tmp_path / "data", write_model(tmp_path / "m.tflite")
    loose(data / "audio")
    before = cli("data", "check", data)
    assert before[0] == 1 and "no folder for each scene" in before[2]
    assert cli("predict", model, "--data", data, "--out", data / "answers.csv")[0] == 0
    assert cli("data", "check", data) == before
