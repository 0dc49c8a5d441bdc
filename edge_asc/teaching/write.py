"""The head behind the encoder, in int8, as one file; and whether the file does what the head says.

Letters: D numbers of an embedding, S classes; output S stands for all other sounds.
"""

import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import DEFAULT_RULE, RULES, enforce
from edge_asc.evaluation.predictors import in_parallel
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.files import atomic_write
from edge_asc.graph.graph import Graph, Grid, Node
from edge_asc.graph.integers import quantise_node
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json
from edge_asc.runtime.sessions import dequantize, quantize
from edge_asc.teaching.encoder import SCENE, Encoder
from edge_asc.teaching.head import Head
from edge_asc.teaching.listen import Heard, OnProgress, loud_pieces

LOGITS = "logits"
MARGIN = 0.1  # of the range of logits, at both ends: sounds to come are not those of today
LEVELS = 255
# Largest difference of a logit. The kernel rounds what lies halfway to either side. ONNX Runtime
# has other kernels for the encoder too; `edge_asc.export.parity` allows as much.
MOST_STEPS = {".tflite": 1.01, ".onnx": 6.01}


class HeadDiffers(ValueError):
    """A file that does not compute its head; it was not written."""


@dataclass(frozen=True)
class IntegerHead:
    """The head as the file has it: int8 weights, int32 biases, int8 logits."""

    node: Node
    source: Grid
    grid: Grid

    @classmethod
    def of(cls, head: Head, embeddings: np.ndarray, source: Grid, value: str) -> "IntegerHead":
        """Round a head; its logits' grid covers those of the embeddings `[N, D]`."""
        logits = head(embeddings)
        low, high = min(float(logits.min()), 0.0), max(float(logits.max()), 0.0)
        wider = MARGIN * (high - low)
        scale = (high - low + 2 * wider) / LEVELS
        zero_point = round(-128 - (low - wider) / scale)
        tensors = {"weight": head.weight.astype(np.float32), "bias": head.bias.astype(np.float32)}
        node = Node("linear", (value,), (LOGITS,), {"relu": False}, tensors)
        scales = (np.abs(head.weight).max(1) / 127).astype(np.float32)
        quantise_node(node, np.maximum(scales, np.float32(1e-12)), source)
        return cls(node, source, Grid(float(np.float32(scale)), zero_point))

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Logits `[N, S + 1]` of embeddings `[N, D]` that lie on the source's grid."""
        q = np.rint(embeddings / self.source.scale).astype(np.int64)
        t = self.node.tensors
        sums = q @ t["weight"].astype(np.int64).T + t["bias"]
        real = sums * (t["weight_scale"].astype(np.float64) * self.source.scale)
        numbers = quantize(real, self.grid.scale, self.grid.zero_point, np.int8)
        return dequantize(numbers, self.grid.scale, self.grid.zero_point)


def with_head(encoder: Encoder, head: IntegerHead) -> Graph:
    """The encoder's graph with the head as its last layer."""
    graph = deepcopy(encoder.graph)
    graph.nodes.append(head.node)
    graph.outputs = {SCENE: LOGITS}
    graph.grids[LOGITS] = head.grid
    return graph


def write(
    path: Path,
    encoder: Encoder,
    head: IntegerHead,
    metadata: Metadata,
    heard: Sequence[Heard],
    on_progress: OnProgress = lambda done, total: None,
    on_checked: Callable[[], Any] = lambda: None,
) -> tuple[int, float]:
    """Write the file, whole or not at all, after a look at what it computes on all clips.

    Args:
        path: of the file.
        encoder: on which it stands.
        head: behind that.
        metadata: what it says of itself.
        heard: clips to compare on, whose files are there.
        on_progress: called after each clip with those compared and all.
        on_checked: called before the file takes its place.

    Returns:
        Its bytes, and the largest difference of a logit from the head's, in steps.

    Raises:
        OverBudget: it breaks its size rule.
        HeadDiffers: it computes something else.
        OSError: it cannot be written.
    """
    entries = {METADATA_KEY: metadata_to_json(metadata)}
    data = _bytes(path.suffix, with_head(encoder, head), encoder.n_frames, entries)
    enforce(inventory_of_file(data, audio_s=metadata.clip_s, name=path.name), RULES[DEFAULT_RULE])
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
        steps = largest_steps(temporary, encoder, head, heard, on_progress)
        if not steps <= MOST_STEPS[path.suffix]:
            raise HeadDiffers(f"{path}: differs from the taught head by {steps:.1f} int8 steps")
        on_checked()
    return len(data), steps


def _bytes(suffix: str, graph: Graph, n_frames: int, entries: dict[str, bytes]) -> bytes:
    if suffix == ".tflite":
        return to_tflite(graph, n_frames, entries)
    from edge_asc.export.onnx.to_onnx import to_onnx  # onnx is not in the base installation

    return to_onnx(graph, n_frames, entries)


def largest_steps(
    path: Path,
    encoder: Encoder,
    head: IntegerHead,
    heard: Sequence[Heard],
    on_progress: OnProgress = lambda done, total: None,
) -> float:
    """Largest difference of a logit between a file and its head on the clips, in steps."""
    own = threading.local()  # a classifier serves one thread
    by_path = {one.clip.path: one for one in heard}

    def difference(clip: Path) -> float:
        if not hasattr(own, "file"):
            own.file = Classifier.load(path, views=1)
        sounds = loud_pieces(clip, encoder.frontend.sample_rate_hz)
        windows = (window for sound in sounds for window in encoder.windows(sound))
        said = np.stack([own.file.logits(encoder.frontend.normalize(w))[0] for w in windows])
        return float(np.abs(said - head(by_path[clip].plain)).max()) / head.grid.scale

    largest = 0.0
    for done, found in enumerate(in_parallel(difference, list(by_path)), 1):
        largest = max(largest, found)
        on_progress(done, len(by_path))
    return largest
