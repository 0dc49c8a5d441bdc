"""Training clips at several speeds: pitch and length, which clips they are, what stays as it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.config.schema import load_preset
from edge_asc.data.cache import FeatureCache
from edge_asc.data.dataset import Clip
from edge_asc.data.open import open_dataset
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.inputs.batches import Epochs, FeatureStore
from edge_asc.training.inputs.load import Material, prepare
from small_run import SMALL
from small_training import (
    CROP,
    N_FRAMES,
    N_MELS,
    Stop,
    Stops,
    assert_same_weights,
    rows,
    small_fit,
    small_network,
    store,
)

RATE_HZ, CLIP_S = 8000, 0.5
FRONT_END = FrontEnd(RATE_HZ, 256, 256, 128, 40, normalization="none")
N_CLIPS = 24


def tone(path: Path, hz: float, seconds: float = CLIP_S) -> Clip:
    time_s = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * time_s), RATE_HZ, subtype="FLOAT")
    return Clip(path, "tone", fold=1, group=path.stem)


def features(clip: Clip, folder: Path, speed: float) -> np.ndarray:
    return np.asarray(FeatureCache(FRONT_END, CLIP_S, folder, speed=speed).load([clip])[0])


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_a_tone_played_faster_is_a_higher_tone(tmp_path: Path, speed: float) -> None:
    played = features(tone(tmp_path / "a.wav", 1000.0), tmp_path / "c", speed)
    other = features(tone(tmp_path / "b.wav", 1000.0 * speed), tmp_path / "c", 1.0)
    middle = slice(3, 20)  # inside, where neither edge nor the next beginning is heard
    loud = other[:, middle] > other.max() - 8  # the main lobe, 35 dB
    assert np.allclose(played[:, middle][loud], other[:, middle][loud], atol=0.1)  # 0.4 dB


def test_a_clip_that_ends_early_begins_again(tmp_path: Path) -> None:
    found = features(tone(tmp_path / "a.wav", 1000.0), tmp_path / "c", 2.0)
    loudest = found.max(0)
    assert loudest.min() > loudest.max() - 2  # no silence anywhere


def test_silence_at_the_end_of_a_short_clip_is_played_too(tmp_path: Path) -> None:
    short = tone(tmp_path / "a.wav", 1000.0, seconds=CLIP_S / 2)
    loudest = features(short, tmp_path / "c", 2.0).max(0)
    sounds = loudest > loudest.max() - 5
    assert len(sounds) == 32  # a quarter of a clip is 8 frames; edges are heard one frame away
    assert sounds[:7].all() and not sounds[9:15].any()
    assert sounds[17:23].all() and not sounds[25:30].any()


def test_speed_1_is_what_was_there_before(tmp_path: Path) -> None:
    clip = tone(tmp_path / "a.wav", 700.0)
    plain = FeatureCache(FRONT_END, CLIP_S, tmp_path / "c")
    assert FeatureCache(FRONT_END, CLIP_S, tmp_path / "c", speed=1.0).path_of(
        clip
    ) == plain.path_of(clip)
    assert FeatureCache(FRONT_END, CLIP_S, tmp_path / "c", speed=0.9).path_of(
        clip
    ) != plain.path_of(clip)
    audio = fit_length(load_audio(clip.path, RATE_HZ), round(CLIP_S * RATE_HZ))
    assert np.array_equal(plain.load([clip])[0], FRONT_END.raw(audio))


def versions(n_versions: int, limit: int = 2**31) -> FeatureStore:
    """Feature value = 1000 x version + clip, label = clip modulo 3."""
    arrays = [
        np.full((N_MELS, N_FRAMES), 1000 * v + c, np.float32)
        for v in range(n_versions)
        for c in range(N_CLIPS)
    ]
    labels = [[c % 3 for c in range(N_CLIPS)]]
    return FeatureStore(arrays, labels, [3], limit, n_versions)


def drawn(epochs: Epochs, epoch: int) -> tuple[list[int], list[int]]:
    """Clips and versions of an epoch; labels are looked at on the way."""
    epochs.epoch = epoch
    values, labels = zip(*[(raw[:, 0, 0, 0].long(), y) for raw, (y,) in epochs], strict=True)
    value = torch.cat(values)
    assert torch.equal(torch.cat(labels), value % 1000 % 3)
    return (value % 1000).tolist(), (value // 1000).tolist()


@pytest.mark.parametrize("limit", [2**31, 0], ids=["memory", "mapped"])
def test_an_epoch_holds_every_clip_once_in_some_version(limit: int) -> None:
    some = versions(3, limit)
    assert len(some) == N_CLIPS and (some.memory is None) == (limit == 0)
    epochs = Epochs(some, 8, CROP, seed=0)
    seen = set()
    for epoch in range(12):
        clips, found = drawn(epochs, epoch)
        assert sorted(clips) == list(range(N_CLIPS))
        seen |= set(zip(clips, found, strict=True))
    assert drawn(epochs, 4) == drawn(Epochs(versions(3, limit), 8, CROP, seed=0), 4)
    assert len(seen) > 0.9 * 3 * N_CLIPS  # all but (2/3)^12 of them, 0.8 %


def test_clips_and_crops_are_those_of_a_run_without_versions() -> None:
    plain, several = (Epochs(versions(n), 8, CROP, seed=5).plan(3) for n in (1, 3))
    for (a, s), (b, t) in zip(plain, several, strict=True):
        assert np.array_equal(a, b % N_CLIPS) and np.array_equal(s, t)


def test_statistics_are_those_of_the_clips_as_they_are() -> None:
    assert versions(3).statistics() == versions(1).statistics()


def material(scenes: Path, speeds: Sequence[float], **settings: object) -> Material:
    changes = [f"{k}={v}" for k, v in settings.items()]
    config = load_preset("nano", [*SMALL, f"data.speeds={list(speeds)}", *changes])
    return prepare(config, open_dataset(scenes), 1, seed=0, progress=False)


def test_what_is_tested_is_played_as_it_is(scenes: Path) -> None:
    plain, several = material(scenes, [1.0]), material(scenes, [0.9, 1.0, 1.1])
    assert (plain.train.n_versions, several.train.n_versions) == (1, 3)
    assert several.train.n_plain == 3
    assert plain.frontend == several.frontend and len(plain.train) == len(several.train)
    for a, b in ((plain.val, several.val), (plain.test, several.test)):
        assert a is not None and b is not None and b.n_versions == 1
        assert torch.equal(a.memory, b.memory)
    assert torch.equal(several.train.memory[: len(plain.train)], plain.train.memory)
    assert not torch.equal(several.train.memory[len(plain.train) :][: len(plain.train)],
                           plain.train.memory)  # fmt: skip


def test_the_memory_limit_counts_all_versions(scenes: Path) -> None:
    size = material(scenes, [1.0]).train.memory.nbytes
    key = "data.ram_limit_bytes"
    assert material(scenes, [1.0], **{key: size}).train.memory is not None
    assert material(scenes, [1.0, 1.1], **{key: size}).train.memory is None


def test_speeds_without_1_are_refused() -> None:
    for speeds in ("[0.9, 1.1]", "[1.0, 1.0]", "[]"):
        with pytest.raises(ValueError, match=r"nano: data.speeds must differ, with 1.0 among them"):
            load_preset("nano", [f"data.speeds={speeds}"])
    with pytest.raises(ValueError, match=r"data\.speeds"):
        load_preset("nano", ["data.speeds=[1.0, 3.0]"])


def test_a_resumed_run_draws_the_same_versions(tmp_path: Path) -> None:
    def several() -> FeatureStore:
        plain, other = store(40), store(40, seed=1)
        labels = [x.tolist() for x in plain.labels]
        return FeatureStore([*plain.arrays, *other.arrays], labels, plain.n_classes, n_versions=2)

    whole = small_fit(tmp_path / "whole", epochs=3, train_store=several())
    with pytest.raises(Stop):  # five steps an epoch
        small_fit(tmp_path / "cut", Stops(at_step=8), epochs=3, train_store=several())
    settings = {"epochs": 3, "train_store": several(), "resume": True}
    again = small_fit(tmp_path / "cut", small_network(seed=7), **settings)
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
