"""Model files of small networks, with inputs and the logits torch computes for them.

    python make_files.py FOLDER

Runs where torch is. For each network and precision: `NAME-PRECISION.tflite`, `.onnx` and `.npz`;
`check_files.py` holds other runtimes to them. `clip.wav` is something to classify.
"""

import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "support/networks"))
from edge_asc.budget.tflite.schema import read_subgraphs
from edge_asc.config.schema import load_preset
from edge_asc.export.run import write_file
from edge_asc.export.tflite.operators import OPERATORS
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.quantize import qat
from edge_asc.quantize.four_bits import layers_of_four_bits
from edge_asc.quantize.half import round_to_half
from edge_asc.runtime.metadata import Format, Metadata, Precision
from networks import ANY_LENGTH, CASES, Case
from taught import clips, taught_graph

FORMATS: tuple[Format, ...] = get_args(Format)
N_CLIPS = 20
OTHER_LENGTH = 77  # frames; odd, so that pooling keeps a last column
SHIPPED = load_preset("compact-int8")
# True widths: the bottlenecks of its attention are as narrow as those of the files that ship.
WIDTHS = Case("compact", 128, 100, 3, SHIPPED.model.options)
OPERATORS_OF_ALL = Case("all_operators:Operators", 24, 51)
ROOTS = Case("all_operators:Roots", 24, 50)
NETWORKS: dict[str, Case] = {
    **{str(case): case for case in CASES},
    "compact-int8-widths": WIDTHS,
    "operators": OPERATORS_OF_ALL,
    "roots": ROOTS,
}


def deployment_graphs(case: Case) -> dict[Precision, Graph]:
    """The graph that a file of each precision holds; integers without training on."""
    graph = taught_graph(case)
    graphs: dict[Precision, Graph] = {"float32": graph, "float16": round_to_half(graph)}
    if case is not ROOTS:  # which has no form in integers
        x, _ = clips(N_CLIPS, case.n_mels, case.n_frames, seed=100)
        graphs["int8"] = qat.freeze(qat.prepare(GraphNetwork(graph), [x]))
        narrow = layers_of_four_bits(graph)
        graphs["int4"] = qat.freeze(qat.prepare(GraphNetwork(graph), [x], narrow))
    return graphs


def front_end(n_mels: int) -> FrontEnd:
    """Features of the network's height; 10 ms from frame to frame."""
    return FrontEnd(16000, 512, 400, 160, n_mels, normalization="clip")


def metadata(name: str, case: Case, precision: Precision) -> Metadata:
    """What the files say of themselves: the window is as long as the network's input."""
    return Metadata(
        name=name,
        labels=[f"scene {i}" for i in range(10)],
        abstract_labels=[f"class {i}" for i in range(case.n_abstract)],
        frontend=front_end(case.n_mels).to_dict(),
        clip_s=(case.n_frames - 1) / 100,
        precision=precision,
    )


def lengths(case: Case) -> list[int]:
    """Frames to try; a flattened layer fixes them."""
    any_length = case.name in ANY_LENGTH or case in (OPERATORS_OF_ALL, ROOTS)
    return [case.n_frames, OTHER_LENGTH] if any_length else [case.n_frames]


@torch.no_grad()
def reference(case: Case, graph: Graph) -> dict[str, np.ndarray]:
    """Inputs `x/FRAMES` `[N, M, F]`, logits `NAME/FRAMES` `[N, S]`, int8 steps `NAME/step`."""
    network, found = GraphNetwork(graph).eval(), {}
    for n_frames in lengths(case):
        x, _ = clips(N_CLIPS, case.n_mels, n_frames, seed=101)
        found[f"x/{n_frames}"] = x[:, 0].numpy()
        for name, logits in zip(graph.outputs, network(x), strict=True):
            found[f"{name}/{n_frames}"] = logits.numpy()
    if graph.is_quantised:
        steps = {name: graph.grids[value].scale for name, value in graph.outputs.items()}
        found |= {f"{name}/step": np.array(step) for name, step in steps.items()}
    return found


def write(folder: Path, name: str, case: Case) -> None:
    """All files of one network."""
    for precision, graph in deployment_graphs(case).items():
        stem = folder / f"{name}-{precision}"
        for file_format in FORMATS:
            data = write_file(graph, metadata(name, case, precision), file_format, case.n_frames)
            stem.with_suffix(f".{file_format}").write_bytes(data)
        arrays: dict[str, Any] = reference(case, graph)
        np.savez(stem.with_suffix(".npz"), **arrays)


def never_tried(folder: Path) -> set[str]:
    """Operators that files of ours may have and none of these has."""
    files = (path.read_bytes() for path in folder.glob("*.tflite"))
    tried = {one.name for data in files for one in read_subgraphs(data)[0].operators}
    return set(OPERATORS) - tried


def main(folder: Path) -> None:
    """Fill the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in NETWORKS.items():
        write(folder, name, case)
    if left := never_tried(folder):
        raise SystemExit(f"no network here needs {', '.join(sorted(left))}: add one that does")
    noise = np.random.default_rng(0).normal(scale=0.1, size=3 * 44100)
    soundfile.write(folder / "clip.wav", noise, 44100)
    print(f"{len(NETWORKS)} networks written to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
