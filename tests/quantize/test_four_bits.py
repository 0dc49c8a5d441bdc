"""Weights of four bits: where they lie, what training makes of them, and which layers get them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import edge_asc as ea
from command import Cli
from edge_asc.export.file_bytes import of_layers
from edge_asc.export.run import export_run
from edge_asc.graph.graph import weight_bits
from edge_asc.graph.network import GraphNetwork, as_float
from edge_asc.quantize import qat
from edge_asc.quantize.four_bits import (
    layers_of_four_bits,
    may_have_four_bits,
    rounded,
    scales_of,
    weights_of,
)
from edge_asc.quantize.mixed import (
    SPARE_BYTES,
    USUAL_PART,
    Candidate,
    candidates,
    layers_to_narrow,
    least_loss,
)
from networks import CASES, WIDE, Case

CASE: Case = next(case for case in CASES if case.name == "resnet-light")


def weight(seed: int, scale: float) -> np.ndarray:
    """`[8, 5, 3, 3]` with one large number a channel, as trained weights have."""
    found = np.random.default_rng(seed).normal(scale=scale, size=(8, 5, 3, 3))
    found[:, 0, 0, 0] *= 4
    return found.astype(np.float32)


@given(st.integers(0, 1000), st.floats(1e-3, 10))
def test_scales_are_at_least_as_good_as_those_of_the_largest_weight(
    seed: int, spread: float
) -> None:
    w = weight(seed, spread)
    widest = np.abs(w).reshape(8, -1).max(1).reshape(-1, 1, 1, 1) / 7
    plain = np.clip(np.rint(w / widest), -7, 7) * widest
    error, plain_error = (((v - w) ** 2).reshape(8, -1).sum(1) for v in (rounded(w), plain))
    assert (error <= plain_error * (1 + 1e-5)).all()
    assert (scales_of(w) <= widest.reshape(-1) * (1 + 1e-5)).all()


def test_rounding_twice_changes_nothing_of_a_channel_that_is_on_its_grid() -> None:
    w = np.arange(-7, 8, dtype=np.float32).reshape(1, 15) * 0.25
    assert (rounded(w) == w).all()


@pytest.fixture(scope="module")
def narrow() -> GraphNetwork:
    torch.manual_seed(0)
    network = GraphNetwork(WIDE.graph()).eval()
    return qat.prepare(network, [WIDE.inputs(8)], layers_of_four_bits(network.graph))


def test_integers_are_those_of_four_bits_where_it_pays(narrow: GraphNetwork) -> None:
    graph = qat.freeze(narrow)
    bits = {index: weight_bits(node) for index, node in enumerate(graph.nodes)}
    chosen = layers_of_four_bits(WIDE.graph())
    assert [index for index, width in bits.items() if width == 4] == chosen != []
    for index in chosen:
        steps = graph.nodes[index].tensors["weight"]
        assert steps.dtype == np.int8 and np.abs(steps.astype(int)).max() == 7
    assert weights_of(graph) == "int4"
    assert not any(may_have_four_bits(n) for i, n in enumerate(graph.nodes) if i not in chosen)


def test_what_is_trained_is_what_is_frozen(narrow: GraphNetwork) -> None:
    optimiser = torch.optim.AdamW(narrow.parameters(), lr=2e-3)
    before = qat.freeze(narrow.eval())
    narrow.train()
    for _ in range(4):
        loss = F.cross_entropy(narrow(WIDE.inputs(4))[0], torch.randint(0, 10, (4,)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    graph, x = qat.freeze(narrow.eval()), WIDE.inputs()
    index = layers_of_four_bits(before)[0]
    for name in ("weight", "weight_scale"):  # steps and their sizes both learn
        assert (before.nodes[index].tensors[name] != graph.nodes[index].tensors[name]).any()
    with torch.no_grad():
        trained, frozen = narrow(x)[0], GraphNetwork(graph).eval()(x)[0]
    # As test_frozen_graph_computes_what_was_trained allows.
    assert (trained - frozen).abs().max() <= 3.01 * graph.grids[graph.outputs["scene"]].scale


def test_biases_take_back_what_rounding_does_to_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network, x = GraphNetwork(WIDE.graph()).eval(), WIDE.inputs(32)
    (index, *_) = layers_of_four_bits(network.graph)
    value = network.graph.nodes[index].output

    def means(narrow: list[int]) -> torch.Tensor:
        frozen = GraphNetwork(qat.freeze(qat.prepare(network, [x], narrow))).eval()
        return frozen.values(x)[value].mean((0, 2, 3)).detach()

    wide, corrected = means([]), means([index])
    monkeypatch.setattr(qat, "correct_bias", lambda *_: None)
    assert (corrected - wide).abs().mean() < 0.5 * (means([index]) - wide).abs().mean()


def test_saved_and_loaded_it_has_four_bits_still(narrow: GraphNetwork, tmp_path) -> None:  # type: ignore[no-untyped-def]
    qat.save(narrow, tmp_path)
    again = qat.load(GraphNetwork(WIDE.graph()), tmp_path).eval()
    ours, theirs = qat.freeze(narrow.eval()), qat.freeze(again)
    assert weights_of(theirs) == "int4"
    for a, b in zip(ours.nodes, theirs.nodes, strict=True):
        assert all((a.tensors[name] == b.tensors[name]).all() for name in a.tensors)


def test_mixed_saves_nine_tenths() -> None:
    network, x = GraphNetwork(WIDE.graph()).eval(), [WIDE.inputs(16)]
    found, chosen = candidates(network, x), layers_to_narrow(network, x, "mixed")
    assert [c.index for c in found] == layers_to_narrow(network, x, "int4")
    assert all(c.loss > 0 for c in found) and chosen == sorted(chosen)
    wanted = USUAL_PART * sum(c.saved_bytes for c in found)
    assert sum(c.saved_bytes for c in found if c.index in chosen) >= wanted


LAYERS = st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), max_size=8)


@given(LAYERS, st.integers(0, 300))
def test_no_other_set_of_layers_loses_less(layers: list[tuple[int, float]], wanted: int) -> None:
    """Against all sets there are."""
    found = [Candidate(i, saved, loss) for i, (saved, loss) in enumerate(layers)]
    chosen = least_loss(found, wanted)
    sets = [[c for c in found if n >> c.index & 1] for n in range(1 << len(found))]
    enough = [s for s in sets if sum(c.saved_bytes for c in s) >= wanted]
    if not enough:
        assert chosen == [c.index for c in found]
        return
    best = min(sum(c.loss for c in s) for s in enough)
    mine = [found[i] for i in chosen]
    assert sum(c.saved_bytes for c in mine) >= wanted and chosen == sorted(chosen)
    assert sum(c.loss for c in mine) == pytest.approx(best)


def test_mixed_keeps_a_size() -> None:
    network, x = GraphNetwork(WIDE.graph()).eval(), [WIDE.inputs(4)]
    saved = {c.index: c.saved_bytes for c in candidates(network, x)}
    whole = 100_000

    def size(narrow) -> int:  # type: ignore[no-untyped-def]
        return whole - sum(saved[index] for index in narrow)

    for most in (whole + SPARE_BYTES, whole - 1, size(saved) + SPARE_BYTES):
        chosen = layers_to_narrow(network, x, "mixed", most, size)
        assert size(chosen) <= most - SPARE_BYTES
    assert layers_to_narrow(network, x, "mixed", whole + SPARE_BYTES, size) == []
    with pytest.raises(ValueError, match=r"quantize.bytes = 1,000: .* the larger file takes"):
        layers_to_narrow(network, x, "mixed", 1000, size)


def test_the_public_name_takes_weights() -> None:
    batches = [CASE.inputs(4)]
    graph = ea.freeze(ea.quantize(CASE.graph(), batches, weights="int4"))
    assert weights_of(graph) == "int4"
    assert not any("weight_bits" in node.attributes for node in as_float(graph).nodes)
    with pytest.raises(ValueError, match="weights 'int3' is not one of int8, int4, mixed"):
        ea.quantize(CASE.graph(), batches, weights="int3")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (["mixed", "--bytes", "100"], "quantize.bytes = 100: with four bits"),
        (["int8"], "its weight is not finite"),
    ],
)
def test_what_cannot_be_done_leaves_no_folder(
    weights: list[str], said: str, run: Path, cli: Cli
) -> None:
    if weights == ["int8"]:
        state = torch.load(run / "weights.pt", weights_only=True)
        torch.save({name: value * np.nan for name, value in state.items()}, run / "weights.pt")
    before = sorted(run.iterdir())
    code, _, err = cli("quantize", run, "--ptq", "--weights", *weights)
    assert code == 1 and said in err.splitlines()[-1]
    assert sorted(run.iterdir()) == before


def test_the_larger_file_keeps_the_size(run: Path, cli: Cli) -> None:
    """The size is known before there is a network, and none of its settings lies in a folder."""
    whole = of_layers(run)([])
    most = whole - 500
    code, _, err = cli("quantize", run, "--ptq", "--weights", "mixed", "--bytes", most)
    assert code == 0, err
    files = export_run(run, precision="mixed", formats=["tflite", "onnx"])
    assert most - 2000 < max(file.bytes for file in files) <= most
