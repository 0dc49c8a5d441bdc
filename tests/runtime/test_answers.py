"""Sounds: a call is the command's answer, a stream the whole clip, an embedding torch's."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edge_asc as ea
from command import Cli
from edge_asc.runtime.answers.hear import answers
from edge_asc.runtime.answers.stream import Stream
from edge_asc.runtime.classifier import RUNTIMES, Classifier
from own_networks import NETWORKS, unsettled
from tiny_models import CLIP_S, FRONTEND, LABELS, scene_head, tone, write_model, write_tone

ZOO = "esc10-32k"
RATE_HZ = FRONTEND.sample_rate_hz
SAME = 1e-6  # of probabilities: the same windows, added up in another order
RESAMPLED = 2e-3  # of probabilities: 16-bit files round
LOGITS = 1e-4  # of logits around 5: summation order


@pytest.fixture
def tiny(tmp_path: Path) -> Classifier:
    return ea.load(write_model(tmp_path / "m.tflite"))


def test_a_call_says_what_the_command_says(cli: Cli, tmp_path: Path) -> None:
    clip = write_tone(tmp_path / "clip.wav", "low", seconds=12)
    _, out, _ = cli("classify", clip, "--model", ZOO, "--json", "--top", 4)
    (told,) = json.loads(out)["files"]
    answer = ea.load(ZOO)(clip)
    assert dict(zip(answer.labels, answer.probabilities, strict=True)) == told["probabilities"]
    assert answer.top(4) == [(one["scene"], one["probability"]) for one in told["top"]]
    assert (answer.label, answer.end_s) == (told["scene"], told["duration_s"])
    spans = [(w.start_s, w.end_s) for w in answer.windows]
    assert spans == [(w["start_s"], w["end_s"]) for w in told["timeline"]]


@settings(max_examples=12)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=4), st.integers(1, 30000))
def test_a_stream_is_the_whole_clip(sizes: list[int], n_samples: int) -> None:
    audio = np.concatenate([tone(label, 10000) for label in LABELS])[:n_samples]
    whole = shared()(audio, RATE_HZ, hop_s=0.3)
    stream = shared().stream(hop_s=0.3)
    for _ in range(2):  # flushed, it begins anew
        found, rest = [], audio
        for n in sizes * n_samples:
            found += stream.feed(rest[:n])
            rest = rest[n:]
            if not len(rest):
                break
        found += stream.flush()
        assert stream.heard_s == whole.end_s == n_samples / RATE_HZ
        assert [(w.start_s, w.end_s) for w in found] == [
            (w.start_s, w.end_s) for w in whole.windows
        ]
        for ours, theirs in zip(found, whole.windows, strict=True):
            np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=SAME)


_SHARED: list[Classifier] = []


def shared() -> Classifier:
    """One for all of hypothesis' examples."""
    if not _SHARED:
        with tempfile.TemporaryDirectory() as folder:
            _SHARED.append(ea.load(write_model(Path(folder) / "m.tflite")))
    return _SHARED[0]


@pytest.mark.parametrize("rate_hz", [RATE_HZ, 11025, 44100])
def test_samples_are_their_file_at_any_rate(rate_hz: int, tiny: Classifier, tmp_path: Path) -> None:
    n_samples = 3 * rate_hz
    time_s = np.arange(n_samples) / rate_hz
    stereo = np.stack([np.sin(2000 * np.pi * time_s), np.zeros(n_samples)], 1) * 0.3
    soundfile.write(tmp_path / "clip.wav", stereo, rate_hz)
    file, array = tiny(tmp_path / "clip.wav"), tiny(stereo, sample_rate_hz=rate_hz)
    np.testing.assert_allclose(array.probabilities, file.probabilities, atol=RESAMPLED)
    assert array.end_s == file.end_s == pytest.approx(3.0, abs=1e-3)
    stream = Stream(tiny, sample_rate_hz=rate_hz)
    streamed = list(answers(stream, np.array_split(stereo.mean(1), 29)))
    for ours, theirs in zip(streamed, array.windows, strict=True):
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=RESAMPLED)


