"""Sounds of one's own: the file is the head, the figures are those of left-out recordings."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression

import edge_asc as ea
from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.metrics import accuracy
from edge_asc.runtime.classifier import Classifier, softmax
from edge_asc.runtime.formats.rewrite import replace_metadata
from edge_asc.runtime.metadata import read_metadata
from edge_asc.teaching import write as writing
from edge_asc.teaching.encoder import Encoder, find_encoder
from edge_asc.teaching.examples import Examples, gather
from edge_asc.teaching.head import Scale
from edge_asc.teaching.judge import choose
from edge_asc.teaching.listen import Heard, listen
from edge_asc.teaching.strange import Strange, quiet_rooms, read_bank
from edge_asc.teaching.teach import teach
from own_sounds import ENCODER, PIECES, RECORDINGS, SCENES

ARTIFACTS = Path(__file__).resolve().parents[2] / "recipes/artifacts"
pytestmark = pytest.mark.slow
# Two ways to the least of one convex function stop within its flat bottom.
PROBABILITY = 2e-3
STEPS = 1.01  # the kernel rounds halves to either side


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return find_encoder(ENCODER)


@pytest.fixture(scope="module")
def heard(sounds: Path, encoder: Encoder) -> list[Heard]:
    found, unusable = listen(encoder, open_dataset(sounds).clips, 1, lambda done, total: None)
    assert not unusable
    return found


def no_bank(encoder: Encoder) -> Strange:
    return Strange(np.zeros((0, encoder.size), np.float32), np.zeros(0, np.int64))


def table(heard: list[Heard], encoder: Encoder) -> Examples:
    labels = tuple(sorted({h.clip.label for h in heard}))
    return gather(labels, heard, [], no_bank(encoder), quiet_rooms(encoder))


def test_the_file_computes_the_head_on_every_clip(
    heard: list[Heard], encoder: Encoder, tmp_path: Path, sounds: Path
) -> None:
    examples = table(heard, encoder)
    grid = encoder.graph.grids[encoder.value]
    head = writing.IntegerHead.of(examples.head(0.1), examples.embeddings, grid, encoder.value)
    taught = teach(sounds, tmp_path / "any.tflite", encoder=ENCODER, views=0)
    metadata = read_metadata(taught.path)
    writing.write(tmp_path / "my.tflite", encoder, head, metadata, heard)
    file = Classifier.load(tmp_path / "my.tflite")
    assert metadata.calibration
    for one in heard:
        mean = softmax(head(one.plain), metadata.calibration.temperature).mean(0)[:-1]
        answer = file(one.clip.path).probabilities
        # A probability moves by half of what logits do, at most.
        allowed = STEPS * head.grid.scale / 2 / metadata.calibration.temperature
        assert np.abs(answer - mean).max() <= allowed
        assert answer.argmax() == mean.argmax()


def test_a_file_with_another_head_is_not_written(
    heard: list[Heard], encoder: Encoder, taught: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    examples = table(heard, encoder)
    grid = encoder.graph.grids[encoder.value]
    head = writing.IntegerHead.of(examples.head(0.1), examples.embeddings, grid, encoder.value)
    other = writing.IntegerHead.of(examples.head(1.0), examples.embeddings, grid, encoder.value)
    monkeypatch.setattr(writing, "with_head", lambda encoder, _: graph)
    graph = writing_graph(encoder, other)
    with pytest.raises(writing.HeadDiffers, match="steps"):
        writing.write(tmp_path / "no.tflite", encoder, head, read_metadata(taught.path), heard)
    assert not (tmp_path / "no.tflite").exists()


def writing_graph(encoder: Encoder, head: writing.IntegerHead) -> Any:
    from copy import deepcopy

    graph = deepcopy(encoder.graph)
    graph.nodes.append(head.node)
    graph.outputs, graph.grids["logits"] = {"scene": "logits"}, head.grid
    return graph


def test_taught_twice_is_the_same_file_whatever_the_order(
    sounds: Path, taught: Any, tmp_path: Path
) -> None:
    rows = [["path", "label", "group"]]
    rows += [[str(c.path), c.label, c.recording] for c in reversed(open_dataset(sounds).clips)]
    with (tmp_path / f"{sounds.name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    again = teach(sounds, tmp_path / "my.tflite", encoder=ENCODER, views=1)
    assert again.path.read_bytes() == taught.path.read_bytes()
    listed = tmp_path / f"{sounds.name}.csv"
    shuffled = teach(listed, tmp_path / "other" / "my.tflite", encoder=ENCODER, views=1)
    assert shuffled.path.read_bytes() == taught.path.read_bytes()


def test_left_out_answers_are_those_of_a_slow_reference(
    heard: list[Heard], encoder: Encoder
) -> None:
    bank, examples = no_bank(encoder), table(heard, encoder)
    choice = choose(examples, heard, [], bank)
    numbers = {r: i for i, r in enumerate(sorted({h.clip.recording for h in heard}))}
    assert choice.folds == len(numbers)
    ours = choice.left_out.probabilities(1.0)
    slow = np.zeros_like(ours)
    for i, one in enumerate(heard):
        kept = [h for h in heard if h.clip.recording != one.clip.recording]
        slow[i] = reference(kept, one, encoder, choice.strength)
    assert np.abs(ours - slow).max() < PROBABILITY
    truth = choice.left_out.truth
    assert accuracy(ours[:, :SCENES], truth) == accuracy(slow[:, :SCENES], truth)


def reference(kept: list[Heard], one: Heard, encoder: Encoder, strength: float) -> np.ndarray:
    """scikit-learn's probabilities of a clip: classes, recordings and windows weigh the same."""
    quiet, labels = quiet_rooms(encoder), sorted({h.clip.label for h in kept})
    x, y, w = [quiet], [SCENES] * len(quiet), [0.5 / len(quiet)] * len(quiet)
    for h in kept:
        same = [k for k in kept if k.clip.label == h.clip.label]
        of_recording = sum(len(k.every) for k in same if k.clip.recording == h.clip.recording)
        n_recordings = len({k.clip.recording for k in same})
        x.append(h.every)
        y += [labels.index(h.clip.label)] * len(h.every)
        w += [1 / n_recordings / of_recording] * len(h.every)
    features, weights = np.concatenate(x).astype(float), np.array(w)
    scale = Scale.of(features, weights)
    model = LogisticRegression(C=1 / strength, tol=1e-8, max_iter=10_000)
    model.fit((features - scale.mean) / scale.spread, y, sample_weight=weights / weights.sum())
    return model.predict_proba((one.plain - scale.mean) / scale.spread).mean(0)


