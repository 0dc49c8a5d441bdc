"""A whole run on a tiny data set: what its folder holds, and how it is found and resumed."""

import json
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edge_asc.config.schema import Config, load_preset
from edge_asc.data.cache import FeatureCache
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.files import write_json
from edge_asc.training.callbacks.history import COLUMNS, write_rows
from edge_asc.training.inputs.load import prepare
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.placement import Placement
from edge_asc.training.plots import save_confusion, save_curves
from edge_asc.training.run import train
from edge_asc.training.run_folder import (
    Run,
    load_network,
    new_run_folder,
    newest_run,
    provenance,
    read_rows,
    read_run,
)
from edge_asc.training.validate import predict, score

RATE_HZ, CLIP_S = 8000, 0.5
LABELS = ("hum", "hiss")
PNG = b"\x89PNG\r\n\x1a\n"
OVERRIDES = [
    "train.epochs=2",
    "train.batch_size=8",
    "train.precision=float32",
    "data.crop_s=0.3",
    "data.val_fraction=0.25",
    "model.abstract=true",
    "model.options={channels = [4, 4]}",
    "frontend.sample_rate_hz=8000",
    "frontend.n_fft=256",
    "frontend.win_length=256",
    "frontend.hop_length=128",
    "frontend.n_mels=16",
    "augment.frequency_mask_mels=3",
    "augment.time_mask_frames=3",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SceneDataset:
    """24 clips: a low hum or a hiss, three folds."""
    root = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    time_s = np.arange(int(RATE_HZ * CLIP_S)) / RATE_HZ
    clips = []
    for i in range(24):
        label = LABELS[i % 2]
        hum = 0.3 * np.sin(2 * np.pi * (200 + 5 * i) * time_s)
        audio = hum if label == "hum" else 0.1 * rng.normal(size=len(time_s))
        with wave.open(str(root / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes((audio.clip(-1, 1) * 32767).astype("<i2").tobytes())
        clips.append(Clip(root / f"{i}.wav", label, fold=1 + i // 2 % 3, group=str(i)))
    return SceneDataset(
        name="tiny",
        root=root,
        clips=tuple(clips),
        labels=LABELS,
        abstract_labels=("tonal", "noisy"),
        clip_s=CLIP_S,
        license_note="made here",
        abstract_map={"hum": "tonal", "hiss": "noisy"},
    )


@pytest.fixture
def config() -> Config:
    return load_preset("compact-int8", OVERRIDES)


CPU = Placement(accelerator="cpu")


def run(config: Config, dataset: SceneDataset, folder: Path, **settings: Any) -> Path:
    arguments = {"fold": 1, "progress": False, "cache": folder.parent / "c", "placement": CPU}
    return train(config, dataset, folder=folder, **(arguments | settings))


def test_run_folder_holds_everything(config: Config, dataset: SceneDataset, tmp_path: Path) -> None:
    folder = run(config, dataset, tmp_path / "run", data=os.path.abspath("as/given"), seed=3)
    names = {"run.json", "last.ckpt", "metrics.csv", "metrics.json", "weights.pt", "examples.npy"}
    assert {p.name for p in folder.iterdir()} == names | {
        *("curves.png", "confusion.png", "packages.txt")
    }
    for name in ("curves.png", "confusion.png"):
        assert (folder / name).read_bytes().startswith(PNG)
    found = read_run(folder)
    assert found.settings() == config
    assert (found.data, found.fold, found.seed) == (os.path.abspath("as/given"), 1, 3)
    assert (found.labels, found.abstract_labels) == (["hum", "hiss"], ["tonal", "noisy"])
    assert found.clip_s == 0.3 and found.n_frames == found.front_end().n_frames(2400)
    assert {"edge_asc", "python", "versions", "git", "date"} <= set(found.provenance)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["epochs"], metrics["test"]["clips"], metrics["train_clips"]) == (2, 8, 12)
    assert metrics["val"]["clips"] == 4 and "abstract_accuracy" in metrics["test"]


def test_statistics_come_from_training_clips_alone(
    config: Config, dataset: SceneDataset, tmp_path: Path
) -> None:
    material = prepare(config, dataset, 1, seed=0, progress=False, cache=tmp_path)
    train_paths = {c.path for c in dataset.split(1)[0]}
    cache = FeatureCache(config.front_end(), CLIP_S, tmp_path)
    assert material.val is not None and material.test is not None
    assert len(material.train) + len(material.val) == len(train_paths) == 16
    frames = np.concatenate(list(material.train.arrays), axis=1)
    assert np.allclose(material.frontend.mean, frames.mean(1), rtol=1e-3)  # kept with four digits
    everything = np.concatenate(list(cache.load(dataset.clips)), axis=1)
    assert not np.allclose(material.frontend.mean, everything.mean(1), rtol=1e-3)


def test_loaded_network_scores_as_the_run_said(
    config: Config, dataset: SceneDataset, tmp_path: Path
) -> None:
    folder = run(config, dataset, tmp_path / "run")
    material = prepare(config, dataset, 1, seed=0, progress=False, cache=tmp_path / "c")
    assert material.frontend == read_run(folder).front_end() and material.test is not None
    normalize = TorchFrontEnd(material.frontend).normalize
    outputs = predict(load_network(folder), normalize, material.test, material.n_frames)
    scores = score(outputs, material.test.labels)
    said = json.loads((folder / "metrics.json").read_text())["test"]
    found = scores.to_dict(has_abstract=True)
    assert found.pop("confusion") == said.pop("confusion")
    assert said.pop("recordings") == len(material.test)
    assert found == pytest.approx(said, rel=1e-6)  # batches of another size round differently


def test_every_clip_trains_without_a_fold(
    config: Config, dataset: SceneDataset, tmp_path: Path
) -> None:
    changed = load_preset("compact-int8", [*OVERRIDES, "data.val_fraction=0", "train.epochs=1"])
    folder = run(changed, dataset, tmp_path / "run", fold=None)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["train_clips"] == 24 and not {"val", "test"} & set(metrics)
    assert not (folder / "confusion.png").exists()


def test_same_seed_same_weights_and_resume_of_a_finished_run(
    config: Config, dataset: SceneDataset, tmp_path: Path
) -> None:
    a, b = (run(config, dataset, tmp_path / name) for name in "ab")
    first, second = (torch.load(f / "weights.pt", weights_only=True) for f in (a, b))
    assert all(torch.equal(first[k], second[k]) for k in first)
    (a / "weights.pt").unlink()  # as if killed between training and writing
    run(config, dataset, a, resume=True)
    again = torch.load(a / "weights.pt", weights_only=True)
    assert all(torch.equal(first[k], again[k]) for k in first)


def test_taken_folder_and_other_settings_are_refused(
    config: Config, dataset: SceneDataset, tmp_path: Path
) -> None:
    folder = run(config, dataset, tmp_path / "run")
    with pytest.raises(ValueError, match="holds a run already; resume it or name another folder"):
        run(config, dataset, folder)
    other = load_preset("compact-int8", [*OVERRIDES, "train.epochs=5"])
    with pytest.raises(ValueError, match=r"was started with train\.epochs = 2, not 5"):
        run(other, dataset, folder, resume=True)
    with pytest.raises(ValueError, match=r"was started with fold = 1, not 2"):
        run(config, dataset, folder, resume=True, fold=2)


def test_misfits_are_one_line(config: Config, dataset: SceneDataset, tmp_path: Path) -> None:
    full = load_preset("compact-int8", [*OVERRIDES, "model.name=full", "model.options.channels=1"])
    with pytest.raises(ValueError, match=r"model full: .*channels"):
        run(full, dataset, tmp_path / "run")
    tables = config.to_dict()
    tables["model"] = {"name": "full", "abstract": True, "options": {}}
    from edge_asc.config.schema import config_from_dict

    with pytest.raises(ValueError, match=r"^model full does not take 16 mels x 19 frames, 0\.3 s"):
        run(config_from_dict(tables), dataset, tmp_path / "run")
    with pytest.raises(ValueError, match="seed must be 0 or more, found -1"):
        run(config, dataset, tmp_path / "run", seed=-1)
    plain = SceneDataset("plain", dataset.root, dataset.clips, LABELS, (), CLIP_S, "")
    with pytest.raises(ValueError, match="plain has no abstract classes"):
        run(config, plain, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_newest_run_is_the_one_started_last(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run under"):
        newest_run(tmp_path)
    for i, name in enumerate("bca"):
        write_json(tmp_path / name / "run.json", {})
        import os

        os.utime(tmp_path / name / "run.json", (1000 + i, 1000 + i))
    assert newest_run(tmp_path).name == "a"


def test_new_run_folders_do_not_collide(tmp_path: Path) -> None:
    seen = set()
    for _ in range(3):
        folder = new_run_folder("compact", tmp_path)
        assert folder.is_dir()  # ours, whoever asks at the same moment
        seen.add(folder)
    assert len(seen) == 3


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a run folder: it has no run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json: "):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="missing required field"):
        read_run(tmp_path)


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    measured = {"epoch": 1, "train_loss": 1 / 3, "learning_rate": 1e-5}
    rows = [
        dict.fromkeys(COLUMNS) | measured,
        dict.fromkeys(COLUMNS) | {"epoch": 2, "seconds": 0.5},
    ]
    write_rows(rows, path)
    assert read_rows(path) == rows
    path.write_text("epoch,seconds\n1,soon\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: .*'soon'"):
        read_rows(path)


def test_unfinished_run_is_said(config: Config, tmp_path: Path) -> None:
    unfinished = Run(config.to_dict(), "d", "d", 1, 0, list(LABELS), [], {}, 5.0, 251, {})
    write_json(tmp_path / "run.json", unfinished)
    with pytest.raises(ValueError, match="the run is not finished"):
        load_network(tmp_path)
    torch.save({"x": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="weights of another network"):
        load_network(tmp_path)


def test_provenance_names_versions() -> None:
    found = provenance(["edge-asc", "train"])
    assert found["versions"]["torch"] == torch.__version__
    assert found["command"] == ["edge-asc", "train"]


def test_pictures_of_short_and_unvalidated_runs(tmp_path: Path) -> None:
    row = {"epoch": 1, "train_loss": 1.0, "val_loss": None, "val_accuracy": None}
    save_curves([{**row, "learning_rate": 0.1}], tmp_path / "a.png")
    save_confusion(np.eye(50), [f"scene {i}" for i in range(50)], tmp_path / "b.png")
    assert all((tmp_path / n).read_bytes().startswith(PNG) for n in ("a.png", "b.png"))
