"""Learning from teachers: the loss, who may teach, and whole runs."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from command import Cli
from edge_asc.training.losses.distillation import Teachers, soft_losses
from edge_asc.training.run_folder import read_run
from small_run import SMALL, train_run
from small_training import Stop, Stops, assert_same_weights, rows, small_fit, small_network

STILL = ("train.learning_rate=1e-30", "train.warmup_from=0", "train.weight_decay=0")
SETTINGS = [x for setting in SMALL for x in ("--set", setting)]


class Answer(nn.Module):
    """Gives the same logits to every clip."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.dropout(self.logits.expand(len(x), -1)),)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_loss_is_the_divergence_of_softened_answers(temperature: float) -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 7, 10))
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    expected = temperature**2 * np.mean((p * np.log(p / q)).sum(1))
    (loss,) = soft_losses([torch.tensor(student)], [torch.tensor(p).float()], temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_its_gradient_keeps_its_size_at_high_temperatures() -> None:
    """Section 2.1: towards the teacher's logits, whatever the temperature."""
    student, teacher = torch.randn(2, 16, 10)
    sizes = []
    for temperature in (50.0, 100.0):
        x = student.clone().requires_grad_()
        soft = (teacher / temperature).softmax(1)
        soft_losses([x], [soft], temperature)[0].backward()
        assert x.grad is not None
        sizes.append(float(x.grad.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_several_teachers_answer_with_the_mean_of_their_probabilities() -> None:
    networks = [Answer([2.0, 0.0]), Answer([0.0, 6.0]), Answer([0.0, 0.0])]
    (soft,) = Teachers(networks, temperature=2.0)(torch.zeros(3, 1, 4, 4))
    expected = np.mean([softmax(np.array(x) / 2) for x in ([2, 0], [0, 6], [0, 0])], axis=0)
    np.testing.assert_allclose(soft.numpy(), [expected] * 3, rtol=1e-6)


def test_teachers_do_not_learn() -> None:
    network = Answer([2.0, 0.0]).train()
    soft = Teachers([network], 1.0)(torch.zeros(2, 1, 4, 4))[0]
    assert not network.training and not soft.requires_grad
    assert all(not p.requires_grad for p in network.parameters())


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """Fold 1 held out."""
    return train_run(tmp_path_factory.mktemp("teacher") / "run", scenes, "nano")


def student_command(scenes: Path, folder: Path, fold: int = 1) -> list[object]:
    place = ["--fold", fold, "--out", folder, "--name", "student"]
    return ["train", "nano", "--data", scenes, *place, *SETTINGS]


def test_a_run_names_its_teachers_and_goes_on_with_them(
    teacher: Path, scenes: Path, tmp_path: Path, cli: Cli
) -> None:
    command = student_command(scenes, tmp_path)
    code, _, err = cli(*command, "--teacher", teacher, "--teacher", teacher)
    assert code == 0, err
    assert read_run(tmp_path / "student").teachers == [str(teacher)] * 2
    code, _, err = cli(*command, "--resume")
    assert code == 1 and "was started with teachers = " in err


@pytest.mark.filterwarnings("ignore:Found .* in eval mode")  # by intention
def test_a_student_that_learns_nothing_else_has_its_teacher_s_answers(
    teacher: Path, scenes: Path, tmp_path: Path
) -> None:
    """Its loss is 0 where it is its own teacher, and stays so."""
    from edge_asc.config.schema import load_preset
    from edge_asc.data.open import open_dataset
    from edge_asc.training.fit import fit
    from edge_asc.training.inputs.load import prepare
    from edge_asc.training.losses.distillation import load_teachers
    from edge_asc.training.placement import Placement
    from edge_asc.training.run_folder import load_network

    config = load_preset("nano", [*SMALL, "train.distill_weight=1", *STILL])
    dataset, run = open_dataset(scenes), read_run(teacher)
    material = prepare(config, dataset, 1, 0, progress=False)
    student = load_network(teacher)
    for module in student.modules():  # batch statistics and dropout would answer otherwise
        module.train = lambda mode=True, self=module: self  # type: ignore[method-assign, misc]
    fitted = fit(
        student, run.front_end(), material.train, None, config.train, config.augment, tmp_path,
        n_frames=run.n_frames, teachers=load_teachers([teacher], run, dataset), progress=False,
        placement=Placement(accelerator="cpu"),
    )  # fmt: skip
    assert abs(fitted.rows[0]["train_loss"]) < 1e-6


def test_who_may_not_teach(teacher: Path, scenes: Path, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli(*student_command(scenes, tmp_path, fold=2), "--teacher", teacher)
    assert code == 1 and f"{teacher} was trained on fold 2 of synthetic" in err
    more = ["--set", "frontend.n_mels=40", "--teacher", teacher]
    code, _, err = cli(*student_command(scenes, tmp_path), *more)
    assert code == 1 and "cannot teach: its front end" in err
    more = ["--set", "data.target=abstract", "--teacher", teacher]
    code, _, err = cli(*student_command(scenes, tmp_path), *more)
    assert code == 1 and "cannot teach: its list of scenes is not the student's" in err
    assert not (tmp_path / "student").exists()


def test_another_data_set_may_hold_the_clips_to_be_tested_on(teacher: Path, scenes: Path) -> None:
    from edge_asc.data.open import open_dataset
    from edge_asc.training.losses.distillation import load_teachers

    student = msgspec.structs.replace(read_run(teacher), dataset="a copy")
    with pytest.raises(ValueError, match="cannot teach: its data set is not the student's"):
        load_teachers([teacher], student, open_dataset(scenes))


def test_int8_training_learns_from_teachers(
    teacher: Path, scenes: Path, tmp_path: Path, cli: Cli
) -> None:
    run = train_run(tmp_path / "run", scenes, "nano")
    code, _, err = cli("quantize", run, "--ptq", "--teacher", teacher)
    assert code == 2 and "does not train" in err
    losses = []
    for more in ([], ["--teacher", teacher]):
        code, _, err = cli("quantize", run, *more)
        assert code == 0, err
        settings = json.loads((run / "quantized" / "quantize.json").read_text())
        assert settings["teachers"] == [str(x) for x in more[1:]]
        losses.append((run / "quantized" / "metrics.csv").read_text())
        (run / "quantized").rename(tmp_path / f"quantized-{len(losses)}")
    assert losses[0] != losses[1]


def networks() -> list[nn.Module]:
    return [small_network(seed=50), small_network(seed=51)]


def test_the_checkpoint_holds_the_student_alone(tmp_path: Path) -> None:
    small_fit(tmp_path, epochs=1, teachers=networks())
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert set(saved) == {f"network.{name}" for name in small_network().state_dict()}


def test_resumed_distillation_ends_with_the_same_weights_and_rows(tmp_path: Path) -> None:
    whole = small_fit(tmp_path / "whole", epochs=3, teachers=networks())

    with pytest.raises(Stop):  # five steps an epoch
        small_fit(tmp_path / "cut", Stops(at_step=8), epochs=3, teachers=networks())
    settings = {"epochs": 3, "teachers": networks(), "resume": True}
    again = small_fit(tmp_path / "cut", small_network(seed=7), **settings)
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
