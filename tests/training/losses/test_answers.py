"""Answers of teachers from a file: read as written, mixed as labels are, and learnt."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_asc.config.schema import load_preset
from edge_asc.data.dataset import Clip
from edge_asc.data.open import open_dataset
from edge_asc.training.losses.answers import GivenAnswers
from edge_asc.training.placement import Placement
from edge_asc.training.run import train
from edge_asc.training.run_folder import read_run
from small_run import SMALL
from small_training import store

LABELS = ("bus", "park", "tram")
NAMES = ["audio/0.wav", "1.wav"]
LOGITS = np.array([[1.0, 2.0, -3.0], [0.5, -0.5, 0.0]])


def clips(root: Path) -> list[Clip]:
    return [Clip(root / "audio" / f"{i}.wav", "bus", 1) for i in range(2)]


@pytest.mark.parametrize("form", ["npz", "npz in another order", "csv", "tsv", "csv with a BOM"])
def test_every_form_says_the_same(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"answers.{form[:3]}"
    if form == "npz":
        np.savez(path, names=np.array(NAMES), logits=LOGITS)
    elif form.startswith("npz"):
        order = [2, 0, 1]
        labels = np.array(LABELS)[order]
        np.savez(path, names=np.array(NAMES), logits=LOGITS[:, order], labels=labels)
    else:
        mark = "\t" if form == "tsv" else ","
        rows = [[name, *map(str, row)] for name, row in zip(NAMES, LOGITS, strict=True)]
        lines = [mark.join(row) for row in (["filename", *LABELS], *rows)]
        path.write_text("\n".join(lines) + "\n", "utf-8-sig" if "BOM" in form else "utf-8")
    found = GivenAnswers.read(path, LABELS).of(clips(tmp_path), tmp_path)
    assert np.array_equal(found, LOGITS.astype(np.float32))


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, said in (
        ("filename,bus,park\n", "no column 'tram'"),
        ("filename,bus,park,tram\na,1,2,x\n", "line 2: not a number"),
        ("filename,bus,park,tram\na,1,2,3\na,1,2,3\n", "a is there twice"),
        ("filename,bus,park,tram\na,1,2,nan\n", "finite numbers"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            GivenAnswers.read(path, LABELS)
    np.savez(tmp_path / "b.npz", names=np.array(NAMES))
    with pytest.raises(ValueError, match=r"no array logits in it \(found: names"):
        GivenAnswers.read(tmp_path / "b.npz", LABELS)
    (tmp_path / "c.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"c\.npz: no arrays"):
        GivenAnswers.read(tmp_path / "c.npz", LABELS)
    np.savez(tmp_path / "d.npz", names=np.array(NAMES[:1]), logits=LOGITS[:1])
    with pytest.raises(ValueError, match=r"no answer for 1 of 2 training clips .audio/1.wav"):
        GivenAnswers.read(tmp_path / "d.npz", LABELS).of(clips(tmp_path), tmp_path)


def test_a_batch_carries_the_answers_of_its_clips() -> None:
    plain = store()
    plain.answers = torch.arange(3.0 * len(plain)).reshape(-1, 3)
    rows = np.array([5, 0, 7])
    _, (*labels, answers) = plain.batch(rows, np.zeros(3, int), 4)
    assert len(labels) == len(plain.labels) and torch.equal(answers, plain.answers[rows])


@pytest.mark.slow
def test_a_network_learns_what_it_is_answered(tmp_path: Path, scenes: Path) -> None:
    """Teachers that know one scene alone, with all the weight: the student names that one."""
    dataset = open_dataset(scenes)
    names = [str(clip.path.relative_to(dataset.root)) for clip in dataset.clips]
    logits = np.zeros((len(names), len(dataset.labels)))
    logits[:, 3] = 8.0
    np.savez(tmp_path / "answers.npz", names=np.array(names), logits=logits)
    settings = ("train.distill_weight=1.0", "train.epochs=6", "train.ema=0", "augment={}",
                "model.options={channels = [4, 4], reduction = 4}",
                "train.learning_rate=2e-2", "train.warmup_epochs=1")  # fmt: skip
    config = load_preset("nano", [*SMALL, *settings])
    folder = train(
        config, dataset, 1, tmp_path / "run", answers=tmp_path / "answers.npz", progress=False,
        placement=Placement(accelerator="cpu"),
    )  # fmt: skip
    found = read_run(folder)
    assert found.answers["file"] == str(tmp_path / "answers.npz")

    confusion = np.array(json.loads((folder / "metrics.json").read_text())["test"]["confusion"])
    assert confusion[:, 3].sum() > 0.9 * confusion.sum()
    with pytest.raises(ValueError, match="teachers or their answers, not both"):
        train(config, dataset, 1, tmp_path / "no", answers=tmp_path / "answers.npz", teachers=["x"])