def test_unusable_sounds_are_one_line(tiny: Classifier, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="samples need their sample_rate_hz"):
        tiny(np.zeros(100))
    with pytest.raises(ValueError, match="no samples"):
        tiny(np.zeros(0), RATE_HZ)
    with pytest.raises(ValueError, match="a file has its own rate"):
        tiny("clip.wav", RATE_HZ)
    with pytest.raises(ValueError, match="floating point"):
        tiny(np.zeros(100, np.int16), RATE_HZ)
    with pytest.raises(ValueError, match="sample_rate_hz is -1"):
        tiny.stream(sample_rate_hz=-1)
    with pytest.raises(ValueError, match=r"hop -1 s must be above 0 s"):
        tiny(np.zeros(100), RATE_HZ, hop_s=-1)
    stream = tiny.stream(sample_rate_hz=44100)
    with pytest.raises(ValueError, match="sample 3 is nan"):
        stream.feed(np.array([0, 0, 0, np.nan]))
    assert stream.flush() == [] == tiny.stream().flush()
    stream.feed(np.zeros(500))
    with pytest.raises(ValueError, match="sample 503 is nan"):  # of the sound, at its own rate
        stream.feed(np.array([0, 0, 0, np.nan]))
    stream.reset()
    with pytest.raises(ValueError, match="sample 0 is inf"):
        stream.feed(np.array([np.inf]))
    with pytest.raises(FileNotFoundError, match=r"no model at esc10-32.*mean esc10-32k"):
        ea.load("esc10-32")


def test_the_last_layer_of_an_embedding_is_the_answer(tmp_path: Path) -> None:
    """Of a mean and a linear layer: the embedding is the mean, and W e + b the logits."""
    clf = ea.load(write_model(tmp_path / "m.tflite"))
    audio = tone("middle", RATE_HZ)
    features = FRONTEND.features(audio)
    embedding = clf.embed(audio, RATE_HZ)
    assert (embedding.dtype, embedding.shape) == (np.float32, (FRONTEND.n_mels,))
    np.testing.assert_allclose(embedding, features.mean(1), atol=LOGITS)
    weights, bias = scene_head()
    np.testing.assert_allclose(weights @ embedding + bias, clf.logits(features)[0], atol=LOGITS)


@pytest.mark.parametrize("runtime", ["litert", "tflite"])
@pytest.mark.parametrize("name", ["modules", "residual"])
def test_embeddings_are_those_of_torch(name: str, runtime: str, tmp_path: Path) -> None:
    """Also where the last layer is a convolution: then of its input's mean."""
    if problem := RUNTIMES[runtime].problem:
        pytest.skip(f"{runtime}: {problem}")
    network = unsettled(NETWORKS[name](n_scenes=3))
    heard: list[torch.Tensor] = []
    last = network[-1] if name == "modules" else network.head
    last.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    graph = ea.trace(network, FRONTEND.n_mels)
    file = ea.write_tflite(
        graph, tmp_path / "m.tflite", labels=LABELS, frontend=FRONTEND, window_s=CLIP_S
    )
    audio = tone("middle", RATE_HZ)
    heard.clear()
    with torch.no_grad():
        network(torch.from_numpy(FRONTEND.features(audio))[None, None])
    expected = heard[0].reshape(1, heard[0].shape[1], -1).mean(2)[0]
    found = ea.load(file, runtime).embed(audio, RATE_HZ)
    np.testing.assert_allclose(found, expected, rtol=LOGITS, atol=LOGITS)


def test_every_zoo_model_embeds_and_onnx_says_that_it_cannot(tmp_path: Path) -> None:
    clip = write_tone(tmp_path / "clip.wav", "low", seconds=1)
    for name in ea.zoo():
        clf = ea.load(name)
        assert clf.size_bytes == os.stat(clf.path).st_size
        embedding = clf.embed(clip)
        assert embedding.ndim == 1 and 0 < np.ptp(embedding) < np.inf
    onnx = clf.path.with_suffix(".onnx")
    with pytest.raises(ValueError, match=r"embeddings come from \.tflite files"):
        ea.load(onnx).embed(clip)
