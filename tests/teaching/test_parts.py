"""The parts of teaching: minimum, views, pieces, figures, metadata."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edge_asc.evaluation.interval import Z_95, wilson
from edge_asc.graph.trunk import without_head
from edge_asc.runtime.metadata import Metadata, metadata_from_json, metadata_to_json, read_metadata
from edge_asc.runtime.zoo.models import find_model
from edge_asc.teaching import listen
from edge_asc.teaching.encoder import OWN, Encoder, find_encoder
from edge_asc.teaching.figures import confusions, inseparable
from edge_asc.teaching.head import Scale, fit
from edge_asc.teaching.strange import BANK, read_bank
from edge_asc.teaching.views import view
from edge_asc.teaching.write import IntegerHead, with_head

SAME = 1e-3  # of logits: two searches stop near the same minimum
RATE_HZ = 8000


def blobs(n: int = 200, size: int = 20, classes: int = 3) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, n)
    x = rng.normal(1.0, rng.uniform(0.5, 2, size), (n, size))
    x[np.arange(n), truth] += 2
    return x, truth, rng.uniform(0.5, 2, n)


@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0])
def test_the_head_is_the_one_scikit_learn_finds(strength: float) -> None:
    x, truth, weights = blobs()
    head, scale = fit(x, truth, weights, 3, strength), Scale.of(x, weights)
    other = LogisticRegression(C=1 / strength, tol=1e-9, max_iter=10_000)
    other.fit((x - scale.mean) / scale.spread, truth, sample_weight=weights / weights.sum())
    wanted = other.decision_function((x - scale.mean) / scale.spread)
    found = head(x) - head(x).mean(1, keepdims=True)
    assert np.abs(found - (wanted - wanted.mean(1, keepdims=True))).max() < SAME


def test_where_the_search_begins_changes_nothing() -> None:
    x, truth, weights = blobs()
    cold = fit(x, truth, weights, 3, 0.1)
    warm = fit(x, truth, weights, 3, 0.1, start=fit(x[::2], truth[::2], weights[::2], 3, 1.0))
    assert np.abs(cold(x) - warm(x)).max() < SAME


def test_views_follow_from_name_and_number() -> None:
    audio = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE_HZ)).astype(np.float32)
    first = view(audio, RATE_HZ, "a.wav", 0)
    assert (first == view(audio, RATE_HZ, "a.wav", 0)).all()
    others = [view(audio, RATE_HZ, "a.wav", 1), view(audio, RATE_HZ, "b.wav", 0)]
    assert all(len(first) != len(o) or (first != o).any() for o in others)
    for sound in (first, *others):
        assert np.isfinite(sound).all()
        assert len(audio) // 2 <= len(sound) <= len(audio)


def test_a_sample_alone_has_views() -> None:
    for number in range(4):
        assert len(view(np.ones(1, np.float32), RATE_HZ, "tick.wav", number)) == 1


@given(st.lists(st.integers(0, 300), max_size=12))
def test_pieces_are_the_sound(lengths: list[int]) -> None:
    sound = np.arange(sum(lengths), dtype=np.float32)
    ends = np.cumsum([0, *lengths])
    blocks = [sound[a:b] for a, b in pairwise(ends)]
    found = list(listen.pieces(blocks, 2))  # 120 samples
    assert (np.concatenate([*found, sound[:0]]) == sound).all()
    assert all(len(piece) >= 2 * listen.PIECE_S for piece in found[:-1])


@given(st.integers(1, 200), st.floats(0, 1))
def test_the_interval_is_wilsons(n: int, share: float) -> None:
    """At its ends the share lies 1.96 of the end's own standard deviations away, or it is cut."""
    for end in wilson(share, n):
        away = abs(share - end) - Z_95 * np.sqrt(end * (1 - end) / n)
        assert abs(away) < 1e-6 or end == pytest.approx(share, abs=1e-9)


def test_confusions_and_classes_nobody_can_tell_apart() -> None:
    table = np.array([[5, 5, 0], [4, 6, 0], [1, 0, 9]])
    labels = ("a", "b", "c")
    assert confusions(table, labels)[0] == {"is": "a", "taken_for": "b", "clips": 5}
    assert [c["clips"] for c in confusions(table, labels)] == [5, 4, 1]
    assert inseparable(table, labels) == [["a", "b"]]


def test_a_head_put_on_again_is_the_file_it_was_taken_from() -> None:
    from edge_asc.graph.from_tflite import from_tflite

    graph, _ = from_tflite(find_model("esc10-32k").tflite.read_bytes())
    last = graph.producer(graph.outputs["scene"])
    assert last
    encoder = Encoder(find_model("esc10-32k").tflite)
    grid = graph.grids[last.output]
    head = replace(last, outputs=("logits",))
    again = with_head(encoder, IntegerHead(head, graph.grids[last.inputs[0]], grid))
    kept = without_head(again)
    assert [n.op for n in kept.nodes] == [n.op for n in encoder.graph.nodes]
    assert again.nodes[-1].tensors["weight"].shape == (10, encoder.size)


@pytest.mark.parametrize(("kind", "others"), [("classifier", 0), ("classifier", 2), ("encoder", 0)])
def test_metadata_say_kind_and_others(kind: str, others: int) -> None:
    encoder = Encoder(find_model("esc10-32k").tflite)
    said = Metadata(
        name="x",
        labels=[] if kind == "encoder" else ["a"],
        frontend=encoder.frontend.to_dict(),
        clip_s=1.0,
        precision="int8",
        kind=kind,  # type: ignore[arg-type]
        others=others,
    )
    text = metadata_to_json(said)
    assert metadata_from_json(text) == said
    assert (b'"others"' in text) == bool(others)
    assert (b'"kind"' in text) == (kind == "encoder")


def test_an_onnx_file_is_no_encoder(tmp_path: Path) -> None:
    onnx = find_model("esc10-32k").onnx
    assert onnx
    with pytest.raises(ValueError, match=r"no \.tflite file"):
        Encoder(onnx)


def test_the_encoder_that_comes_along_has_its_bank() -> None:
    encoder = find_encoder()
    metadata = read_metadata(OWN)
    assert metadata.kind == "encoder"
    bank = read_bank(encoder)
    assert bank.embeddings.shape == (len(bank), encoder.size)
    assert len(set(bank.groups.tolist())) > 300  # a few hundred recordings
    # Whom it owes thanks to stands beside it: a line for each recording.
    thanks = BANK.with_name("bank.md").read_text("utf-8")
    assert thanks.count("\n- ") == bank.groups.max() + 1
