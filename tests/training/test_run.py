"""The optimisation: what a step is, what survives a kill, what several processes share."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from edge_asc.config.schema import AugmentConfig
from edge_asc.models.forward import compiled, eager
from edge_asc.training.callbacks.history import Diverged
from edge_asc.training.callbacks.loggers import build_loggers
from edge_asc.training.callbacks.progress import TrainingProgress
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.placement import trainer_precision
from edge_asc.training.step import binary_losses, task_losses
from edge_asc.training.validate import predict, score
from small_training import (
    CROP,
    FRONT_END,
    Small,
    Stop,
    Stops,
    assert_same_weights,
    rows,
    small_fit,
    small_network,
    store,
)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_training_learns_and_leaves_its_files(tmp_path: Path) -> None:
    fitted = small_fit(tmp_path, epochs=30, augment=AugmentConfig())
    assert [int(r["epoch"]) for r in rows(tmp_path)] == list(range(1, 31))
    assert fitted.epoch == 30 and fitted.is_main and not fitted.network.training
    assert float(rows(tmp_path)[-1]["val_accuracy"]) >= 0.9  # chance is a third
    assert (tmp_path / "last.ckpt").is_file()


def test_each_label_set_has_its_cross_entropy() -> None:
    logits = (torch.randn(6, 4), torch.randn(6, 3))
    labels = (torch.randint(4, (6,)), torch.randint(3, (6,)))
    targets = tuple(F.one_hot(y, n).float() for y, n in zip(labels, (4, 3), strict=True))
    expected = [F.cross_entropy(x, y) for x, y in zip(logits, labels, strict=True)]
    torch.testing.assert_close(task_losses(logits, targets), expected)


def test_a_mixed_clip_is_a_yes_for_both_of_its_scenes() -> None:
    logits = torch.randn(3, 4, dtype=torch.float64)
    shares = torch.tensor([[1, 0, 0, 0], [0.3, 0.7, 0, 0], [0, 0.99, 0, 0.01]])
    heard = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]])
    yes = 1 / (1 + (-logits).exp())
    for smoothing in (0.0, 0.1):
        answer = heard * (1 - smoothing) + smoothing / 2
        expected = -(answer * yes.log() + (1 - answer) * (1 - yes).log()).mean()
        (found,) = binary_losses((logits,), (shares,), smoothing)
        torch.testing.assert_close(found, expected.float())


def test_training_on_yes_and_no_learns_the_scenes(tmp_path: Path) -> None:
    augment = AugmentConfig(cut_mix=0.5, sound_mix=0.5)
    small_fit(tmp_path, epochs=30, augment=augment, loss="binary")
    assert float(rows(tmp_path)[-1]["val_accuracy"]) >= 0.9  # chance is a third


@pytest.mark.parametrize("n_abstract", [0, 2])
def test_every_parameter_gets_a_gradient(n_abstract: int) -> None:
    network = small_network(n_abstract=n_abstract)
    some = store(8, n_abstract=n_abstract)
    targets = tuple(
        F.one_hot(y, n).float() for y, n in zip(some.labels, some.n_classes, strict=True)
    )
    logits = eager(network)(some.memory[:, None])
    sum(task_losses(logits, targets)).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_resumed_run_ends_with_the_same_weights_and_rows(tmp_path: Path) -> None:
    whole = small_fit(tmp_path / "whole", epochs=4)

    with pytest.raises(Stop):  # five steps an epoch
        small_fit(tmp_path / "cut", Stops(at_step=13), epochs=4)
    assert len(rows(tmp_path / "cut")) == 2
    again = small_fit(tmp_path / "cut", small_network(seed=7), epochs=4, resume=True)
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    first = small_fit(tmp_path, epochs=2)
    before = rows(tmp_path)
    second = small_fit(tmp_path, small_network(seed=9), epochs=2, resume=True)
    assert_same_weights(first.network.state_dict(), second.network.state_dict())
    assert rows(tmp_path) == before and second.epoch == 2


def test_averaged_weights_are_the_recursion(tmp_path: Path) -> None:
    network = small_network()
    seen = []

    class Spy(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            seen.append(network.conv.weight.detach().clone())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.training.fit.TrainingProgress", lambda history: Spy())
        fitted = small_fit(tmp_path, network, epochs=2, ema=0.8, progress=True)
    average = small_network().conv.weight.detach().clone()
    for step, w in enumerate(seen, start=1):
        decay = min(0.8, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * w
    assert len(seen) == 10
    assert torch.allclose(fitted.network.conv.weight, average, atol=1e-6)  # float32 rounding


def test_best_epoch_is_the_one_with_the_highest_validation_accuracy(tmp_path: Path) -> None:
    fitted = small_fit(tmp_path, epochs=6, select="best")
    keys = [(float(r["val_accuracy"]), -float(r["val_loss"])) for r in rows(tmp_path)]
    assert fitted.epoch == 1 + keys.index(max(keys))
    val = store(12, seed=1)
    normalize = TorchFrontEnd(FRONT_END).normalize
    again = score(predict(fitted.network, normalize, val, CROP), val.labels)
    assert again.accuracy == pytest.approx(max(keys)[0])


def test_no_validation_leaves_its_columns_empty(tmp_path: Path) -> None:
    fitted = small_fit(tmp_path, epochs=2, val_store=None, ema=0.0)
    assert [r["val_accuracy"] for r in rows(tmp_path)] == ["", ""]
    assert fitted.rows[-1]["val_loss"] is None


def test_divergence_is_one_line_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Breaks(Small):
        steps = 0

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            self.steps += self.training
            factor = math.nan if self.steps > 5 else 1.0
            return tuple(y * factor for y in super().forward(x))

    with pytest.raises(Diverged, match=r"the loss became nan in epoch 2: lower the learning rate"):
        small_fit(tmp_path, Breaks(), epochs=3)
    assert len(rows(tmp_path)) == 1
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 5


def test_compiled_forward_falls_back_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    network = small_network().eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.models.forward.shutil.which", lambda name: None)
        forward = compiled(network)
    x = torch.randn(2, 1, 16, 20)
    assert torch.equal(forward(x)[0], network(x)[0])
    assert capsys.readouterr().err.count("\n") == 1


def test_failing_compiler_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        def raises(x: Tensor) -> Any:
            raise RuntimeError("no such header\nmore")

        return raises

    network = small_network().eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", broken)
        forward = compiled(network)
    x = torch.randn(2, 1, 16, 20)
    for _ in range(2):
        assert torch.equal(forward(x)[0], network(x)[0])
    assert capsys.readouterr().err == ("train.compile failed (no such header), training without\n")


@pytest.mark.parametrize("fast_maximum", [False, True])
def test_checkpoint_holds_the_network_once(tmp_path: Path, fast_maximum: bool) -> None:
    small_fit(tmp_path, epochs=1, fast_maximum=fast_maximum)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert set(saved) == {f"network.{name}" for name in small_network().state_dict()}


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_layouts_and_precisions_train(tmp_path: Path, channels_last: bool, precision: str) -> None:
    settings = {"channels_last": channels_last, "precision": precision}
    fitted = small_fit(tmp_path, epochs=1, **settings)
    assert all(p.is_contiguous() for p in fitted.network.parameters())
    assert math.isfinite(fitted.rows[0]["train_loss"])


def test_auto_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_it, name in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(
            "edge_asc.training.placement.cpu_has_bfloat16", lambda has_it=has_it: has_it
        )
        assert trainer_precision("auto", on_cuda=False) == name
    assert trainer_precision("float32", on_cuda=False) == "32-true"


def test_progress_off_a_terminal_is_one_line_per_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_fit(tmp_path, epochs=3, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("loss" in line and "val" in line and "lr" in line for line in lines)


def test_progress_on_a_terminal_is_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    console = Console(force_terminal=True, record=True, width=120, file=io.StringIO())
    monkeypatch.setattr(
        "edge_asc.training.fit.TrainingProgress", lambda history: TrainingProgress(history, console)
    )
    small_fit(tmp_path, epochs=2, progress=True)
    assert "epoch 2/2" in console.export_text()


def test_unknown_and_absent_loggers_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'excel' is not one of tensorboard, wandb, mlflow"):
        build_loggers(["excel"], tmp_path)
    with pytest.MonkeyPatch.context() as patch:

        def absent(folder: Path) -> Any:
            raise ModuleNotFoundError("a page of advice")

        patch.setitem(build_loggers.__globals__["LOGGERS"], "mlflow", absent)
        with pytest.raises(ImportError, match=r"^logger mlflow needs .* pip install mlflow$"):
            build_loggers(["mlflow"], tmp_path)


def test_loggers_get_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.loggers import CSVLogger

    loggers = {"csv": lambda folder: CSVLogger(folder, name="", version="csv")}
    monkeypatch.setattr("edge_asc.training.callbacks.loggers.LOGGERS", loggers)
    small_fit(tmp_path, epochs=2, loggers=["csv"])
    assert (tmp_path / "csv" / "metrics.csv").read_text().count("\n") == 3
