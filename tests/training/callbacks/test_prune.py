"""Zeros that training makes, and that are still there in the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import RULES
from edge_asc.config.schema import load_preset
from edge_asc.export.count import budget_of
from edge_asc.export.preset_budget import of_preset, preset_file
from edge_asc.export.run import export_run
from edge_asc.quantize.run import quantize_run
from edge_asc.training.callbacks.prune import BEGIN, END, FEWEST, kept, prunable, sparsity_at
from edge_asc.training.run_folder import load_network
from small_run import train_run
from small_training import Stop, assert_same_weights, small_fit

SPARSITY = 0.75
PRUNED = (
    "model.options={channels = [8, 16, 16], reduction = 4, dropout = 0.0}",
    "train.epochs=4",
    "train.ema=0.9",
    "augment={}",
    f"train.sparsity={SPARSITY}",
)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.floats(0, 1))
def test_the_smallest_weights_go(numbers: list[float], sparsity: float) -> None:
    weight = torch.tensor(numbers)
    mask = kept(weight, sparsity)
    assert int((mask == 0).sum()) == round(sparsity * len(numbers))
    gone, left = weight.abs()[mask == 0], weight.abs()[mask == 1]
    assert not len(gone) or not len(left) or gone.max() <= left.min()


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.99))
def test_sparsity_only_grows_and_reaches_its_target(a: float, b: float, target: float) -> None:
    early, late = (sparsity_at(x, target) for x in sorted((a, b)))
    assert 0 <= early <= late <= target
    assert sparsity_at(BEGIN, target) == 0 and sparsity_at(END, target) == target
    middle = sparsity_at((BEGIN + END) / 2, target)
    assert middle == pytest.approx(target * 7 / 8)  # cubic: most of it early


@pytest.fixture(scope="module")
def pruned(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three quarters of its weights zero, quantised with training."""
    folder = train_run(tmp_path_factory.mktemp("pruned") / "run", scenes, "compact-int8", *PRUNED)
    quantize_run(folder, progress=False)
    return folder


def test_training_ends_with_as_many_zeros_as_asked_for(pruned: Path) -> None:
    weights = prunable(load_network(pruned))  # the averaged ones
    assert sum(w.numel() for w in weights.values()) > 5000
    for weight in weights.values():
        assert weight.numel() >= FEWEST
        assert int((weight == 0).sum()) == round(SPARSITY * weight.numel())


@pytest.mark.parametrize("file_format", ["tflite", "onnx"])
def test_the_zeros_are_in_the_file_and_in_its_budget(pruned: Path, file_format: str) -> None:
    (exported,) = export_run(
        pruned,
        precision="int8",
        formats=[file_format],
        rule="dcase2021a",  # type: ignore[list-item]
    )
    zeros = sum(int((w == 0).sum()) for w in prunable(load_network(pruned)).values())
    (inventory,) = budget_of(str(exported.path))
    weights = [c for c in inventory.constants if c.role == "weight"]
    assert sum(c.count - c.nonzero for c in weights) >= zeros
    assert inventory.nonzero <= inventory.parameters - zeros
    (verdict,) = RULES["dcase2021a"].measure(inventory)
    biases = sum(c.nonzero_bytes for c in inventory.constants if c.role == "bias")
    assert verdict.value == sum(c.nonzero for c in weights) + biases


def test_the_budget_counts_what_a_runtime_reads_from_the_file(pruned: Path) -> None:
    """LiteRT's own view of the file: its convolutions' weights are its int8 constants."""
    (exported,) = export_run(pruned, precision="int8", overwrite=True)
    interpreter = Interpreter(model_path=str(exported.path))
    interpreter.allocate_tensors()
    (inventory,) = budget_of(str(exported.path))
    counted = sum(c.nonzero for c in inventory.constants if c.role == "weight")
    indices = {
        int(op["inputs"][1])
        for op in interpreter._get_ops_details()
        if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    }
    read = [interpreter.get_tensor(index) for index in indices]
    assert all(tensor.dtype == np.int8 for tensor in read)
    assert sum(int(np.count_nonzero(tensor)) for tensor in read) == counted


def test_a_resumed_training_has_the_same_zeros(tmp_path: Path) -> None:
    class Wide(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 32, 3, padding=1)
            self.scene, self.abstract = torch.nn.Linear(32, 3), torch.nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x = self.conv(x).relu().mean((2, 3))
            return self.scene(x), self.abstract(x)

    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        return Wide()

    settings = {"sparsity": 0.5, "epochs": 6, "schedule": "constant"}
    whole = small_fit(tmp_path / "whole", network(), **settings)
    interrupted = tmp_path / "interrupted"

    from lightning.pytorch.callbacks import Callback

    class After(Callback):
        def on_train_epoch_start(self, trainer: object, module: object) -> None:
            if trainer.current_epoch == 2:  # type: ignore[attr-defined]
                raise Stop

    with pytest.raises(Stop):
        small_fit(interrupted, network(), callbacks=[After()], **settings)
    again = small_fit(interrupted, network(), resume=True, **settings)
    assert int((whole.network.conv.weight == 0).sum()) == 144  # type: ignore[union-attr, operator]
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())


def test_a_preset_is_priced_with_its_zeros() -> None:
    config = load_preset("compact-int8", ["train.sparsity=0.5"])
    inventory = inventory_of_file(preset_file(config, "int8", "tflite"), audio_s=5.0)
    assert inventory.nonzero < 0.55 * inventory.parameters
    dense = inventory_of_file(preset_file(load_preset("compact-int8"), "int8", "tflite"))
    assert inventory.file_bytes == dense.file_bytes  # zeros are stored like other numbers


def test_the_budget_of_a_preset_says_so_too(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "nano"\n[train]\nsparsity = 0.5\n')
    inventory, dense = of_preset(str(mine)), of_preset("nano")
    assert inventory.parameters == dense.parameters == dense.nonzero
    assert inventory.nonzero < 0.7 * dense.nonzero


def test_the_best_epoch_may_come_before_the_zeros() -> None:
    with pytest.raises(ValueError, match=r"train\.sparsity needs train\.select = 'last'"):
        load_preset("nano", ["train.sparsity=0.5", "train.select=best"])
