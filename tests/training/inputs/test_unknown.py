"""Sounds that are none of the classes: how many, which, and what a network learns of them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from edge_asc.audio.microphones.quiet import quiet_rooms
from edge_asc.config.schema import Config, load_preset
from edge_asc.data.open import open_dataset
from edge_asc.training.inputs.batches import UNKNOWN, Epochs, FeatureStore, Group
from edge_asc.training.inputs.load import prepare
from edge_asc.training.run_folder import read_run
from edge_asc.training.step import binary_losses, distribution, task_losses
from small_run import SMALL, train_run
from small_training import CROP, N_FRAMES, N_MELS, small_fit, store

GROUPS = (100.0, 200.0)  # what the features of each group's sounds are


def with_unknown(n: int, **settings: int) -> FeatureStore:
    """Clip i is full of i, labelled i modulo 3; 4 sounds of one group and 40 of another."""
    arrays, few, many = (
        [np.full((N_MELS, N_FRAMES), value, np.float32) for value in values]
        for values in (range(n), [GROUPS[0]] * 4, [GROUPS[1]] * 40)
    )
    labels = [[i % 3 for i in range(n)]]
    unknown = [Group(few, 4), Group(many, 10)]
    return FeatureStore(arrays, labels, [3], unknown=unknown, **settings)


@pytest.mark.parametrize("limit", [2**31, 0], ids=["memory", "mapped"])
def test_a_part_of_each_batch_is_unknown_and_every_clip_comes_once(limit: int) -> None:
    epochs = Epochs(with_unknown(24, ram_limit_bytes=limit), 8, CROP, seed=0, unknown_part=0.25)
    assert len(epochs) == 4  # six clips a step
    drawn: list[float] = []
    for epoch in range(30):
        epochs.epoch = epoch
        seen = []
        for raw, (labels,) in epochs:
            values, none = raw[:, 0, 0, 0], labels == UNKNOWN
            assert none.sum() == 2 and torch.equal(none, values >= min(GROUPS))
            assert torch.equal(labels[~none], values[~none].long() % 3)
            seen += values[~none].tolist()
            drawn += values[none].tolist()
        assert sorted(seen) == list(range(24))
    share = drawn.count(GROUPS[0]) / len(drawn)  # each group as often, however many it has
    assert share == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(len(drawn)))


def test_processes_share_unknown_sounds_too() -> None:
    whole = Epochs(with_unknown(24), 8, CROP, seed=0, unknown_part=0.25).plan(2)
    parts = [
        Epochs(with_unknown(24), 8, CROP, 0, False, rank, 2, unknown_part=0.25).plan(2)
        for rank in (0, 1)
    ]
    for (rows, _), (a, _), (b, _) in zip(whole, *parts, strict=True):
        assert sorted(rows) == sorted([*a, *b])


def test_without_a_part_all_is_as_it_was() -> None:
    plain, other = store(20), with_unknown(20)
    plans = (Epochs(which, 8, CROP, 3).plan(1) for which in (plain, other))
    for a, b in zip(*plans, strict=True):
        assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])


def test_teachers_answers_to_unknown_sounds_are_even() -> None:
    answers = np.arange(60, dtype=np.float32).reshape(20, 3)
    arrays = [np.zeros((N_MELS, N_FRAMES), np.float32)] * 20
    some = FeatureStore(arrays, [[0] * 20], [3], answers=answers, unknown=[Group(arrays[:2], 2)])
    _, (labels, given) = some.batch(np.array([4, 20, 21]), np.zeros(3, int), CROP)
    assert labels.tolist() == [0, UNKNOWN, UNKNOWN]
    assert given.tolist() == [answers[4].tolist(), [0.0] * 3, [0.0] * 3]


@pytest.mark.parametrize(("loss", "unknown"), [(task_losses, 1 / 3), (binary_losses, 0.0)])
def test_an_even_answer_or_none_is_best(loss: Any, unknown: float) -> None:
    """The loss of an unknown sound is least where its logits are equal, or all say no."""
    target = distribution(torch.tensor([UNKNOWN]), 3, unknown)
    logits = torch.tensor([[2.0, -1.0, 0.5]], requires_grad=True)
    optimizer = torch.optim.SGD([logits], 1.0)
    for _ in range(200):
        optimizer.zero_grad()
        loss((logits,), (target,))[0].backward()
        optimizer.step()
    found = logits.softmax(1) if unknown else logits.sigmoid()
    assert found.detach() == pytest.approx(np.full((1, 3), unknown), abs=0.02)


def test_a_network_is_not_sure_of_what_is_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)

    def both() -> list[np.ndarray]:  # stripes along both axes, which no class has
        found = [rng.normal(size=(N_MELS, N_FRAMES)).astype(np.float32) for _ in range(20)]
        for a in found:
            a[::2] += 6.0
            a[:, ::2] += 6.0
        return found

    def confidence(folder: str, part: float) -> float:
        fitted = small_fit(
            tmp_path / folder,
            train_store=store(unknown=[Group(both(), 20)]),
            unknown_part=part,
            epochs=30,
        )
        with torch.no_grad():
            scene, *_ = fitted.network(torch.from_numpy(np.stack(both()))[:, None, :, :CROP])
        return float(scene.softmax(1).amax(1).mean())

    taught, untaught = confidence("taught", 0.25), confidence("untaught", 0.0)
    assert taught < 0.6 < 0.8 < untaught  # of three classes, even is 0.33


def prepared(scenes: Path, tmp_path: Path, *settings: str) -> FeatureStore:
    config: Config = load_preset("nano", [*SMALL, *settings])
    return prepare(config, open_dataset(scenes), 1, 0, False, tmp_path / "cache").train


def test_quiet_rooms_alone_and_with_recordings(scenes: Path, tmp_path: Path) -> None:
    """Of recordings, those of the scenes are left out, and long ones are heard in pieces."""
    plain = prepared(scenes, tmp_path)
    _, quiet = prepared(scenes, tmp_path, "data.unknown_part=0.1").parts
    assert len(quiet) == 1 + 9 * 3 * 3 and {a.shape for a in quiet} == {plain.arrays[0].shape}
    assert np.ptp(quiet[0]) == 0  # silence
    label = open_dataset(scenes).labels[0]
    others = tmp_path / "others"
    for name, seconds in ((f"{label}/a", 5), ("gong/b", 5), ("gong/c", 12)):
        (others / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(others / f"{name}.wav", np.full(seconds * 8000, 0.1), 8000)
    store = prepared(scenes, tmp_path, "data.unknown_part=0.1", f"data.unknown={others}")
    clip_s = open_dataset(scenes).clip_s
    assert len(store.parts[2]) == math.ceil(5 / clip_s) + math.ceil(12 / clip_s)
    assert len(store) == len(plain)


def test_a_folder_of_files_has_no_labels(scenes: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "loose").mkdir()
    for name in "ab":
        soundfile.write(folder / f"{name}.wav", np.full(2 * 8000, 0.1), 8000)
    store = prepared(scenes, tmp_path, "data.unknown_part=0.1", f"data.unknown={folder}")
    assert len(store.parts[2]) >= 2


def test_a_run_says_which_recordings_it_heard(scenes: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "loose").mkdir()
    told = []
    for name in "ab":
        soundfile.write(folder / f"{name}.wav", np.full(8000, 0.1), 8000)
        settings = ("data.unknown_part=0.1", f"data.unknown={folder}")
        told.append(read_run(train_run(tmp_path / name, scenes, "nano", *settings)).provenance)
    assert told[0]["unknown"]["clips"] != told[1]["unknown"]["clips"]
    assert told[0]["clips"] == told[1]["clips"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["data.unknown=x"], "data.unknown needs data.unknown_part above 0"),
        (["data.unknown_part=0.6"], "unknown_part"),
        (["data.unknown_part=0.1", "data.unknown=gone"], "no recordings at .*gone"),
        (["data.unknown_part=0.1", "data.unknown=SCENES"], "no clip but those of the scenes"),
    ],
)
def test_what_cannot_be_is_one_line(
    scenes: Path, tmp_path: Path, settings: list[str], complaint: str
) -> None:
    told = [text.replace("SCENES", str(scenes)) for text in settings]
    with pytest.raises((ValueError, OSError), match=complaint) as caught:
        prepared(scenes, tmp_path, *told)
    assert "\n" not in str(caught.value)


def test_quiet_rooms_are_as_loud_as_asked() -> None:
    silence, *rooms = quiet_rooms(8000, 8000, (-60.0, -90.0))
    assert not silence.any() and len(rooms) == 2 * 9
    levels = [20 * math.log10(math.sqrt(np.mean(np.square(room, dtype=float)))) for room in rooms]
    assert levels == pytest.approx([-60.0] * 9 + [-90.0] * 9, abs=1e-3)
