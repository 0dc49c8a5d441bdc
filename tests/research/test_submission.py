"""Tables of answers for sets with labels, without, and as the tasks lay them out."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command import Cli
from edge_asc.cli.verbs import research
from edge_asc.data.open import open_dataset, open_recordings
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.research.submission import BAD, predict
from edge_asc.training.losses.answers import GivenAnswers
from tiny_models import LABELS, scene_head, write_model, write_tone

WRITTEN = 1e-6  # probabilities have six digits


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "good.tflite")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A set in a task's layout: audio/0.wav … and a list without labels."""
    root = tmp_path / "evaluation"
    for i in range(8):
        write_tone(root / "audio" / f"{i}.wav", LABELS[i % len(LABELS)], seed=i)
    return root


def setup(
    root: Path, name: str, header: str, rows: list[str], folder: str = "evaluation_setup"
) -> None:
    path = root / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_an_evaluation_set_without_labels(
    tmp_path: Path, model: Path, recordings: Path, cli: Cli
) -> None:
    names = [f"audio/{i}.wav" for i in (3, 1, 2)]  # the list decides which, and their order
    setup(recordings, "fold1_test.csv", "filename", names)
    code, out, err = cli(
        "predict", model, "--data", recordings, "--out", tmp_path / "o.csv", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["clips"] == 3
    rows = table(tmp_path / "o.csv")
    assert [*rows[0]] == ["filename", "scene_label", *LABELS]
    assert [row["filename"] for row in rows] == names
    for row, i in zip(rows, (3, 1, 2), strict=True):
        chances = {label: float(row[label]) for label in LABELS}
        assert row["scene_label"] == max(chances, key=chances.__getitem__)
        assert row["scene_label"] == LABELS[i % len(LABELS)]
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
    cli("predict", model, "--data", recordings, "--out", tmp_path / "b.csv", "--bare-names")
    assert [row["filename"] for row in table(tmp_path / "b.csv")] == ["3.wav", "1.wav", "2.wav"]
    code, _, err = cli("evaluate", model, "--data", recordings)
    assert code == 1 and "edge-asc predict" in err and len(err.splitlines()) == 1


def test_the_table_is_what_an_evaluation_says(tmp_path: Path, model: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    for label in LABELS:
        for k in range(2):
            write_tone(data / label / f"{k}.wav", label, seed=k)
    assert cli("predict", model, "--data", data, "--out", tmp_path / "o.csv")[0] == 0
    found = evaluate(model, data, fold="all")
    written = np.array(
        [[float(row[label]) for label in LABELS] for row in table(tmp_path / "o.csv")]
    )
    assert written == pytest.approx(found.scene, abs=WRITTEN)
    fold = open_dataset(data).folds[0]
    assert (
        cli("predict", model, "--data", data, "--out", tmp_path / "f.csv", "--fold", fold)[0] == 0
    )
    assert len(table(tmp_path / "f.csv")) == len(open_dataset(data).clips_of(fold))
    assert cli("predict", model, "--data", data, "--out", tmp_path / "n.csv", "--fold", 99)[0] == 1
    assert not (tmp_path / "n.csv").exists()


@pytest.mark.parametrize("kind", ["folder", "audio", "txt", "csv", "fold1_test beside audio"])
def test_recordings_without_labels_in_every_form(
    kind: str, tmp_path: Path, model: Path, recordings: Path, cli: Cli
) -> None:
    data = recordings
    if kind == "folder":
        data = recordings / "audio"
    elif kind == "txt":
        data = recordings / "list.txt"
        data.write_text("".join(f"audio/{i}.wav\n" for i in range(8)))
    elif kind == "csv":
        data = recordings / "list.csv"
        data.write_text("path,note\n" + "".join(f"audio/{i}.wav,x\n" for i in range(8)))
    elif kind != "audio":
        setup(recordings, "fold1_test.csv", "filename", [f"audio/{i}.wav" for i in range(8)], ".")
    code, out, err = cli("predict", model, "--data", data, "--out", tmp_path / "o.csv")
    assert code == 0 and "8 clips" in out, err
    assert [row["filename"].split("/")[-1] for row in table(tmp_path / "o.csv")] == [
        f"{i}.wav" for i in range(8)
    ]


def test_a_separate_set_is_measured_with_what_it_has(
    tmp_path: Path, model: Path, recordings: Path, cli: Cli
) -> None:
    rows = [f"audio/{i}.wav\t{LABELS[i % len(LABELS)]}\t{'ab'[i % 2]}\tr{i // 2}" for i in range(8)]
    setup(recordings, "fold1_evaluate.csv", "filename\tscene_label\tdevice_id\tidentifier", rows)
    code, out, err = cli("evaluate", model, "--data", recordings, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["clips"], found["recordings"], found["accuracy"]) == (8, 4, 1.0)
    assert {*found["per_device"]} == {"a", "b"}
    some = [*rows[:3], "audio/7.wav\t\ta\tr3"]
    setup(recordings, "fold1_evaluate.csv", "filename\tscene_label\tdevice_id\tidentifier", some)
    code, _, err = cli("evaluate", model, "--data", recordings)
    assert code == 1 and "7.wav has no scene_label" in err


def test_a_file_for_a_device_answers_for_its_clips(
    tmp_path: Path, model: Path, recordings: Path, cli: Cli
) -> None:
    """The model for device b has its first two scenes exchanged: only clips of b are wrong."""
    weights, bias = scene_head()
    swapped = [1, 0, *range(2, len(LABELS))]
    other = write_model(tmp_path / "b.tflite", scene=(weights[swapped], bias[swapped]))
    labels = [LABELS[(i // 2) % 2] for i in range(8)]
    for i, label in enumerate(labels):
        write_tone(recordings / "audio" / f"{i}.wav", label, seed=i)
    rows = [f"audio/{i}.wav\t{label}\t{'ab'[i % 2]}" for i, label in enumerate(labels)]
    setup(recordings, "fold1_evaluate.csv", "filename\tscene_label\tdevice_id", rows)
    options = ("--data", recordings, "--for-device", f"b={other}")
    code, out, err = cli("evaluate", model, *options, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["per_device"]["a"]["accuracy"] == 1 and found["per_device"]["b"]["accuracy"] == 0
    assert found["for_device"] == {"b": str(other)}
    assert cli("predict", model, *options, "--out", tmp_path / "o.csv")[0] == 0
    named = [row["scene_label"] for row in table(tmp_path / "o.csv")]
    assert [name == label for name, label in zip(named, labels, strict=True)] == [True, False] * 4
    code, _, err = cli("evaluate", model, "--data", recordings, "--for-device", f"z={other}")
    assert code == 1 and "no clip of device z (devices: a, b)" in err
    assert cli("evaluate", model, "--data", recordings, "--for-device", "z")[0] == 2


def test_a_development_set_stays_one(tmp_path: Path, recordings: Path) -> None:
    shutil.copytree(recordings, tmp_path / "classes" / "park")
    shutil.copytree(recordings, tmp_path / "classes" / "tram")
    assert open_recordings(tmp_path / "classes").labels == ("park", "tram")
    assert open_recordings(recordings).labels == ()


@pytest.fixture
def with_bad(recordings: Path) -> Path:
    """The eight recordings, one of them empty now and one damaged."""
    (recordings / "audio" / "2.wav").write_bytes(b"")
    (recordings / "audio" / "5.wav").write_bytes(b"RIFF1234WAVEjunk")
    return recordings


def test_one_bad_file_stops_all_in_a_line(
    tmp_path: Path, model: Path, with_bad: Path, cli: Cli
) -> None:
    code, out, err = cli("predict", model, "--data", with_bad, "--out", tmp_path / "o.csv")
    assert (code, out) == (1, "") and not (tmp_path / "o.csv").exists()
    assert len(err.splitlines()) == 1 and "audio/2.wav: empty file" in err and "--bad skip" in err


@pytest.mark.parametrize("bad", ["skip", "mark"])
@pytest.mark.parametrize("at_once", [1, 3, 128])
def test_with_bad_files_the_others_are_answered_as_ever(
    tmp_path: Path, model: Path, with_bad: Path, cli: Cli, bad: str, at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("edge_asc.research.submission.CLIPS_AT_ONCE", at_once)
    asked = ("predict", model, "--data", with_bad, "--out", tmp_path / "o.csv", "--bad", bad)
    code, out, err = cli(*asked)
    assert code == 0 and [line.split(":")[0] for line in err.splitlines()] == ["edge-asc"] * 2
    assert "audio/2.wav: empty file" in err and "audio/5.wav: cannot be decoded" in err
    done = "left out" if bad == "skip" else "without a scene"
    assert f"o.csv: 6 clips, 2 bad files {done}" in out
    rows = {row["filename"]: row for row in table(tmp_path / "o.csv")}
    empty = {name: row for name, row in rows.items() if not row["scene_label"]}
    assert [*empty] == ([] if bad == "skip" else ["audio/2.wav", "audio/5.wav"])
    assert all({*list(row.values())[1:]} == {""} for row in empty.values())
    found = json.loads(cli(*asked, "--json")[1])
    assert found["clips"] == 6 == sum(found["named"].values())
    assert [row["name"] for row in found["bad"]] == ["audio/2.wav", "audio/5.wav"]
    for name in ("2.wav", "5.wav"):
        (with_bad / "audio" / name).unlink()
    assert cli(*asked[:-2])[0] == 0  # the good ones alone
    alone = {row["filename"]: row for row in table(tmp_path / "o.csv")}
    assert alone == {name: row for name, row in rows.items() if name not in empty}


def test_where_all_are_bad_nothing_is_written(
    tmp_path: Path, model: Path, recordings: Path, cli: Cli
) -> None:
    for path in (recordings / "audio").iterdir():
        path.write_bytes(b"")
    asked = ("predict", model, "--data", recordings, "--out", tmp_path / "o.csv", "--bad", "mark")
    code, out, err = cli(*asked)
    assert (code, out) == (1, "") and not (tmp_path / "o.csv").exists()
    assert len(err.splitlines()) == 1 and "no file can be used" in err


def test_the_command_offers_what_predict_can_do() -> None:
    assert research.BAD == BAD


def test_progress_counts_every_clip_once(model: Path, with_bad: Path) -> None:
    told: list[tuple[int, int]] = []
    dataset = open_recordings(with_bad)
    predict(model, dataset, bad="skip", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 8) for i in range(1, 9)]


def test_logits_are_answers_that_training_takes(tmp_path: Path, model: Path, cli: Cli) -> None:
    data, out = tmp_path / "data", tmp_path / "answers.npz"
    for label in LABELS:
        for k in range(2):
            write_tone(data / label / f"{k}.wav", label, seed=k)
    assert cli("predict", model, "--data", data, "--out", out)[0] == 0
    dataset, expected = open_dataset(data), evaluate(model, data, fold="all")
    given = GivenAnswers.read(out, dataset.labels).of(expected.clips, dataset.root)
    chances = np.exp(given) / np.exp(given).sum(1, keepdims=True)
    order = [expected.labels.index(label) for label in dataset.labels]
    np.testing.assert_allclose(chances, expected.scene[:, order], atol=1e-6)  # float32 of them


def test_logits_leave_bad_files_out(tmp_path: Path, model: Path, cli: Cli) -> None:
    data, out = tmp_path / "clips", tmp_path / "answers.NPZ"
    for k in range(3):
        write_tone(data / f"{k}.wav", LABELS[0], seed=k)
    (data / "1.wav").write_bytes(b"no sound")
    code, _, err = cli("predict", model, "--data", data, "--out", out, "--bad", "mark")
    assert code == 1 and "--bad skip" in err and not out.exists()
    assert cli("predict", model, "--data", data, "--out", out, "--bad", "skip")[0] == 0
    with np.load(out) as arrays:
        assert arrays["names"].tolist() == ["0.wav", "2.wav"]
        assert np.isfinite(arrays["logits"]).all()
