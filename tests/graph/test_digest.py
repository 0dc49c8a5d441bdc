"""A network's digest is that of what it computes."""

import numpy as np
import pytest

from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.digest import digest_of
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.quantize import qat
from networks import CASES

CASE = next(case for case in CASES if case.name == "slim")


def graph() -> Graph:
    return qat.dummy_quantised(CASE.graph())


def test_it_goes_through_a_file() -> None:
    """Whose values have other names, and whose grids are float32."""
    first, n_frames = from_tflite(to_tflite(graph(), CASE.n_frames))
    again, _ = from_tflite(to_tflite(first, n_frames + 7, {"note": b"of another"}))
    assert digest_of(again) == digest_of(first)


@pytest.mark.parametrize("change", ["weight", "grid", "order"])
def test_whatever_changes_an_answer_changes_it(change: str) -> None:
    before, after = digest_of(graph()), graph()
    layer = next(node for node in after.nodes if "weight" in node.tensors)
    if change == "weight":
        layer.tensors["weight"] = layer.tensors["weight"] + np.int8(1)
    elif change == "grid":
        name = layer.output
        after.grids[name] = type(after.grids[name])(after.grids[name].scale * 2, 0)
    else:
        two = next(node for node in after.nodes if len(node.outputs) == 2 or node.op == "concat")
        two.inputs = tuple(reversed(two.inputs))
        two.outputs = tuple(reversed(two.outputs))
    assert digest_of(after) != before
