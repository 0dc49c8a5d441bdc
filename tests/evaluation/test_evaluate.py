"""Metrics against other implementations of them, and the same figures from file and from run."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    roc_auc_score,
)
from torch import Tensor, nn

from edge_asc.audio.decode import load_audio
from edge_asc.config.schema import Config, DataConfig, ModelConfig, load_preset
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import Evaluation, choose_fold, evaluate, leaks
from edge_asc.evaluation.interval import wilson
from edge_asc.evaluation.metrics import (
    abstract_metrics,
    calibration_error,
    device_metrics,
    reliability,
    roc_auc,
    scene_metrics,
)
from edge_asc.evaluation.predictors import in_parallel
from edge_asc.export.run import export_run
from edge_asc.files import write_json
from edge_asc.models import MODELS, build
from edge_asc.training.run_folder import Run
from tiny_models import (
    ABSTRACT_LABELS,
    ABSTRACT_OF,
    CLIP_S,
    FRONTEND,
    LABELS,
    abstract_head,
    scene_head,
    write_model,
    write_tone,
)

# Two computations in float32 and float64 of the same few sums.
METRIC_TOLERANCE = 1e-6
# The torch front end follows the numpy one to 1e-5, the logits are sums of 12 features.
PROBABILITY_TOLERANCE = 1e-4


def probabilities(n_clips: int, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_clips)
    return rng.dirichlet(np.full(n_classes, 0.5), n_clips), truth


@settings(max_examples=30)
@given(st.integers(1, 80), st.integers(2, 12), st.integers(0, 1000))
def test_scene_metrics_are_those_of_scikit_learn(n_clips: int, n_classes: int, seed: int) -> None:
    p, truth = probabilities(n_clips, n_classes, seed)
    labels = [f"scene {i}" for i in range(n_classes)]
    found = scene_metrics(p, truth, labels)
    predicted = p.argmax(1)
    matrix = confusion_matrix(truth, predicted, labels=range(n_classes))
    assert found["confusion"] == matrix.tolist()
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    recalls = [np.mean(predicted[truth == c] == c) for c in set(truth.tolist())]
    assert found["macro_accuracy"] == pytest.approx(np.mean(recalls))
    expected = log_loss(truth, np.clip(p, 1e-15, 1), labels=range(n_classes))
    assert found["log_loss"] == pytest.approx(expected, rel=1e-5)
    assert sum(row["clips"] for row in found["per_class"].values()) == n_clips
    for c, label in enumerate(labels):
        share = np.mean(predicted[truth == c] == c) if (truth == c).any() else None
        assert found["per_class"][label]["accuracy"] == pytest.approx(share)


def test_macro_accuracy_is_balanced_accuracy() -> None:
    p, truth = probabilities(500, 4, seed=1)
    found = scene_metrics(p, truth, "abcd")
    assert found["macro_accuracy"] == pytest.approx(balanced_accuracy_score(truth, p.argmax(1)))


@settings(max_examples=40)
@given(st.integers(1, 120), st.integers(2, 8), st.integers(0, 1000), st.booleans())
def test_roc_auc_is_scikit_learns(n_clips: int, n_classes: int, seed: int, ties: bool) -> None:
    p, truth = probabilities(n_clips, n_classes, seed)
    if ties:  # as of eight bits
        p = np.round(16 * p) / 16
    areas = [roc_auc_score(truth == c, p[:, c]) for c in set(truth) if (truth != c).any()]
    assert roc_auc(p, truth) == pytest.approx(np.mean(areas) if areas else None)
    if len(set(truth)) == n_classes > 2:
        q = (p + 1e-9) / (p + 1e-9).sum(1, keepdims=True)
        whole = roc_auc_score(truth, q, multi_class="ovr", average="macro")
        assert roc_auc(q, truth) == pytest.approx(whole)


@settings(max_examples=60)
@given(st.integers(1, 300), st.integers(2, 10), st.integers(0, 1000), st.booleans())
def test_reliability_is_scikit_learns(
    n_clips: int, n_classes: int, seed: int, on_edges: bool
) -> None:
    p, truth = probabilities(n_clips, n_classes, seed)
    if on_edges:  # confidences that lie where two bins meet
        p = p.copy()
        rows = np.arange(n_clips)
        p[rows, p.argmax(1)] = np.ceil(15 * p.max(1)) / 15
    confidence, right = p.max(1), p.argmax(1) == truth
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    found = reliability(p, truth)
    assert [row["accuracy"] for row in found] == pytest.approx(accuracy.tolist())
    assert [row["confidence"] for row in found] == pytest.approx(mean.tolist())
    assert sum(row["clips"] for row in found) == n_clips
    for row in found:  # a mean of equal numbers may round beyond them
        assert row["from"] - METRIC_TOLERANCE < row["confidence"] < row["to"] + METRIC_TOLERANCE
    clips = np.array([row["clips"] for row in found])
    expected = (clips * np.abs(accuracy - mean)).sum() / n_clips
    assert calibration_error(p, truth) == pytest.approx(expected, abs=METRIC_TOLERANCE)


def test_certain_and_right_is_perfect_and_certain_and_wrong_is_finite() -> None:
    sure = np.eye(3)
    right = scene_metrics(sure, np.arange(3), "abc")
    assert (right["accuracy"], right["log_loss"], right["calibration_error"]) == (1, 0, 0)
    wrong = scene_metrics(sure, np.array([1, 2, 0]), "abc")
    assert wrong["log_loss"] == pytest.approx(-np.log(1e-15))
    assert wrong["calibration_error"] == pytest.approx(1)


def test_devices_seen_and_unseen() -> None:
    correct = np.array([True, False, True, True, False])
    found = device_metrics(correct, ["a", "a", "b", "s4", "s4"], frozenset("ab"))
    assert found["per_device"] == {
        "a": {"clips": 2, "accuracy": 0.5},
        "b": {"clips": 1, "accuracy": 1.0},
        "s4": {"clips": 2, "accuracy": 0.5},
    }
    assert found["seen_devices"] == {"clips": 3, "accuracy": pytest.approx(2 / 3)}
    assert found["unseen_devices"] == {"clips": 2, "accuracy": 0.5}
    assert device_metrics(correct, [""] * 5, None) == {}


def test_abstract_accuracy_sums_the_scenes_of_a_class() -> None:
    # Neither of the two dark scenes wins alone, together they do.
    scene = np.array([[0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    head = np.array([[0.4, 0.6], [0.2, 0.8]])
    truth = np.array([0, 2])
    found = abstract_metrics(scene, head, truth, LABELS, ABSTRACT_OF, ABSTRACT_LABELS)
    assert found == {"abstract_accuracy": {"from_scenes": 1.0, "head": 0.5}}
    alone = abstract_metrics(scene, None, truth, LABELS, ABSTRACT_OF, ABSTRACT_LABELS)
    assert alone == {"abstract_accuracy": {"from_scenes": 1.0}}


def test_in_parallel_keeps_order_and_stops_at_errors() -> None:
    paths = [Path(str(i)) for i in range(40)]
    assert list(in_parallel(lambda p: int(p.name), paths)) == list(range(40))

    def fail(path: Path) -> None:
        raise ValueError(f"{path} is bad")

    with pytest.raises(ValueError, match="0 is bad"):
        list(in_parallel(fail, paths))


CLIPS_PER_FOLD = 9
MISLABELLED = 2  # of each fold: their tone is another scene's, so the model must get them wrong


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds of tones in plain CSV; fold 2 has a device that fold 1 lacks."""
    root = tmp_path_factory.mktemp("tones")
    rows = []
    for fold in (1, 2):
        for i in range(CLIPS_PER_FOLD):
            label = LABELS[i % 3]
            heard = LABELS[(i + 1) % 3] if i < MISLABELLED else label
            name = f"{fold}-{i}.wav"
            # One is shorter than the window, one longer.
            seconds = {3: 0.5, 4: 2.5}.get(i, CLIP_S)
            write_tone(root / name, heard, seconds, seed=10 * fold + i)
            device = "s4" if fold == 2 and i >= 6 else "a"
            rows.append([name, label, fold, device, ABSTRACT_OF[label], f"{fold}-{i}"])
    with (root / "meta.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", "device", "abstract", "group"])
        writer.writerows(rows)
    return root


