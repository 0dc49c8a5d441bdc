"""The synthetic scenes: reproducible, named for what they are, and told apart by movement alone."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_asc.data.cache import FeatureCache
from edge_asc.data.check import check_dataset
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.data.synthetic import write_synthetic
from edge_asc.frontend.front_end import FrontEnd

CLIPS_PER_CLASS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    assert write_synthetic(folder, CLIPS_PER_CLASS) == folder / "synthetic.csv"
    return folder


@pytest.fixture(scope="module")
def dataset(folder: Path) -> SceneDataset:
    return open_dataset(folder)


def test_layout(dataset: SceneDataset) -> None:
    assert (dataset.name, dataset.clip_s, dataset.folds) == ("synthetic", 2.0, (1, 2, 3, 4, 5))
    assert len(dataset.labels) == 10
    assert len(dataset.abstract_labels) == 3
    assert set(dataset.abstract_map) == set(dataset.labels)
    for fold in dataset.folds:
        train, test = dataset.split(fold)
        assert not {clip.recording for clip in train} & {clip.recording for clip in test}
        assert set(Counter(clip.label for clip in test).values()) == {CLIPS_PER_CLASS // 5}
        assert len({clip.device for clip in test}) == 2
        assert dataset.unseen_devices(fold) == ()


def test_everything_is_called_synthetic(folder: Path, dataset: SceneDataset) -> None:
    clips = dataset.clips
    names = {*dataset.labels, *dataset.abstract_labels, dataset.name, dataset.license_note}
    names |= {clip.path.name for clip in clips} | {clip.device for clip in clips}
    assert all(name.startswith("synthetic") for name in names)


def test_every_file_is_sound(dataset: SceneDataset) -> None:
    report = check_dataset(dataset)
    assert not report.bad
    assert not report.warnings
    assert report.formats() == {"16000 Hz, 1 ch, PCM_16": 10 * CLIPS_PER_CLASS}
    for clip in dataset.clips[::7]:
        peak = np.abs(soundfile.read(clip.path)[0]).max()
        assert 10 ** (-24.1 / 20) < peak < 10 ** (-2.9 / 20)  # -24 to -3 dB, and rounding


def test_the_seed_decides_everything(folder: Path, tmp_path: Path) -> None:
    def contents(folder: Path) -> list[bytes]:
        return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]

    arguments = {"clips_per_class": 1, "clip_s": 0.5, "sample_rate_hz": 8000}
    same, again, other = (tmp_path / name for name in ("same", "again", "other"))
    write_synthetic(same, **arguments, seed=3)  # type: ignore[arg-type]
    write_synthetic(again, **arguments, seed=3)  # type: ignore[arg-type]
    write_synthetic(other, **arguments, seed=4)  # type: ignore[arg-type]
    assert contents(same) == contents(again)
    changed = [a != b for a, b in zip(contents(same), contents(other), strict=True)]
    assert sum(changed) == 10  # every WAV file; table and licence say the same


def test_more_clips_leave_the_first_ones_as_they_are(folder: Path, tmp_path: Path) -> None:
    write_synthetic(tmp_path, 2)
    for path in (tmp_path / "audio").iterdir():
        assert path.read_bytes() == (folder / "audio" / path.name).read_bytes()


@pytest.fixture(scope="module")
def log_mels(dataset: SceneDataset, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Log-mel spectra of all clips [N, M, F]."""
    frontend = FrontEnd(16000, n_fft=512, win_length=400, hop_length=320, n_mels=40)
    cache = FeatureCache(frontend, dataset.clip_s, tmp_path_factory.mktemp("cache"), workers=1)
    return np.stack(list(cache.load(dataset.clips)))


def accuracy(model: object, inputs: np.ndarray, dataset: SceneDataset) -> float:
    """Share of right answers over the held-out folds, for inputs [N, D]."""
    labels = np.array([clip.label for clip in dataset.clips])
    folds = np.array([clip.fold for clip in dataset.clips])
    pipeline = make_pipeline(StandardScaler(), model)
    right = 0.0
    for fold in dataset.folds:
        pipeline.fit(inputs[folds != fold], labels[folds != fold])
        right += (pipeline.predict(inputs[folds == fold]) == labels[folds == fold]).sum()
    return right / len(labels)


def test_mean_spectra_do_not_tell_the_scene(log_mels: np.ndarray, dataset: SceneDataset) -> None:
    model = LogisticRegression(max_iter=1000, C=0.1)
    found = accuracy(model, log_mels.mean(2), dataset)
    assert found < 0.5, "chance is 0.1; 0.16 to 0.29 were measured over seeds"


def test_movement_tells_the_scene(log_mels: np.ndarray, dataset: SceneDataset) -> None:
    # Magnitudes of the 2-D spectrum know rates and the direction of sweeps, and no mean spectrum:
    # its column of modulation rate 0 is gone.
    moving = log_mels - log_mels.mean(2, keepdims=True)
    spectrum = np.log1p(np.abs(np.fft.fft2(moving)))[:, :, 1:50]
    slow = np.concatenate([spectrum[:, :8], spectrum[:, -7:]], axis=1)
    found = accuracy(RidgeClassifier(1000.0), slow.reshape(len(slow), -1), dataset)
    assert found > 0.5, "0.66 to 0.78 were measured over seeds"


@pytest.mark.parametrize(
    ("argument", "value", "legal"),
    [
        ("clips_per_class", 0, "at least 1"),
        ("clip_s", 0.4, "between 0.5 and 60"),
        ("clip_s", float("nan"), "between 0.5 and 60"),
        ("sample_rate_hz", 4000, "between 8000 and 192000"),
        ("seed", -1, "must not be negative"),
    ],
)
def test_arguments_have_a_range(tmp_path: Path, argument: str, value: float, legal: str) -> None:
    with pytest.raises(ValueError, match=f"{argument} .*{legal}"):
        write_synthetic(tmp_path, **{argument: value})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
