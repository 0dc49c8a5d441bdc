"""An output of its own for sounds of no class: learnt, quantised, written, and told from scenes."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from edge_asc.api.run import train as train_by_api
from edge_asc.config.schema import load_preset
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.calibrate import calibrate
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.evaluation.predictors import FileScorer, Hearing, RunScorer
from edge_asc.export.preset_budget import preset_file
from edge_asc.export.run import export_run, model_metadata
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Precision
from edge_asc.training.inputs.batches import UNKNOWN, Epochs, FeatureStore, Group
from edge_asc.training.inputs.load import prepare
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.losses.answers import GivenAnswers
from edge_asc.training.run_folder import load_network, read_run
from edge_asc.training.start_from.members import join_runs
from edge_asc.training.step import distribution, evenly, loss_beside, of_classes, task_losses
from small_run import LEARNS, SMALL, train_run
from small_training import CROP, FRONT_END, N_FRAMES, N_MELS, Small, small_fit, store

OTHERS = ("data.unknown_part=0.2", "data.unknown_answer=others")
N_SCENES = 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """A network that tells half of the scenes, and quiet rooms from all of them."""
    return train_run(
        tmp_path_factory.mktemp("others") / "run", scenes, "compact-int8", *LEARNS, *OTHERS
    )


@pytest.fixture(scope="module")
def files(run: Path, scenes: Path) -> list[Path]:
    """That network in float16 and in int8, for both runtimes."""
    quantize_run(run, data=scenes, progress=False)
    both: tuple[Precision, ...] = ("float16", "int8")
    return [
        file.path
        for precision in both
        for file in export_run(run, formats=("tflite", "onnx"), precision=precision)
    ]


def test_their_label_is_the_number_behind_the_scenes() -> None:
    """Of other label sets they have none, and are to be answered evenly."""
    arrays = [np.zeros((N_MELS, N_FRAMES), np.float32)] * 6
    group = Group([np.ones((N_MELS, N_FRAMES), np.float32)], 1)
    some = FeatureStore(arrays, [[0, 1, 2] * 2, [0, 1] * 3], [3, 2], unknown=[group], others=1)
    _, labels = some.batch(np.array([1, 6]), np.zeros(2, int), CROP)
    assert [y.tolist() for y in labels] == [[1, 3], [1, UNKNOWN]]
    pairs = zip(labels, some.n_logits, strict=True)
    scene, abstract = (distribution(y, n, 1 / n) for y, n in pairs)
    assert scene.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert abstract.tolist() == [[0, 1], [0.5, 0.5]]


def test_what_is_plain_is_heard_through_no_simulated_microphone() -> None:
    def full_of(value: float, n: int) -> list[np.ndarray]:
        return [np.full((N_MELS, N_FRAMES), value, np.float32)] * n

    groups = [Group(full_of(7, 3), 3), Group([*full_of(8, 2), *full_of(9, 4)], 2)]
    clips = full_of(0, 12)  # six of them, in two versions
    some = FeatureStore(clips, [[0, 1, 2] * 2], [3], n_versions=2, n_plain=1, unknown=groups)
    epochs = Epochs(some, 4, CROP, 0, plain_from=20, unknown_part=0.25)
    heard = []
    for epochs.epoch in range(40):
        heard.append({v for raw, _ in epochs for v in raw[:, 0, 0, 0].tolist()} - {0.0})
    assert set().union(*heard[:20]) == {7, 8, 9} and set().union(*heard[20:]) == {7, 8}


def test_recordings_come_in_the_versions_of_clips(scenes: Path, tmp_path: Path) -> None:
    for name in "ab":
        noise = np.random.default_rng(3).normal(0, 0.1, 4000)
        soundfile.write(tmp_path / f"{name}.wav", noise, 8000)
    versions = ("data.speeds=[0.8, 1.0]", "data.microphones=3", f"data.unknown={tmp_path}")
    config = load_preset("nano", [*SMALL, *OTHERS, *versions])
    train = prepare(config, open_dataset(scenes), 1, 0, False, tmp_path / "cache").train
    recorded = np.stack(train.parts[2])
    assert len(recorded) == 2 * (2 + 3) and train.plain_ends[1] - train.ends[1] == 2 * 2
    assert len(np.unique(recorded.reshape(5, 2, -1)[:, 0], axis=0)) == 5


def test_apart_classes_are_asked_and_taught_as_if_there_was_nothing_behind_them() -> None:
    labels = torch.tensor([0, 2, UNKNOWN])
    behind = torch.tensor([0, 2, 3])  # the same clips where an output stands behind three classes
    other = torch.tensor([[0.25, 0.75]])
    asked, untouched = evenly((distribution(behind, 4, 0.0), other))
    torch.testing.assert_close(asked, distribution(labels, 3, 1 / 3))
    assert untouched is other
    logits = torch.randn(5, 4)
    (taught,) = of_classes((logits.softmax(1),))
    torch.testing.assert_close(taught, logits[:, :3].softmax(1))
    assert of_classes(()) == ()


def test_what_learns_beside_moves_no_class() -> None:
    logits = torch.randn(5, 4, requires_grad=True)
    target = distribution(torch.tensor([0, 1, 2, 3, 3]), 4, 0.0)
    (beside,) = torch.autograd.grad(loss_beside(logits, target), logits)
    (plain,) = torch.autograd.grad(task_losses((logits,), (target,))[0], logits)
    assert not beside[:, :3].any() and plain[:, :3].any()
    torch.testing.assert_close(beside[:, 3], plain[:, 3])


def test_it_learns_what_no_scene_is(tmp_path: Path) -> None:
    """Stripes along both axes, which no scene has, go to their own output; scenes do not."""
    rng = np.random.default_rng(7)
    both = [rng.normal(size=(N_MELS, N_FRAMES)).astype(np.float32) for _ in range(40)]
    for a in both:
        a[::2] += 6.0
        a[:, ::2] += 6.0
    torch.manual_seed(0)
    fitted = small_fit(
        tmp_path, Small(4), train_store=store(unknown=[Group(both[:20], 20)], others=1),
        unknown_part=0.25, epochs=30,
    )  # fmt: skip
    known, normalize = store(12, seed=1), TorchFrontEnd(FRONT_END).normalize
    with torch.no_grad():
        strange, heard = (
            fitted.network(normalize(torch.from_numpy(np.stack(x))[:, None, :, :CROP]))[0].argmax(1)
            for x in (both[20:], known.arrays)
        )
    assert float((strange == 3).float().mean()) > 0.9
    assert float((heard == known.labels[0]).float().mean()) > 0.9
    last = fitted.rows[-1]  # validation hears scenes alone, and counts scenes alone
    assert 0.8 < last["val_accuracy"] <= 1 and math.isfinite(last["val_loss"])


def test_run_and_files_say_the_same(run: Path, files: list[Path], scenes: Path) -> None:
    """Probabilities of the scenes, short of 1 by what fell to other sounds."""
    paths = [clip.path for clip in open_dataset(scenes).clips[::10]]
    hearing = Hearing(RunScorer(run).frontend.sample_rate_hz // 2, "1")
    told = np.stack([one.scene for one in RunScorer(run).predict(paths, hearing)])
    assert told.shape == (len(paths), N_SCENES) and (told.sum(1) < 1).all()
    for path in files:
        assert Classifier.load(path).metadata.others == 1
        scorer = FileScorer(path)
        found = np.stack([one.scene for one in scorer.predict(paths, hearing)])
        assert found.shape == told.shape
        if "float16" in path.name:  # half precision keeps three digits
            np.testing.assert_allclose(found, told, atol=0.01)


def test_files_say_what_the_recordings_may_be_used_for(
    run: Path, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "LICENSE.md").write_text("# CC BY 4.0\n\nby me\n")
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.1), 8000)
    heard = train_run(
        tmp_path / "run", scenes, "nano", *OTHERS, "train.epochs=1", f"data.unknown={tmp_path}"
    )
    told, without = (
        model_metadata(one, read_run(one), "float32", "edge-128k").provenance
        for one in (heard, run)
    )
    assert told["unknown_licence"] == "CC BY 4.0" and "unknown_licence" not in without


def test_silence_is_no_scene(files: list[Path]) -> None:
    for path in files:
        classifier = Classifier.load(path)
        rate_hz = classifier.frontend.sample_rate_hz
        first, *_ = classifier.stream().feed(np.zeros(rate_hz, np.float32))
        assert first.prediction.scene.sum() < 0.5


def test_figures_are_of_scenes_alone(run: Path, files: list[Path], scenes: Path) -> None:
    assert np.shape(evaluate(run, scenes, fold=1).figures["confusion"]) == (N_SCENES, N_SCENES)
    int8 = next(path for path in files if path.name.endswith("int8.tflite"))
    assert calibrate(int8, scenes, fold=1)["clips"] == 40


def test_the_budget_counts_their_weights() -> None:
    """Before training as after: an output more has a weight for each channel, and a bias."""
    plain, more = (
        preset_file(load_preset("nano", overrides), "float32", "onnx")
        for overrides in ([], list(OTHERS))
    )
    assert 4 * 8 < len(more) - len(plain) < 4 * 200


def test_a_network_of_ones_own_gets_the_size(scenes: Path, tmp_path: Path) -> None:
    def net(n_scenes: int) -> torch.nn.Module:
        layers = torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)
        return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(8, n_scenes))

    config = load_preset("nano", [*SMALL, *OTHERS, "model.abstract=false"])
    run = train_by_api(config, scenes, 1, out=tmp_path, name="own", model=net, progress=False)
    with torch.no_grad():
        (logits,) = load_network(run.path)(torch.zeros(1, 1, N_SCENES, 20))
    assert logits.shape == (1, N_SCENES + 1)


def test_what_does_not_go_together(run: Path, scenes: Path, tmp_path: Path) -> None:
    plain = train_run(tmp_path / "plain", scenes, "compact-int8", *LEARNS, "train.epochs=1")
    assert read_run(plain).labels == read_run(run).labels
    with pytest.raises(ValueError, match=r"do not go together: data.unknown_answer: others and e"):
        join_runs([run, plain], tmp_path / "both")
    with pytest.raises(ValueError, match="cannot teach: its answer to sounds of no class"):
        quantize_run(
            run, data=scenes, teachers=[plain], progress=False, overrides=["quantize.weights=int4"]
        )
    config = load_preset("nano", [*SMALL, *OTHERS])
    given = GivenAnswers(Path("answers.npz"), "", {})
    with pytest.raises(ValueError, match=r"answers\.npz has answers for scenes alone"):
        prepare(config, open_dataset(scenes), 1, 0, False, tmp_path / "cache", given)
    with pytest.raises(ValueError, match=r"data\.unknown_answer = 'others' needs"):
        load_preset("nano", ["data.unknown_answer=others"])