class Linear(nn.Module):
    """The network of `tiny_models` in torch."""

    def __init__(self, n_scenes: int, n_abstract: int = 0) -> None:
        super().__init__()
        n_mels = FRONTEND.n_mels
        self.heads = nn.ModuleList(nn.Linear(n_mels, n) for n in (n_scenes, n_abstract) if n)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mean = x.mean((1, 3))
        return tuple(head(mean) for head in self.heads)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path) -> Path:
    """A run folder of that network."""
    monkeypatch.setitem(MODELS, "tiny", Linear)
    folder = tmp_path / "run"
    config = Config("tiny", FRONTEND.to_dict(), ModelConfig("tiny"), DataConfig(crop_s=CLIP_S))
    described = Run(
        config=config.to_dict(),
        dataset=open_dataset(data).name,
        data=str(data),
        fold=1,
        seed=0,
        labels=list(LABELS),
        abstract_labels=list(ABSTRACT_LABELS),
        frontend=FRONTEND.to_dict(),
        clip_s=CLIP_S,
        n_frames=FRONTEND.n_frames(8000),
        provenance={},
    )
    write_json(folder / "run.json", described)
    network = Linear(len(LABELS), len(ABSTRACT_LABELS))
    for head, (weights, bias) in zip(network.heads, (scene_head(), abstract_head()), strict=True):
        head.load_state_dict({"weight": torch.from_numpy(weights), "bias": torch.from_numpy(bias)})
    torch.save(network.state_dict(), folder / "weights.pt")
    return folder


