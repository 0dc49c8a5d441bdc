"""Windows over files of any length: which there are, what they say, and in how much memory."""

import json
import re
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.frontend.windows import WindowStream, crop_starts, cut, slide_starts
from edge_asc.runtime.answers.answer import ranking
from edge_asc.runtime.answers.hear import answers
from edge_asc.runtime.answers.report import clock, result_dict, result_text
from edge_asc.runtime.answers.stream import Stream
from edge_asc.runtime.classifier import Classifier, softmax
from edge_asc.runtime.classify import FileResult, classify_all, find_audio
from tiny_models import (
    ABSTRACT_LABELS,
    FRONTEND,
    LABELS,
    scene_head,
    tone,
    write_model,
    write_tone,
)

# Block-wise features differ from those of the whole clip in float32's last bits.
PROBABILITY_TOLERANCE = 1e-5


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    path = write_model(tmp_path / "model.tflite", abstract_labels=list(ABSTRACT_LABELS))
    return Classifier.load(path)


def blocks_of(audio: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    at, i = 0, 0
    while at < len(audio):
        yield audio[at : at + sizes[i % len(sizes)]]
        at, i = at + sizes[i % len(sizes)], i + 1


lengths = st.integers(1, 200), st.integers(1, 60), st.integers(1, 80)


@given(*lengths)
def test_sliding_windows_reach_from_start_to_end(n_frames: int, window: int, hop: int) -> None:
    starts = slide_starts(n_frames, window, hop)
    assert starts[0] == 0
    assert starts[-1] == max(0, n_frames - window)
    steps = [b - a for a, b in pairwise(starts)]
    assert all(0 < step <= hop for step in steps)
    assert all(step == hop for step in steps[:-1])


@given(st.integers(1, 500), st.integers(1, 200))
def test_three_crops_are_start_middle_and_end(n_frames: int, window: int) -> None:
    starts = crop_starts(n_frames, window, "3")
    last = max(0, n_frames - window)
    assert set(starts) == {0, last // 2, last}
    assert starts == sorted(starts)


def test_cut_gives_whole_clips_and_windows() -> None:
    features = np.arange(3 * 10).reshape(3, 10)
    assert [w.tolist() for w in cut(features, 4, "1")] == [features.tolist()]
    assert [w[0, 0] for w in cut(features, 4, "3")] == [0, 3, 6]
    assert [w[0, 0] for w in cut(features, 4, "slide")] == [0, 2, 4, 6]
    assert [w.shape for w in cut(features, 20, "slide")] == [(3, 10)]
    with pytest.raises(ValueError, match="'5' is not one of 1, 3, slide"):
        cut(features, 4, "5")


@given(*lengths, st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
def test_window_stream_is_slide_starts_for_any_blocks(
    n_frames: int, window: int, hop: int, sizes: list[int]
) -> None:
    frames = np.arange(2 * n_frames).reshape(2, n_frames)
    stream = WindowStream(window, hop)
    for _ in range(2):  # a flushed stream begins anew
        found = []
        for block in blocks_of(frames.T, sizes):
            found += list(stream.feed(block.T))
        found += list(stream.flush())
        assert [start for start, _ in found] == slide_starts(n_frames, window, hop)
        for start, content in found:
            np.testing.assert_array_equal(content, frames[:, start : start + window])


@settings(max_examples=15)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=5), st.integers(2, 40000))
def test_timeline_is_that_of_the_whole_clip(sizes: list[int], n_samples: int) -> None:
    audio = np.concatenate([tone(label, 13333) for label in LABELS])[:n_samples]
    classifier = shared_classifier()
    found = list(answers(Stream(classifier, hop_s=0.3), blocks_of(audio, sizes)))
    padded = np.pad(audio, (0, max(0, classifier.window_samples - n_samples)))
    raw = FRONTEND.raw(padded)
    width, hop = classifier.window_frames, round(0.3 * FRONTEND.frames_per_s)
    starts = slide_starts(raw.shape[1], width, hop)
    assert [w.start_s for w in found] == [s / FRONTEND.frames_per_s for s in starts]
    weights, bias = scene_head()
    for window, start in zip(found, starts, strict=True):
        expected = softmax(weights @ raw[:, start : start + width].mean(1) + bias)
        np.testing.assert_allclose(window.prediction.scene, expected, atol=PROBABILITY_TOLERANCE)


_CLASSIFIERS: list[Classifier] = []


def shared_classifier() -> Classifier:
    """One for all of hypothesis' examples, which a fixture of a function would not be."""
    if not _CLASSIFIERS:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            _CLASSIFIERS.append(Classifier.load(write_model(Path(folder) / "m.tflite")))
    return _CLASSIFIERS[0]


def test_a_file_with_two_scenes_has_both_on_its_timeline(
    classifier: Classifier, tmp_path: Path
) -> None:
    audio = np.concatenate([tone("low", 24000), tone("high", 24000)])
    soundfile.write(tmp_path / "two.wav", audio, 8000)
    result = classifier(tmp_path / "two.wav", hop_s=0.5)
    assert result.end_s == 6.0
    scenes = [LABELS[w.prediction.scene.argmax()] for w in result.windows]
    assert scenes[:4] == ["low"] * 4
    assert scenes[-4:] == ["high"] * 4
    assert result.windows[-1].end_s == pytest.approx(6.0, abs=0.02)
    np.testing.assert_allclose(
        result.probabilities, np.mean([w.prediction.scene for w in result.windows], axis=0)
    )
    file = FileResult(tmp_path / "two.wav", result)
    text = result_text(file, classifier.metadata, top=2)
    assert "0:00.0 to 0:0" in text
    assert re.search(r"0:03\.\d to 0:06\.0  high", text)
    assert "(abstract)" in text


def test_a_short_file_is_filled_up_with_silence(classifier: Classifier, tmp_path: Path) -> None:
    result = classifier(write_tone(tmp_path / "s.wav", "high", 0.4))
    assert result.end_s == pytest.approx(0.4)
    (window,) = result.windows
    assert (window.start_s, window.end_s) == (0.0, pytest.approx(0.4))
    audio, _ = soundfile.read(tmp_path / "s.wav", dtype="float32")
    padded = np.pad(audio, (0, 8000 - len(audio)))
    expected = classifier.predict(FRONTEND.features(padded)).scene
    np.testing.assert_allclose(result.probabilities, expected, atol=PROBABILITY_TOLERANCE)


def test_rates_and_channels_other_than_the_model_s(classifier: Classifier, tmp_path: Path) -> None:
    time_s = np.arange(2 * 44100) / 44100
    stereo = np.stack([0.5 * np.sin(2 * np.pi * 1000 * time_s)] * 2, axis=1)
    soundfile.write(tmp_path / "stereo.flac", stereo, 44100, subtype="PCM_24")
    result = classifier(tmp_path / "stereo.flac")
    assert LABELS[result.probabilities.argmax()] == "middle"
    assert result.end_s == pytest.approx(2.0, abs=0.001)


def test_memory_does_not_grow_with_the_file(classifier: Classifier) -> None:
    def peak_bytes(n_blocks: int) -> int:
        block = tone("low", 8000)
        tracemalloc.start()
        for _ in answers(Stream(classifier, hop_s=2.0), (block for _ in range(n_blocks))):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(5)  # what is computed once
    assert peak_bytes(300) < 1.1 * peak_bytes(30) + 200_000  # other threads'; the audio takes 10 MB


def test_one_bad_file_does_not_stop_the_rest(classifier: Classifier, tmp_path: Path) -> None:
    for name, label in (("a.wav", "low"), ("c.wav", "high")):
        write_tone(tmp_path / name, label)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    bad: list[tuple[Path, Exception]] = []
    found = find_audio([str(tmp_path), "no/such/file.wav"])
    results = list(classify_all(found, classifier, None, lambda *what: bad.append(what)))
    assert [r.path.name for r in results] == ["a.wav", "c.wav"]
    assert [path.name for path, _ in bad] == ["b.wav", "file.wav"]
    assert all("\n" not in str(error) for _, error in bad)


@pytest.mark.parametrize("hop_s", [0.0, -1.0, float("nan"), float("inf")])
def test_an_illegal_hop_is_not_blamed_on_a_file(hop_s: float, classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="hop"):
        list(classify_all([Path("x.wav")], classifier, hop_s))


def test_folders_globs_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.wav", "a.FLAC", "deep/c.ogg", "notes.txt", "[x].wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert [str(p) for p in find_audio(["."])] == ["[x].wav", "a.FLAC", "b.wav", "deep/c.ogg"]
    assert [str(p) for p in find_audio(["*.wav"])] == ["[x].wav", "b.wav"]
    assert [str(p) for p in find_audio(["**/*.ogg"])] == ["deep/c.ogg"]
    assert [str(p) for p in find_audio(["[x].wav"])] == ["[x].wav"]  # a name, not a pattern
    assert [str(p) for p in find_audio(["notes.txt", "b.wav", "./b.wav"])] == ["notes.txt", "b.wav"]
    assert [str(p) for p in find_audio(["*.mp3"])] == ["*.mp3"]  # to be reported


def test_ranking_is_by_probability() -> None:
    assert ranking(np.array([0.2, 0.5, 0.3]), LABELS, 2) == [("middle", 0.5), ("high", 0.3)]
    assert len(ranking(np.array([0.2, 0.5, 0.3]), LABELS, 9)) == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.97, "1:00.0"), (61.25, "1:01.2"), (3723.4, "1:02:03.4")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_json_holds_every_probability(classifier: Classifier, tmp_path: Path) -> None:
    path = write_tone(tmp_path / "x.wav", "low", 2.0)
    result = FileResult(path, classifier(path))
    found = json.loads(json.dumps(result_dict(result, classifier.metadata, top=1)))
    assert found["scene"] == "low"
    assert found["abstract"] == "dark"
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["top"] == [{"scene": "low", "probability": found["probabilities"]["low"]}]
    assert [w["start_s"] for w in found["timeline"]] == [w.start_s for w in result.answer.windows]
    assert all(set(w["probabilities"]) == set(LABELS) for w in found["timeline"])
