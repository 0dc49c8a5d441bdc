"""BioDCASE-Tiny 2026: Development_Set/Train and Validation, a folder for each of eleven classes."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_asc.data.check import check_dataset
from edge_asc.data.layouts.splits import folds_of, is_side
from edge_asc.data.open import open_dataset

CLASSES = (
    *("Background", "Common_Chaffinch", "Common_Chiffchaff", "Eurasian_Blackbird"),
    *("Eurasian_Blackcap", "Eurasian_Blue_Tit", "Great_Spotted_Woodpecker", "Great_Tit"),
    *("Mallard", "Song_Thrush", "Tawny_Owl"),
)
PUBLISHED = {"Train": 4, "Validation": 1}  # 200 and 50 clips of each class, fifty times less


def write_split(root: Path, sides: dict[str, int], seconds: float = 0.1) -> Path:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, round(24000 * seconds))
    for side, n in sides.items():
        for label in CLASSES:
            for i in range(n):
                path = root / side / label / f"BioDCASE26_{side}_{i:04}_{label}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, noise, 24000, "PCM_16")
    return root


@pytest.mark.parametrize("given", ["Development_Set", ""], ids=["the folder", "the one above it"])
def test_training_and_validation_are_the_two_sides(tmp_path: Path, given: str) -> None:
    write_split(tmp_path / "Development_Set", PUBLISHED, seconds=3)
    dataset = open_dataset(tmp_path / given)
    assert dataset.labels == tuple(sorted(CLASSES)) and len(CLASSES) == 11
    assert (dataset.folds, dataset.clip_s) == ((1,), 3.0)
    train, test = dataset.split(1)
    assert Counter(clip.label for clip in train) == dict.fromkeys(CLASSES, 4)
    assert {clip.path.parts[-3] for clip in test} == {"Validation"} and len(test) == 11
    report = check_dataset(dataset)
    assert not report.bad and report.folds == {"0": 44, "1": 11}
    assert any("Validation is fold 1" in note for note in report.notes)
    assert report.formats() == {"24000 Hz, 1 ch, PCM_16": 55}


def test_where_there_is_a_test_set_validation_is_for_training(tmp_path: Path) -> None:
    """As of every other split: fold 1 holds what may not be learnt from."""
    dataset = open_dataset(write_split(tmp_path, {**PUBLISHED, "Test": 1}))
    assert Counter(clip.path.parts[-3] for clip in dataset.split(1)[1]) == {"Test": 11}


def test_sides_may_be_called_sets() -> None:
    assert all(map(is_side, ("Training_Set", "Validation set", "test-set", "evalset")))
    assert not any(map(is_side, ("sunset", "Offset", "dataset")))
    assert folds_of(["Training_Set", "Validation_Set"]) == {"Training_Set": 0, "Validation_Set": 1}


def test_a_split_inside_one_side_of_another_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "Development_Set", PUBLISHED)
    write_split(tmp_path, {"Evaluation_Set": 1})
    with pytest.raises(ValueError, match="Development_Set holds a split of its own") as caught:
        open_dataset(tmp_path)
    assert f"give --data {tmp_path / 'Development_Set'}" in str(caught.value)


@pytest.mark.parametrize("sides", [{"Train": 1}, {"Validation": 1}, {"Train": 2, "Validation": 1}])
@pytest.mark.parametrize("above", [1, 2])
def test_the_folder_above_is_taken_as_the_folder(
    tmp_path: Path, sides: dict[str, int], above: int
) -> None:
    write_split(tmp_path / "Bird" / "Development_Set", sides)
    itself = open_dataset(tmp_path / "Bird" / "Development_Set")
    given = open_dataset((tmp_path / "Bird", tmp_path)[above - 1])
    assert given.labels == itself.labels == tuple(sorted(CLASSES))
    assert (given.folds, given.clips) == (itself.folds, itself.clips)


def test_other_sounds_beside_a_split_are_refused_from_above_too(tmp_path: Path) -> None:
    write_split(tmp_path / "Development_Set", PUBLISHED)
    write_split(tmp_path / "Development_Set", {"samples": 1})
    for given in (tmp_path / "Development_Set", tmp_path):
        with pytest.raises(ValueError, match="Train, Validation look like a split") as caught:
            open_dataset(given)
        assert "samples like a class" in str(caught.value)


def test_a_split_further_below_is_told(tmp_path: Path) -> None:
    write_split(tmp_path / "set" / "birds", PUBLISHED)
    (note,) = (n for n in open_dataset(tmp_path).notes if "split" in n)
    assert f"{tmp_path / 'set' / 'birds'} holds a split (Train, Validation): give it" in note


def test_a_class_on_one_side_alone_is_told(tmp_path: Path) -> None:
    write_split(tmp_path, PUBLISHED)
    shutil.rmtree(tmp_path / "Train" / "Mallard")
    shutil.rmtree(tmp_path / "Validation" / "Great_Tit")
    told = check_dataset(open_dataset(tmp_path)).warnings
    assert "fold 1: Mallard only in its test clips: never learnt" in told
    assert "fold 1: Great_Tit not in its test clips: never tested" in told
