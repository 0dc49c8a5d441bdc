"""Official parts of TAU's training clips, and training on some devices."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge_asc.config.schema import DataConfig, load_preset
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.data.train_list import PLACES
from edge_asc.training.inputs.load import chosen

DEVICES = ("a", "b", "s1", "s4")
TRAIN = [f"audio/bus-lyon-{10 + i}-{i}-{i % 3}-{DEVICES[i % 3]}.wav" for i in range(9)]
TEST = [f"audio/bus-oslo-{90 + i}-{i}-0-{DEVICES[i % 4]}.wav" for i in range(4)]


def write(path: Path, names: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in ("filename\tscene_label", *rows(names))))
    return path


def rows(names: Sequence[str]) -> list[str]:
    return [f"{name}\tbus" for name in names]


@pytest.fixture
def tau(tmp_path: Path) -> Path:
    write(tmp_path / "evaluation_setup" / "fold1_train.csv", TRAIN)
    write(tmp_path / "evaluation_setup" / "fold1_evaluate.csv", TEST)
    return tmp_path


def names(clips: Sequence[object]) -> list[str]:
    return [f"audio/{clip.path.name}" for clip in clips]  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("asked", ["split5", "split5.csv"])
def test_a_list_leaves_its_training_clips_and_all_tests(tau: Path, place: str, asked: str) -> None:
    write(tau / place / "split5.csv", TRAIN[2:5])
    train, test = chosen(DataConfig(train_list=asked), open_dataset(tau), 1)
    assert names(train) == TRAIN[2:5] and names(test) == TEST


def test_a_list_from_elsewhere_is_the_same_as_opened_with(tau: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere" / "mine.csv", TRAIN[:4])
    found = chosen(DataConfig(train_list=str(path)), open_dataset(tau), 1)
    assert found == open_dataset(tau, train_list=path).split(1)


def test_devices_choose_on_both_sides(tau: Path) -> None:
    train, test = chosen(DataConfig(devices=("a",)), open_dataset(tau), 1)
    assert {clip.device for clip in (*train, *test)} == {"a"}
    assert (len(train), len(test)) == (3, 1)
    both = chosen(DataConfig(devices=("a", "b"), train_list="x"), with_list(tau, TRAIN[:2]), 1)
    assert names(both[0]) == TRAIN[:2]


def with_list(tau: Path, kept: Sequence[str]) -> SceneDataset:
    write(tau / "x.csv", kept)
    return open_dataset(tau)


def test_what_cannot_be_is_said(tau: Path) -> None:
    dataset = open_dataset(tau)
    with pytest.raises(FileNotFoundError, match="no training list split7: neither a file nor in"):
        chosen(DataConfig(train_list="split7"), dataset, 1)
    write(tau / "bad.csv", [*TRAIN[:1], TEST[0]])
    with pytest.raises(
        ValueError, match=r"bad.csv line 3: audio/bus-oslo.* is not a training clip"
    ):
        chosen(DataConfig(train_list="bad"), dataset, 1)
    with pytest.raises(ValueError, match="goes with a test fold"):
        chosen(DataConfig(train_list="split25"), dataset, None)
    with pytest.raises(ValueError, match=r"no training clip of device s4 .devices: a, b, s1, s4"):
        chosen(DataConfig(devices=("s4",)), dataset, 1)
    no_s1 = replace(
        dataset, clips=tuple(c for c in dataset.clips if c.fold == 0 or c.device != "s1")
    )
    with pytest.raises(ValueError, match="no test clip of device s1"):
        chosen(DataConfig(devices=("s1",)), no_s1, 1)


def test_names_mean_clips_where_one_is_meant(tau: Path) -> None:
    dataset = open_dataset(tau)
    short = [str(tau / TRAIN[0]), Path(TRAIN[1]).name, f"/elsewhere/{TRAIN[2]}"]
    write(tau / "short.csv", short)
    assert names(chosen(DataConfig(train_list="short"), dataset, 1)[0]) == TRAIN[:3]
    write(tau / "twice.csv", [TRAIN[1], Path(TRAIN[1]).name])
    with pytest.raises(ValueError, match=r"twice.csv line 3: .* is listed twice .first in line 2"):
        chosen(DataConfig(train_list="twice"), dataset, 1)


def test_labels_that_contradict_are_refused(tau: Path) -> None:
    (tau / "odd.csv").write_text(f"filename,scene_label\n{TRAIN[0]},tram\n")
    with pytest.raises(ValueError, match=r"odd.csv line 2: .* is 'tram' here and 'bus'"):
        chosen(DataConfig(train_list="odd"), open_dataset(tau), 1)


@pytest.mark.parametrize("name", ["baseline", "compact"])
def test_presets_of_the_task_name_its_list(name: str) -> None:
    for preset in (f"dcase2025/{name}", f"dcase2025/{name}-device"):
        config = load_preset(preset)
        assert (config.data.train_list, config.rule) == ("split25", "dcase2025")
        assert (config.data.crop_s, config.frontend["sample_rate_hz"]) == (1.0, 32000)
    assert config.model == load_preset(f"dcase2025/{name}").model
    assert config.frontend == load_preset(f"dcase2025/{name}").frontend
