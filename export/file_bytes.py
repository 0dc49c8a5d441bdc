"""What a run's file would take with some layers in four bits, before it is trained on."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import get_args

from edge_asc.graph.graph import Graph
from edge_asc.runtime.metadata import Format
from edge_asc.training.run_folder import Run, provenance, read_run


def of_layers(run: Path) -> Callable[[Sequence[int]], int]:
    """A function from the layers of four bits to the bytes of the larger of both formats.

    The run's description and network are read when it is called first, its metadata as they are in
    a mixed file.
    """

    @cache
    def known() -> tuple[Run, Graph]:
        from edge_asc.quantize.run import float_network  # seldom needed, and then once

        description = read_run(run)
        return description, float_network(run, description).graph

    def size(narrow: Sequence[int]) -> int:
        from edge_asc.export.run import model_metadata, write_file
        from edge_asc.quantize import qat

        description, graph = known()
        made_by = {"method": "qat", "provenance": provenance()}  # "ptq" takes as many bytes
        rule = description.settings().rule
        metadata = model_metadata(run, description, "mixed", rule, quantised_with=made_by)
        quantised = qat.dummy_quantised(graph, narrow)
        n_frames = description.n_frames
        return max(len(write_file(quantised, metadata, f, n_frames)) for f in get_args(Format))

    return size
