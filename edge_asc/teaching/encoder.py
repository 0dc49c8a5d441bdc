"""What a head is taught upon: the part of an int8 .tflite file that turns features into embeddings.

An encoder's file ends there. Of a classifier's file the last layer is taken off.
Letters: M mels, F frames, D numbers of an embedding.
"""

import hashlib
import threading
from os import PathLike
from pathlib import Path

import numpy as np

from edge_asc.export.from_tflite import from_tflite
from edge_asc.export.to_tflite import to_tflite
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.windows import slide_starts
from edge_asc.graph.graph import Graph, Node
from edge_asc.runtime.classifier import RUNTIMES, choose_runtime
from edge_asc.runtime.metadata import file_format, metadata_of
from edge_asc.runtime.sessions import Session
from edge_asc.runtime.zoo.models import FOLDER, model_path

NAME = "encoder"
OWN = FOLDER / NAME / f"{NAME}.tflite"  # that comes along
SCENE = "scene"


class Encoder:
    """Embeddings of features; may be called from several threads.

    Attributes:
        name: of the file's network, or of that which it was taught upon.
        digest: SHA-256 of what it computes: the same for a file that was taught upon it.
        graph: without the head; its output `scene` is the embedding.
        n_frames: that its input is declared with.
        frontend: its features.
        window_s: seconds of sound it hears at once.

    Raises:
        ValueError: no .tflite file of ours, not int8, or one whose last layer cannot be taken off.
        OSError: the file cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        path = Path(path)
        data = path.read_bytes()
        metadata = metadata_of(data, str(path))
        if file_format(data) != "tflite":
            raise ValueError(f"{path}: no .tflite file, which alone can be taught upon")
        graph, self.n_frames = from_tflite(data)
        if not graph.is_quantised:
            raise ValueError(f"{path}: is {metadata.precision}; an int8 file can be taught upon")
        self.graph = graph if metadata.kind == "encoder" else without_head(graph, str(path))
        taught = metadata.provenance.get("taught")
        self.name = taught["encoder"] if isinstance(taught, dict) else metadata.name
        self.frontend = FrontEnd.from_dict(metadata.frontend)
        self.window_s = metadata.clip_s
        self._content = to_tflite(self.graph, self.n_frames)
        self.digest = hashlib.sha256(self._content).hexdigest()
        self._runtime = RUNTIMES[choose_runtime("tflite")]
        self._own = threading.local()

    @property
    def value(self) -> str:
        """The graph's value that is the embedding."""
        return self.graph.outputs[SCENE]

    @property
    def size(self) -> int:
        """D."""
        return self.graph.shapes(self.n_frames)[self.value][0]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The embedding `[D]` of normalised features `[M, F]`, float32."""
        if not hasattr(self._own, "session"):
            self._own.session = self._runtime.open(self._content, 1)
        session: Session = self._own.session
        return session.run(features)[SCENE]

    def windows(self, audio: np.ndarray) -> list[np.ndarray]:
        """Raw features `[M, F]` of the windows that a file's answer is averaged over.

        Args:
            audio: samples `[N]`; less than a window is filled up with silence.
        """
        least = round(self.window_s * self.frontend.sample_rate_hz)
        filled = np.concatenate([audio, np.zeros(max(0, least - len(audio)), audio.dtype)])
        raw, width = self.frontend.raw(filled), self.frontend.n_frames(least)
        starts = slide_starts(raw.shape[1], width, max(1, width // 2))
        return [raw[:, start : start + width] for start in starts]

    def embeddings(self, audio: np.ndarray) -> np.ndarray:
        """Embeddings `[W, D]` of all windows of a sound `[N]`, float32."""
        found = [self(self.frontend.normalize(window)) for window in self.windows(audio)]
        return np.stack(found)


def without_head(graph: Graph, name: str = "model") -> Graph:
    """A classifier's graph up to what its last layer reads.

    Raises:
        ValueError: that layer is not linear, or reads mels and frames.
    """
    last = graph.producer(graph.outputs[SCENE])
    if last is None or last.op != "linear":
        raise ValueError(f"{name}: its last layer is not linear, so it cannot be taken off")
    (value,) = last.inputs
    before = graph.producer(value)
    if before is not None and before.op == "flatten" and graph.has_fixed_length(1_000):
        raise ValueError(f"{name}: its last layer reads mels and frames; it takes one length alone")
    kept = _upstream(graph, value)
    used = {v for node in kept for v in (*node.inputs, *node.outputs)}
    grids = {v: grid for v, grid in graph.grids.items() if v in used}
    return Graph(kept, graph.input, graph.n_mels, {SCENE: value}, grids)


def _upstream(graph: Graph, value: str) -> list[Node]:
    """The nodes that a value needs, in their order."""
    needed, kept = {value}, []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            needed |= set(node.inputs)
            kept.append(node)
    return kept[::-1]


def find_encoder(encoder: str | PathLike[str] | None = None) -> Encoder:
    """The encoder of a file or of a name of the zoo; None: the one that comes along.

    Raises:
        ValueError, OSError: as `Encoder`; no such file or name.
    """
    return Encoder(OWN if encoder is None else model_path(encoder))
