"""The paper's networks at the paper's size, through the check that every export must pass."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from edge_asc.config.schema import load_preset
from edge_asc.data.labels import TAU_GROUPS, TAU_SCENES
from edge_asc.export import parity
from edge_asc.export.run import write_file
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.quantize import qat
from edge_asc.quantize.half import round_to_half
from edge_asc.runtime.metadata import Format, Metadata
from networks import Case
from taught import clips, taught_graph

N_MELS, N_FRAMES = 256, 251

# `full` itself is exported in test_import_public.py. Random weights would not do: so deep, they
# answer the same to all clips within one int8 step, and the check could not fail.
CASES = [
    Case("single", N_MELS, N_FRAMES, options={"unit": "leaky-relu"}),
    Case("conventional", N_MELS, N_FRAMES, 3, {"unit": "relu", "combine": "replace"}),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_export_agrees_at_the_papers_size(case: Case, tmp_path: Path) -> None:
    x, _ = clips(4, N_MELS, N_FRAMES, seed=0)
    graph = taught_graph(case, n_steps=1, n_clips=10)
    int8 = qat.freeze(qat.prepare(GraphNetwork(graph).eval(), [x]))
    assert spread(int8, x) > parity.MOST_STEPS
    graphs = {"float32": graph, "float16": round_to_half(graph), "int8": int8}
    for precision, written in graphs.items():
        metadata = Metadata(
            name=case.name,
            labels=list(TAU_SCENES),
            abstract_labels=list(TAU_GROUPS) if case.n_abstract else [],
            frontend=load_preset("amfm-full").front_end().to_dict(),
            clip_s=5.00003,
            precision=precision,
        )
        for file_format in get_args(Format):
            path = tmp_path / f"{precision}.{file_format}"
            path.write_bytes(write_file(written, metadata, file_format, N_FRAMES))
            parity.check(path.name, parity.compare(path, written, x[:, 0].numpy()))


@torch.no_grad()
def spread(graph: Graph, x: torch.Tensor) -> float:
    """Steps between the least and the greatest logit of a scene over clips, on average."""
    scene, *_ = GraphNetwork(graph).eval()(x)
    step = graph.grids[graph.outputs["scene"]].scale
    return float((scene.amax(0) - scene.amin(0)).mean()) / step