def tiny_file(folder: Path, name: str = "m.tflite", **changes: object) -> Path:
    return write_model(folder / name, abstract_labels=list(ABSTRACT_LABELS), **changes)


@pytest.fixture(scope="module")
def nano_run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run of the smallest preset with random weights; the exporter takes it for trained."""
    folder = tmp_path_factory.mktemp("nano") / "run"
    config = load_preset("nano", ["data.crop_s=1.0"])
    frontend = config.front_end()
    frontend = frontend.with_statistics([-6.0] * frontend.n_mels, [3.0] * frontend.n_mels)
    torch.manual_seed(0)
    network = build(config.model.name, config.model.options, len(LABELS))
    n_samples = frontend.sample_rate_hz
    audio = [load_audio(path, n_samples)[:n_samples] for path in sorted(data.glob("*-[0-2].wav"))]
    examples = np.stack([frontend.features(a) for a in audio])
    with torch.no_grad():
        for _ in range(20):  # gives batch norm statistics that fit
            network(torch.from_numpy(examples)[:, None])
    described = Run(
        config=config.to_dict(),
        dataset=open_dataset(data).name,
        data=str(data),
        fold=1,
        seed=0,
        labels=list(LABELS),
        abstract_labels=[],
        frontend=frontend.to_dict(),
        clip_s=1.0,
        n_frames=frontend.n_frames(n_samples),
        provenance={},
    )
    write_json(folder / "run.json", described)
    torch.save(network.state_dict(), folder / "weights.pt")
    np.save(folder / "examples.npy", examples)
    return folder


@pytest.mark.parametrize("crops", ["1", "3"])
@pytest.mark.parametrize("file_format", ["tflite", "onnx"])
def test_an_exported_float32_file_and_its_run_differ_by_one_clip_at_most(
    file_format: str, crops: str, nano_run: Path, data: Path, tmp_path: Path
) -> None:
    (file,) = export_run(
        nano_run, precision="float32", formats=[file_format], out=tmp_path, enforced=False
    )
    exported = evaluate(file.path, data, crops=crops)
    trained = evaluate(nano_run, data, crops=crops)
    assert np.ptp(trained.scene, axis=0).max() > 0.01  # the network does tell clips apart
    assert (exported.scene.argmax(1) != trained.scene.argmax(1)).sum() <= 1
    np.testing.assert_allclose(exported.scene, trained.scene, atol=PROBABILITY_TOLERANCE)
    assert exported.figures["fold"] == trained.figures["fold"] == 1


@pytest.mark.parametrize("crops", ["1", "3", "slide"])
@pytest.mark.parametrize("name", ["m.tflite", "m.onnx"])
def test_known_accuracy_and_the_same_figures_from_file_and_run(
    crops: str, name: str, data: Path, run: Path, tmp_path: Path
) -> None:
    file = evaluate(tiny_file(tmp_path, name), data, fold=1, crops=crops)
    torch_run = evaluate(run, data, crops=crops)  # its own fold is the default
    wrong = MISLABELLED / CLIPS_PER_FOLD
    assert file.figures["accuracy"] == torch_run.figures["accuracy"] == pytest.approx(1 - wrong)
    assert file.figures["confusion"] == torch_run.figures["confusion"]
    np.testing.assert_allclose(file.scene, torch_run.scene, atol=PROBABILITY_TOLERANCE)
    for key in ("log_loss", "calibration_error"):
        assert file.figures[key] == pytest.approx(torch_run.figures[key], rel=1e-3)
    assert file.figures["abstract_accuracy"].keys() == {"from_scenes", "head"}
    assert file.figures["runtime"] in ("litert", "tflite", "onnxruntime")
    assert torch_run.figures["runtime"] == "torch"


def test_devices_of_the_training_folds_are_the_seen_ones(data: Path, tmp_path: Path) -> None:
    figures = evaluate(tiny_file(tmp_path), data, fold=2).figures
    unseen = figures["unseen_devices"]
    assert (unseen["clips"], unseen["accuracy"]) == (3, 1.0)
    assert unseen["interval"] == list(wilson(1.0, 3))
    assert figures["seen_devices"]["clips"] == CLIPS_PER_FOLD - 3
    assert set(figures["per_device"]) == {"a", "s4"}


def test_progress_counts_every_clip(data: Path, run: Path, tmp_path: Path) -> None:
    for target in (tiny_file(tmp_path), run):
        seen: list[tuple[int, int]] = []
        evaluate(target, data, fold=1, on_progress=lambda done, of, s=seen: s.append((done, of)))
        assert seen == [(i + 1, CLIPS_PER_FOLD) for i in range(CLIPS_PER_FOLD)]


def test_what_is_saved(data: Path, tmp_path: Path) -> None:
    result: Evaluation = evaluate(tiny_file(tmp_path), data, fold=1)
    result.save(tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["accuracy"] == result.figures["accuracy"]
    assert (tmp_path / "out" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert right == figures["correct"]
    assert sum(float(rows[0][f"p_{label}"]) for label in LABELS) == pytest.approx(1, abs=1e-4)


def test_the_fold_that_was_held_out_is_the_default(data: Path) -> None:
    dataset = open_dataset(data)
    assert choose_fold(dataset, None, (dataset.name, 2)) == 2
    assert choose_fold(dataset, 1, (dataset.name, 2)) == 1
    with pytest.raises(ValueError, match="choose one with --fold"):
        choose_fold(dataset, None, ("another", 2))
    with pytest.raises(ValueError, match="no fold 7"):
        choose_fold(dataset, 7, (dataset.name, 2))
    alone = replace(dataset, test_folds=(2,))
    assert choose_fold(alone, None, (None, None)) == 2


def test_testing_on_training_data_is_said(data: Path, run: Path) -> None:
    dataset = open_dataset(data)
    assert leaks(dataset, 1, (dataset.name, 1)) == []
    assert leaks(dataset, 1, ("another", 2)) == []
    assert "no fold was held out" in leaks(dataset, 1, (dataset.name, None))[0]
    (warning,) = evaluate(run, data, fold=2).figures["warnings"]
    assert "fold 2" in warning and "fold 1 was held out" in warning


def test_unknown_labels_and_bad_files_are_one_line(data: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.tflite", labels=["low", "middle", "loud"])
    with pytest.raises(ValueError, match="does not know high; its scenes are low, middle, loud"):
        evaluate(model, data, fold=1)
    with pytest.raises(ValueError, match="crops '2' is not one of"):
        evaluate(model, data, fold=1, crops="2")
    with pytest.raises(ValueError, match="not a run folder"):
        evaluate(tmp_path, data)
    broken = tmp_path / "broken"
    (broken / "low").mkdir(parents=True)
    for i in range(5):
        write_tone(broken / "low" / f"{i}.wav", "low")
        (broken / "low" / f"x{i}.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"x\d\.wav"):
        evaluate(tiny_file(tmp_path), broken, fold=1)


def test_a_run_takes_no_runtime(data: Path, run: Path) -> None:
    with pytest.raises(ValueError, match="run in torch"):
        evaluate(run, data, runtime="litert")
