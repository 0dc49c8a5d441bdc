"""What a head is taught upon: the part of an int8 .tflite file that turns features into embeddings.

Letters: M mels, F frames, D numbers of an embedding.
"""

import threading
from os import PathLike
from pathlib import Path

import numpy as np

from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.windows import slide_starts
from edge_asc.graph.digest import digest_of
from edge_asc.graph.trunk import SCENE, read_trunk
from edge_asc.runtime.classifier import RUNTIMES, choose_runtime
from edge_asc.runtime.sessions import Session
from edge_asc.runtime.trust.trial import try_file
from edge_asc.runtime.zoo.models import FOLDER, model_path

NAME = "encoder"
OWN = FOLDER / NAME / f"{NAME}.tflite"  # that comes along


class Encoder:
    """Embeddings of features; may be called from several threads.

    Attributes:
        name: of the file's network, or of that which it was taught upon.
        digest: SHA-256 of what it computes: the same for a file that was taught upon it.
        graph: without the head; its output `scene` is the embedding.
        n_frames: that its input is declared with.
        frontend: its features.
        window_s: seconds of sound it hears at once.
        precision: of its weights, as its file says.

    Raises:
        ValueError: no .tflite file of ours in integers, or its last layer cannot be taken off.
        OSError: the file cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        path = Path(path)
        self._trunk = read_trunk(path)
        self.graph, self.n_frames = self._trunk.graph, self._trunk.n_frames
        metadata = self._trunk.metadata
        taught = metadata.provenance.get("taught")
        self.name = (
            taught.get("encoder", metadata.name) if isinstance(taught, dict) else metadata.name
        )
        self.frontend = FrontEnd.from_dict(metadata.frontend)
        self.window_s, self.precision = metadata.clip_s, metadata.precision
        self._content = to_tflite(self.graph, self.n_frames)
        self.digest = digest_of(self.graph)
        name = choose_runtime("tflite")
        self._runtime = RUNTIMES[name]
        try_file(path, self._content, name, metadata)
        self._own = threading.local()

    @property
    def value(self) -> str:
        """The graph's value that is the embedding."""
        return self._trunk.value

    @property
    def size(self) -> int:
        """D."""
        return self._trunk.size

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


def find_encoder(encoder: str | PathLike[str] | None = None) -> Encoder:
    """The encoder of a file or of a name of the zoo; None: the one that comes along.

    Raises:
        ValueError, OSError: as `Encoder`; no such file or name.
    """
    return Encoder(OWN if encoder is None else model_path(encoder))
