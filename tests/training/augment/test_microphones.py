"""Training clips through simulated microphones: which ones, when, and what stays as it is."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.audio.microphones.choice import MOST, microphone_for
from edge_asc.config.schema import DataConfig, load_preset
from edge_asc.data.cache import FeatureCache
from edge_asc.data.open import open_dataset
from edge_asc.training.inputs.load import AS_IT_IS, Material, prepare, versions_of
from small_run import SMALL


def material(scenes: Path, microphones: int) -> Material:
    config = load_preset("nano", [*SMALL, f"data.microphones={microphones}"])
    return prepare(config, open_dataset(scenes), 1, seed=0, progress=False)


def test_cached_features_are_those_of_what_the_microphone_hears(
    scenes: Path, tmp_path: Path
) -> None:
    clip = open_dataset(scenes).clips[0]
    frontend = load_preset("nano", SMALL).front_end()
    cache = FeatureCache(frontend, 1.0, tmp_path, heard=2)
    name, rate_hz = clip.path.name, frontend.sample_rate_hz
    heard = microphone_for(name, 2).hear(load_audio(clip.path, rate_hz), rate_hz, name)
    assert np.array_equal(cache.load([clip])[0], frontend.raw(fit_length(heard, rate_hz)))
    folders = {FeatureCache(frontend, 1.0, tmp_path, heard=h).folder for h in (None, 0, 1)}
    assert len(folders) == 3


def test_only_training_hears_microphones(scenes: Path) -> None:
    plain, several = material(scenes, 0), material(scenes, 2)
    assert (plain.train.n_versions, several.train.n_versions) == (1, 3)
    assert (plain.train.n_plain, several.train.n_plain) == (1, 1)
    assert plain.frontend == several.frontend
    for a, b in ((plain.val, several.val), (plain.test, several.test)):
        assert a is not None and b is not None and b.n_versions == 1
        assert torch.equal(a.memory, b.memory)
    first, *others = several.train.memory.split(len(several.train))
    assert torch.equal(first, plain.train.memory)
    assert not any(torch.equal(first, other) for other in others)


def test_a_clip_is_heard_by_different_microphones_all_of_them_seen() -> None:
    order = [microphone_for("street.wav", version).name for version in range(MOST)]
    assert sorted(order) == sorted(f"seen-{index}" for index in range(MOST))
    assert order == [microphone_for("street.wav", version).name for version in range(MOST)]


def test_all_microphones_take_part_about_equally() -> None:
    n_clips = 2000
    counts = Counter(microphone_for(f"{clip}.wav", 0).name for clip in range(n_clips))
    expected = n_clips / MOST
    assert len(counts) == MOST
    deviation = np.array(list(counts.values())) - expected
    assert np.sum(deviation**2 / expected) < 110  # chi square of 63 degrees: 1 in 5000


def test_speeds_and_microphones_are_versions_one_by_one() -> None:
    versions = versions_of(DataConfig(speeds=(0.9, 1.0, 1.1), microphones=2))
    assert versions[0] == AS_IT_IS
    assert set(versions[1:]) == {(0.9, None), (1.1, None), (1.0, 0), (1.0, 1)}
    assert versions_of(DataConfig()) == [AS_IT_IS]


@pytest.mark.parametrize("microphones", [-1, MOST + 1, 1.5])
def test_other_numbers_of_microphones_are_refused(microphones: float) -> None:
    with pytest.raises(ValueError, match=r"data\.microphones"):
        load_preset("nano", [f"data.microphones={microphones}"])
