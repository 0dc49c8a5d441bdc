"""Recordings of any length are heard whole: cut into pieces that stay one recording."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.audio.decode import load_audio
from edge_asc.audio.pieces import SPARE, excerpts, piece_starts
from edge_asc.config.schema import load_preset
from edge_asc.data.cache import FeatureCache
from edge_asc.data.check import check_dataset
from edge_asc.data.lengths import in_pieces, length_notes
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.predictors import Hearing, read_clip
from edge_asc.training.inputs.load import prepare
from edge_asc.training.validate import by_recording
from front_ends import noise

RATE_HZ = 8000


@given(st.floats(0.01, 1000.0), st.floats(0.1, 30.0))
def test_pieces_hold_all_of_a_sound_but_a_little_of_its_end(length: float, piece: float) -> None:
    starts = piece_starts(length, piece)
    assert starts[0] == 0
    assert starts == sorted(starts)
    for before, after in itertools.pairwise(starts):
        assert 0 < after - before <= piece * (1 + 1e-9)  # nothing between them is left out
    assert length - (starts[-1] + piece) <= SPARE * piece * (1 + 1e-6)
    assert len(starts) == 1 or starts[-1] + piece <= length * (1 + 1e-6)


@pytest.mark.parametrize(("to_hz", "starts"), [(8000, [0, 900, 7000, 195_000]), (11025, [0, 500])])
def test_excerpts_are_parts_of_the_whole(tmp_path: Path, to_hz: int, starts: list[int]) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(25 * RATE_HZ), RATE_HZ)
    whole = np.concatenate([load_audio(path, to_hz), np.zeros(9000, np.float32)])
    for start, part in zip(starts, excerpts(path, to_hz, starts, 6000), strict=True):
        np.testing.assert_array_equal(part, whole[start : start + 6000])


@pytest.fixture
def unlike(tmp_path: Path) -> Path:
    """Two classes of eight clips of 1 s, and a recording of 7.5 s in each."""
    for label in ("bell", "hum"):
        (tmp_path / label).mkdir()
        for i in range(8):
            soundfile.write(tmp_path / label / f"{i}.wav", noise(RATE_HZ, i), RATE_HZ)
        long = noise(round(7.5 * RATE_HZ), len(label))
        soundfile.write(tmp_path / label / "long.wav", long, RATE_HZ)
    return tmp_path


def test_a_long_recording_trains_whole_and_on_one_side(unlike: Path, tmp_path: Path) -> None:
    overrides = ["data.val_fraction=0.2", "data.crop_s=1"]
    dataset = open_dataset(unlike)
    assert dataset.clip_s == 1.0
    found = prepare(load_preset("nano", overrides), dataset, 1, 0, False, tmp_path / "cache")
    stores = [store for store in (found.train, found.val, found.test) if store is not None]
    assert sum(map(len, stores)) == 2 * (8 + 8)  # eight pieces of each long recording
    assert sum(store.n_recordings for store in stores) == 2 * 9
    assert found.notes == (
        "2 recording(s) are longer than 1 s, up to 7.5 s: heard whole, in 16 pieces of 1 s",
    )
    assert found.notes[0] in check_dataset(dataset).notes


def test_cached_pieces_are_those_of_the_sound(unlike: Path, tmp_path: Path) -> None:
    frontend = load_preset("nano").front_end()
    clip = next(c for c in open_dataset(unlike).clips if c.path.name == "long.wav")
    pieces = in_pieces([clip], [7.5], 1.0)
    assert [piece.start_s for piece in pieces] == [0, 1, 2, 3, 4, 5, 6, 6.5]
    assert {piece.recording for piece in pieces} == {clip.recording}
    rate_hz = frontend.sample_rate_hz
    whole = load_audio(clip.path, rate_hz)
    cached = FeatureCache(frontend, 1.0, tmp_path / "c").load(pieces)
    for piece, features in zip(pieces, cached, strict=True):
        start = round(piece.start_s * rate_hz)
        np.testing.assert_array_equal(features, frontend.raw(whole[start : start + rate_hz]))


def test_an_evaluation_hears_a_recording_whole(unlike: Path) -> None:
    frontend = load_preset("nano").front_end()
    rate_hz, path = frontend.sample_rate_hz, unlike / "bell/long.wav"
    pieces = list(read_clip(path, frontend, Hearing(rate_hz, "3")))
    whole = load_audio(path, rate_hz)
    assert [len(piece) for piece in pieces] == [rate_hz] * 8
    np.testing.assert_array_equal(np.concatenate(pieces[:7]), whole[: 7 * rate_hz])
    np.testing.assert_array_equal(pieces[7], whole[-rate_hz:])


def test_figures_count_recordings_not_pieces(unlike: Path, tmp_path: Path) -> None:
    import torch

    config = load_preset("nano", ["data.val_fraction=0"])
    store = prepare(config, open_dataset(unlike), None, 0, False, tmp_path / "c").train
    assert len(store) == 32
    answers = torch.rand(32, 2)
    (means,), (labels,) = by_recording((answers,), store)
    assert (len(means), labels.tolist().count(0)) == (18, 9)
    of_first = answers[store.recordings == 8]  # the long one of the first class
    torch.testing.assert_close(means[8], of_first.mean(0))


def test_what_is_short_is_told() -> None:
    (line,) = length_notes([5.0, 5.2, 1.0, 2.0, 4.9], 5.0)
    assert line == "2 recording(s) are shorter than 5 s, mostly 1.5 s: filled up with silence"
    assert not list(length_notes([5.0, 5.4, 4.6], 5.0))
    assert not list(length_notes([1.0], 0.0))


def test_one_scene_is_not_trained(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / "park").mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"park/{i}.wav", noise(RATE_HZ, i), RATE_HZ)
    with pytest.raises(ValueError, match="one scene only among the training clips, park"):
        prepare(load_preset("nano"), open_dataset(tmp_path), 1, 0, False, tmp_path / "c")
