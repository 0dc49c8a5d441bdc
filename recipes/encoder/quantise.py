"""The taught encoder as an int8 file: its grids learn from the same answers of the teachers.

    quantise.py OUT FILE.tflite [--windows N] [--rate R] [--name NAME]

OUT is a folder of train.py. The windows come from its rings. In the file the embedding has length
1, which the regression does not ask for: heads learn more from its direction alone (RESULTS.md).
Letters: B windows, D numbers.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sounds import Mixing
from spectra import FRONT_END, RATE_HZ, WINDOW_FRAMES, WINDOW_SAMPLES
from student import Average, Checkpoint, Student
from torch import Tensor, nn
from windows import Ring

from edge_asc.export import parity
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.files import atomic_write
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.fold import fold
from edge_asc.graph.graph import FIXED_GRIDS, Graph, Node, per_channel
from edge_asc.graph.integers import quantise_node
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.quantize import qat
from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json
from edge_asc.training.run_folder import provenance

BATCH = 64
CALIBRATION_BATCHES = 8
PARITY_WINDOWS = 32
AVERAGE = 0.99
EVERY = 50  # steps between two lines


class Windows:
    """Normalised features `[B, 1, M, F]` and answers `[B, D]` from the rings of a run."""

    def __init__(self, out: Path, kept: Checkpoint, front_end: FrontEnd, seed: int) -> None:
        settings = kept.settings
        size = sum(settings["answers"])
        folders = sorted(out.glob("ring*"))
        self.rings = [Ring(folder, settings["capacity"], size) for folder in folders]
        self.front_end, self.rng = front_end, np.random.default_rng((seed, 3))

    def draw(self, batch: int = BATCH) -> tuple[Tensor, Tensor]:
        """Random windows of a random ring."""
        raw, answers = self.rings[self.rng.integers(len(self.rings))].draw(batch, self.rng)
        mean, std = (torch.tensor(v)[:, None] for v in (self.front_end.mean, self.front_end.std))
        return (raw - mean) / std, answers


def train(network: GraphNetwork, head: nn.Linear, windows: Windows, n: int, rate: float) -> None:
    """Go on regressing with rounding in place; leaves the moving average in the network."""
    both = nn.ModuleList([network, head])
    optimizer = torch.optim.Adam(both.parameters(), rate)
    steps, started = n // BATCH, time.time()
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, steps)
    average = Average(both, AVERAGE)
    losses = []
    for step in range(1, steps + 1):
        features, answers = windows.draw()
        (embedding,) = network(features)
        loss = (head(embedding) - answers).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update(both)
        losses.append(float(loss.detach()))
        if step % EVERY == 0:
            print(f"{step * BATCH} {time.time() - started:.0f} s {np.mean(losses[-EVERY:]):.4f}",
                  flush=True)  # fmt: skip
    both.load_state_dict(average.state)


def with_length_1(graph: Graph) -> Graph:
    """A quantised graph whose output is divided by its length."""
    ((name, value),) = graph.outputs.items()
    unit = "unit"
    nodes = [*graph.nodes, Node("l2_normalise", (value,), (unit,))]
    grids = graph.grids | {unit: FIXED_GRIDS["l2_normalise"]}
    return replace(graph, nodes=nodes, outputs={name: unit}, grids=grids)


def with_one_scale(graph: Graph) -> Graph:
    """A quantised graph whose standardised embeddings have one scale for all channels.

    With a scale a channel these factors take 16 bytes each of the file and the rest 5. Coarser
    factors and offsets are no loss to heads that are taught on what the file answers.
    """
    graph = replace(graph, nodes=[replace(node) for node in graph.nodes])
    for node in graph.nodes:
        weight = node.tensors.get("weight")
        if node.op == "conv" and weight is not None and weight.shape[1:] == (1, 1, 1):
            scale, grid = node.tensors["weight_scale"], graph.grids[node.inputs[0]]
            real = weight * per_channel(scale, 4)
            node.tensors = {"weight": real, "bias": node.tensors["bias"] * scale * grid.scale}
            node.attributes = dict(node.attributes)
            quantise_node(node, np.full(len(real), np.abs(real).max() / 127), grid)
    return graph


def file_bytes(graph: Graph, front_end: FrontEnd, kept: Checkpoint, name: str = "encoder") -> bytes:
    """The model file; its output `scene` is the embedding, number by number."""
    _, of_esc10, _ = kept.settings.get("shares", Mixing.shares)
    heard = "ambience and ESC-10" if of_esc10 else "ambience"
    size = graph.shapes(WINDOW_FRAMES)[graph.outputs["scene"]][0]
    made = provenance()
    metadata = Metadata(
        name=name,
        labels=[f"e{number}" for number in range(size)],
        frontend=front_end.to_dict(),
        clip_s=WINDOW_SAMPLES / RATE_HZ,
        precision="int8",
        provenance={"windows": kept.training["seen"], "date": made.get("date"),
                    "data_licence": f"{heard} (CC0, CC BY), teacher YAMNet (Apache-2.0)",
                    "git": made.get("git"), "edge_asc": made.get("edge_asc")},
    )  # fmt: skip
    return to_tflite(graph, WINDOW_FRAMES, {METADATA_KEY: metadata_to_json(metadata)})


def front_end_of(student: Student) -> FrontEnd:
    """The front end with the statistics that the student learned with."""
    mean, std = (student.get_buffer(name).flatten().numpy() for name in ("mean", "std"))
    return FRONT_END.with_statistics(mean, std)


def main() -> None:
    """Quantise, train on, write, compare."""
    parser = argparse.ArgumentParser(description="int8 file of a taught encoder")
    parser.add_argument("out", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--windows", type=int, default=64_000)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--plain", action="store_true", help="embeddings as long as they are")
    parser.add_argument("--name", default="encoder", help="that the file says it has")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    kept = Checkpoint.load(args.out / "student.ckpt")
    student = kept.student()
    front_end = front_end_of(student)
    windows = Windows(args.out, kept, front_end, kept.settings["seed"])
    folded = GraphNetwork(fold(trace(student.encoder, FRONT_END.n_mels)))
    batches = [windows.draw()[0] for _ in range(CALIBRATION_BATCHES)]
    network = qat.prepare(folded, batches)
    train(network, student.head, windows, args.windows, args.rate)
    graph = qat.freeze(network.eval())
    if not args.plain:
        graph = with_length_1(with_one_scale(graph))
    data = file_bytes(graph, front_end, kept, args.name)
    with atomic_write(args.file) as temporary:
        temporary.write_bytes(data)
        result = parity.compare(temporary, graph, windows.draw(PARITY_WINDOWS)[0][:, 0].numpy())
        parity.check(args.file.name, result)
    print(f"{args.file}: {len(data):,} bytes; {result}")


if __name__ == "__main__":
    main()