def test_silence_and_quiet_rooms_get_no_name(taught: Any) -> None:
    file = ea.load(taught)
    assert 0 < file.threshold < 1
    rng = np.random.default_rng(5)
    for level in (0.0, 1e-5, 1e-4):
        sound = (level * rng.standard_normal(8 * 16000)).astype(np.float32)
        assert max(file(sound, sample_rate_hz=16000).probabilities) < file.threshold


def test_the_file_says_what_it_was_taught(taught: Any) -> None:
    metadata = read_metadata(taught.path)
    assert metadata.labels == sorted(metadata.labels) == list(taught.labels)
    assert metadata.others == 1
    assert metadata.provenance["recordings"] == dict.fromkeys(taught.labels, RECORDINGS)
    assert metadata.provenance["taught"]["encoder"] == read_metadata(find(ENCODER)).name
    assert taught.figures["parity_steps"] <= STEPS
    probabilities = ea.load(taught)(np.zeros(16000, np.float32), sample_rate_hz=16000).probabilities
    assert probabilities.sum() < 1


def find(name: str) -> Path:
    from edge_asc.runtime.zoo.models import find_model

    return find_model(name).tflite


def test_a_background_folder_is_no_class(sounds: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(sounds, tmp_path / "mine")
    first = sorted(p for p in mine.iterdir())[0]
    first.rename(mine / "_background")
    taught = teach(mine, tmp_path / "my.tflite", encoder=ENCODER, views=0)
    assert "_background" not in taught.labels
    assert len(taught.labels) == SCENES - 1
    assert taught.figures["strange"] == RECORDINGS * PIECES


def test_unusable_files_are_counted_by_reason(sounds: Path, tmp_path: Path, cli: Cli) -> None:
    mine = shutil.copytree(sounds, tmp_path / "mine")
    folder = sorted(p for p in mine.iterdir())[0]
    (folder / "empty.wav").write_bytes(b"")
    (folder / "none.wav").write_bytes(b"")
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    out = tmp_path / "my.tflite"
    code, said, _ = cli("teach", mine, "--out", out, "--encoder", ENCODER, "--views", 0)
    assert code == 0
    assert "not used: 3 files" in said
    assert "  2: empty file, 0 bytes\n  1: nothing but digital silence" in said
    assert f"{out}  {out.stat().st_size:,} bytes" in said


def test_json_says_the_same(sounds: Path, tmp_path: Path, cli: Cli, taught: Any) -> None:
    out = tmp_path / "my.tflite"
    options = ("--out", out, "--encoder", ENCODER, "--views", 1, "--json")
    found = json.loads(cli("teach", sounds, *options)[1])
    assert found["accuracy"] == taught.accuracy
    assert found["file_bytes"] == out.stat().st_size
    assert found["labels"] == list(taught.labels)


@pytest.mark.parametrize(
    ("classes", "recordings", "line"),
    [(1, 2, "one class"), (2, 1, "1 usable recording of")],
)
def test_too_little_is_said_in_one_line(
    classes: int, recordings: int, line: str, tmp_path: Path, cli: Cli
) -> None:
    for number in range(classes):
        for take in range(recordings):
            path = tmp_path / "mine" / f"class{number}" / f"{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = 0.1 * np.random.default_rng(take).standard_normal(8000)
            soundfile.write(path, noise, 16000)
    options = ("--out", tmp_path / "my.tflite", "--encoder", ENCODER)
    code, _, said = cli("teach", tmp_path / "mine", *options)
    assert code == 1
    assert line in said
    assert said.count("\n") == 1
    assert not (tmp_path / "my.tflite").exists()


def test_no_audio_is_said_in_one_line(tmp_path: Path, cli: Cli) -> None:
    code, _, said = cli("teach", tmp_path, "--out", tmp_path / "my.tflite")
    assert code == 1
    assert "no clips found" in said


def test_an_encoder_is_taught_upon_and_classifies_nothing(encoder: Encoder, tmp_path: Path) -> None:
    from edge_asc.export.tflite.to_tflite import to_tflite
    from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json

    said = Metadata(name="ears", labels=[], frontend=encoder.frontend.to_dict(),
                    clip_s=encoder.window_s, precision="int8", kind="encoder")  # fmt: skip
    entries = {METADATA_KEY: metadata_to_json(said)}
    path = tmp_path / "ears.tflite"
    path.write_bytes(to_tflite(encoder.graph, encoder.n_frames, entries))
    with pytest.raises(ValueError, match="encoder"):
        Classifier.load(path)
    own, rng = Encoder(path), np.random.default_rng(0)
    features = rng.standard_normal((encoder.frontend.n_mels, 501)).astype(np.float32)
    assert (own(features) == encoder(features)).all()
    assert len(read_bank(own)) == 0  # a bank is of one encoder alone


def test_a_float_file_cannot_be_taught_upon() -> None:
    with pytest.raises(ValueError, match="is float16; an int8 file can be built upon"):
        Encoder(ARTIFACTS / "esc10/128k-relative/fold1-float16.tflite")


def test_what_is_taught_can_be_taught_upon(taught: Any, encoder: Encoder) -> None:
    again = Encoder(taught.path)
    assert again.size == encoder.size
    data = replace_metadata(taught.path, read_metadata(taught.path), taught.path)
    assert data == taught.path.read_bytes()


def test_an_onnx_file_answers_alike(sounds: Path, tmp_path: Path, taught: Any) -> None:
    made = teach(sounds, tmp_path / "my.onnx", encoder=ENCODER, views=1)
    ours, theirs = ea.load(taught), ea.load(made)
    assert theirs.runtime == "onnxruntime"
    for clip in open_dataset(sounds).clips:
        assert ours(clip.path).label == theirs(clip.path).label


def test_another_format_is_refused(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.tflite or \.onnx"):
        teach(sounds, tmp_path / "my.bin", encoder=ENCODER)


WITHOUT = """
import sys
for name in ("torch", "onnx", "nncf", "lightning", "sklearn", "onnxruntime", "tomllib"):
    sys.modules[name] = None  # its import fails
import edge_asc as ea
taught = ea.teach(sys.argv[1], sys.argv[2], encoder=sys.argv[3], views=1)
print(taught.accuracy, ea.load(taught).labels == list(taught.labels))
"""


def test_the_base_installation_teaches(sounds: Path, tmp_path: Path, taught: Any) -> None:
    arguments = [sounds, tmp_path / "my.tflite", ENCODER]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.stdout == f"{taught.accuracy} True\n", done.stderr
    assert (tmp_path / "my.tflite").read_bytes() == taught.path.read_bytes()
