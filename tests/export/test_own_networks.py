"""Graphs of any torch network: traced, quantised, trained, written; every runtime computes them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import edge_asc as ea
from edge_asc.export import run as export_run
from edge_asc.export.parity import MOST_RELATIVE, MOST_STEPS, ParityError
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.network import GraphNetwork
from own_networks import NETWORKS, JoinedGate, sequential, unsettled
from tiny_models import CLIP_S, FRONTEND, LABELS


def batches(n: int = 2, n_frames: int = 61) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(8, 1, FRONTEND.n_mels, n_frames) for _ in range(n)]


WRITERS = {"tflite": ea.write_tflite, "onnx": ea.write_onnx}


SAID: dict[str, Any] = {"labels": LABELS, "frontend": FRONTEND, "window_s": CLIP_S}


@pytest.mark.parametrize("file_format", WRITERS)
@pytest.mark.parametrize("name", ["functional", "modules", "residual", "unit length"])
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_own_networks_become_files_that_compute_them(
    name: str, precision: str, file_format: str, tmp_path: Path
) -> None:
    network = unsettled(NETWORKS[name](n_scenes=3))
    graph = ea.trace(network, n_mels=FRONTEND.n_mels)
    data = batches()
    if precision == "int8":
        graph = ea.freeze(ea.quantize(graph, data))
    file = WRITERS[file_format](
        graph, tmp_path / f"m.{file_format}", half=precision == "float16", examples=data[0],
        **SAID,
    )  # fmt: skip
    assert file.bytes == os.stat(file).st_size and Path(file) == file.path
    if precision == "int8":
        assert file.parity["largest_difference_steps"] <= MOST_STEPS
    else:
        assert file.parity["largest_difference_relative"] <= MOST_RELATIVE
    clf = ea.load(file)
    assert (clf.labels, clf.window_s, clf.size_bytes) == (list(LABELS), CLIP_S, file.bytes)
    if precision == "float32":  # against the module itself, at another length
        x = batches(1, 47)[0]
        with torch.no_grad():
            logits = network(x)
        ours = (logits[0] if isinstance(logits, tuple) else logits).numpy()
        theirs = np.stack([clf.logits(one.numpy())[0] for one in x[:, 0]])
        np.testing.assert_allclose(theirs, ours, atol=MOST_RELATIVE * np.abs(ours).max())


def test_what_is_quantised_can_be_trained_by_the_caller() -> None:
    network = unsettled(sequential(3))
    (x,) = batches(1)
    with torch.no_grad():
        target = network(x).argmax(1)
    quantised = ea.quantize(ea.trace(network, FRONTEND.n_mels), [x.numpy()])
    parameters = [p for p in quantised.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(quantised(x)[0], target)
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    moved = [bool((p.grad != 0).any()) for p in parameters]
    assert sum(moved) >= len(moved) - 1  # a range whose ends nothing reaches may rest
    frozen = GraphNetwork(ea.freeze(quantised)).eval()
    with torch.no_grad():
        steps = (frozen(x)[0] - quantised(x)[0]).abs().max() / list(frozen.graph.grids.values())[
            -1
        ].scale
    assert steps <= MOST_STEPS


def test_folding_is_done_once_and_changes_nothing() -> None:
    network = unsettled(NETWORKS["residual"]())
    folded = ea.fold(ea.trace(network, FRONTEND.n_mels))
    again = ea.fold(folded)
    (x,) = batches(1)
    with torch.no_grad():
        once, twice = GraphNetwork(folded)(x)[0], GraphNetwork(again)(x)[0]
        torch.testing.assert_close(once, network(x)[0], rtol=MOST_RELATIVE, atol=MOST_RELATIVE)
        assert torch.equal(once, twice)


def test_graphs_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    graph = ea.trace(sequential(3), FRONTEND.n_mels)
    target = tmp_path / "m.tflite"
    with pytest.raises(ValueError, match="labels, frontend and window_s go together"):
        ea.write_tflite(graph, target, labels=LABELS)
    with pytest.raises(ValueError, match="at least one batch"):
        ea.quantize(graph, [])
    with pytest.raises(ValueError, match=r"shape \[8, 12, 61\], expected \[B, 1, 12"):
        ea.quantize(graph, [batches(1)[0][:, 0]])
    int8 = ea.freeze(ea.quantize(graph, batches(1)))
    with pytest.raises(ValueError, match="int8 already"):
        ea.quantize(int8, batches(1))
    with pytest.raises(ValueError, match="half is for float graphs"):
        ea.write_tflite(int8, target, half=True)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12 * 61, 3))
    with pytest.raises(ValueError, match="say n_frames"):
        ea.write_tflite(ea.trace(flat, 12), target)
    assert not target.exists()
    assert ea.write_tflite(ea.trace(flat, 12), target, n_frames=61).bytes > 4 * 12 * 61


def test_what_a_fixed_grid_would_cut_off_is_refused() -> None:
    graph = ea.trace(JoinedGate(3), FRONTEND.n_mels)
    with pytest.raises(ValueError, match=r"output of sigmoid is joined with numbers from -\d"):
        ea.quantize(graph, batches(1))


def test_what_does_not_fit_the_graph_is_one_line_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*args: Any, **options: Any) -> bytes:
        raise AssertionError("encoded before the arguments were checked")

    for name in WRITERS:
        monkeypatch.setitem(export_run.WRITERS, name, encode)
    graph = ea.trace(sequential(3), FRONTEND.n_mels)
    heads = ea.trace(NETWORKS["two heads"](n_scenes=3), FRONTEND.n_mels)
    statistics = replace(FRONTEND, normalization="dataset", mean=(), std=())
    (x,) = batches(1)
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        (r"2 labels for logits of shape \[3\]", graph, {"labels": LABELS[:2]}),
        ("20 mels, the graph takes 12", graph, {"frontend": replace(FRONTEND, n_mels=20)}),
        ("mean and std are empty", graph, {"frontend": statistics}),
        ("labels are for one head, scene; the graph has: scene, abstract", heads, {}),
        (r"shape \[8, 11, 61\]: expected \[N, 1, 12", graph, {"examples": x[:, 0, 1:]}),
        (r"shape \[8, 1, 11, 61\]: expected \[N, 1, 12", graph, {"examples": x[:, :, 1:]}),
        (r"shape \[0, 1, 12, 61\]: expected", graph, {"examples": x[:0]}),
    ]
    for name, write in WRITERS.items():
        for message, one, changed in cases:
            with pytest.raises(ValueError, match=message):
                write(one, tmp_path / f"m.{name}", **{**SAID, **changed})
    with pytest.raises(ValueError, match="examples go with labels"):
        ea.write_tflite(graph, tmp_path / "m.tflite", examples=x)
    assert not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = ea.trace(unsettled(sequential(3)), FRONTEND.n_mels)

    def shifted(graph: Any, *args: Any, **options: Any) -> bytes:
        graph = ea.fold(graph)
        graph.nodes[-1].tensors["bias"] = graph.nodes[-1].tensors["bias"] + 1
        return to_tflite(graph, *args, **options)

    monkeypatch.setitem(export_run.WRITERS, "tflite", shifted)
    with pytest.raises(ParityError):
        ea.write_tflite(graph, tmp_path / "m.tflite", examples=batches(1)[0], **SAID)
    assert not list(tmp_path.iterdir())


def test_a_file_of_the_other_format_or_of_no_frames_is_not_written(tmp_path: Path) -> None:
    graph = ea.trace(sequential(3), FRONTEND.n_mels)
    for write, other in ((ea.write_tflite, "onnx"), (ea.write_onnx, "tflite")):
        with pytest.raises(ValueError, match=f"m.{other}: this is a .* file; write_{other} writes"):
            write(graph, tmp_path / f"m.{other}")
        with pytest.raises(ValueError, match="n_frames must be 1 or more, found 0"):
            write(graph, tmp_path / "m.bin", n_frames=0)
    assert not [*tmp_path.iterdir()]
