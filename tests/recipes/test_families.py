"""The networks of six families: traced, written in every way, equal to torch; within the rule."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import edge_asc as ea
from edge_asc.budget.rules import RULES
from edge_asc.export.parity import MOST_RELATIVE, MOST_STEPS
from edge_asc.models import build
from own_networks import unsettled
from tiny_models import CLIP_S, FRONTEND, LABELS

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipes"))
from families import FAMILIES

pytestmark = pytest.mark.slow

N_FRAMES = 61
N_MELS = 40
WRITERS = {"tflite": ea.write_tflite, "onnx": ea.write_onnx}
SAID: dict[str, Any] = {
    "labels": LABELS,
    "frontend": replace(FRONTEND, n_mels=N_MELS),
    "window_s": CLIP_S,
}


def features(seed: int) -> torch.Tensor:
    return torch.randn(8, 1, N_MELS, N_FRAMES, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_of_a_family_computes_it(family: str, tmp_path: Path) -> None:
    network = unsettled(build(FAMILIES[family], {}, n_scenes=len(LABELS)))
    graph = ea.fold(ea.trace(network, N_MELS))
    int8 = ea.freeze(ea.quantize(graph, [features(seed) for seed in (0, 1)]))
    for file_format, write in WRITERS.items():
        for half in (False, True):
            path = tmp_path / f"{half}.{file_format}"
            file = write(graph, path, half=half, examples=features(2), **SAID)
            assert file.parity["largest_difference_relative"] <= MOST_RELATIVE
        file = write(int8, tmp_path / f"int8.{file_format}", examples=features(2), **SAID)
        assert file.parity["largest_difference_steps"] <= MOST_STEPS
        assert RULES["edge-128k"].measure(ea.complexity(file).inventory)[0].ok
        assert not ea.complexity(file).inventory.missing


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_counted_alike_before_and_after(family: str, tmp_path: Path) -> None:
    """Batch norms fold away: what is left are the weights and a bias for each filter."""
    network = build(FAMILIES[family], {}, n_scenes=10).eval()
    found = ea.complexity(network, input=(1, 64, 101))
    assert found.parameters == sum(p.numel() for p in network.parameters())
    assert not found.inventory.missing
    file = ea.write_tflite(ea.trace(network, 64), tmp_path / "m.tflite", n_frames=101)
    weights = sum(p.numel() for p in network.parameters() if p.ndim > 1)
    written = ea.complexity(file)
    biases = sum(c.count for layer in written.layers for c in layer.constants if c.role == "bias")
    pools = sum(isinstance(m, torch.nn.AvgPool2d) * 64 * 4 for m in network.modules())  # as filters
    assert sum(
        c.count for layer in written.layers for c in layer.constants if c.role == "weight"
    ) == (weights + pools)
    assert written.parameters <= weights + pools + biases
