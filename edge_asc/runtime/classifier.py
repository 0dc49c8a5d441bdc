"""A model file that answers: `Classifier.load(path).predict(features)`.

The file says everything about itself (labels, front end, window); which runtime runs it is chosen
by its format, or by name, and is always told: `Classifier.runtime`, `Classifier.description`.
"""

import hashlib
import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.install import add_package
from edge_asc.runtime.answers.answer import Answer, Prediction
from edge_asc.runtime.answers.embedding import Embedder
from edge_asc.runtime.answers.hear import Audio, embed, hear
from edge_asc.runtime.answers.stream import Stream
from edge_asc.runtime.metadata import (
    Calibration,
    Format,
    Metadata,
    check_views,
    file_format,
    metadata_of,
    one_line,
)
from edge_asc.runtime.sessions import OPENERS, Session
from edge_asc.runtime.trust.trial import try_file
from edge_asc.runtime.tta import mean_logits, shifts
from edge_asc.suggest import no_such

ID_DIGITS = 8  # of a file's SHA-256, hexadecimal
log = logging.getLogger(__name__)
NO_SCENES = "an encoder, which knows no scenes: edge-asc teach"


@dataclass(frozen=True)
class Runtime:
    """An inference library.

    Args:
        package: its name on the package index.
        module: its name in `import`.
        format: of the files it runs.
        open: makes a session of a file's bytes and a number of threads.
    """

    package: str
    module: str
    format: Format
    open: Callable[[bytes, int], Session]

    @property
    def version(self) -> str | None:
        """Of the installed package; None when it is not installed."""
        if not self.installed:
            return None
        if found := getattr(sys.modules.get(self.module), "__version__", None):
            return str(found)  # much quicker than to look up the package's metadata
        return version_of(self.package) or "of unknown version"

    @property
    def installed(self) -> bool:
        """Whether the package is there; whether it works is another matter."""
        return self.module in sys.modules or importlib.util.find_spec(self.module) is not None

    @property
    def problem(self) -> str | None:
        """Why it cannot be used here; None when it can."""
        if not self.installed:
            return f"not installed ({add_package(self.package)})"
        numpy_2 = int(np.__version__.split(".")[0]) >= 2
        if self.module == "tflite_runtime" and numpy_2:
            # Its import succeeds and the first Interpreter() dies in a SystemError.
            return f"needs numpy < 2, found numpy {np.__version__} ({add_package('numpy<2')})"
        return None


def version_of(package: str) -> str | None:
    """The installed version of a package; None where there is none."""
    import importlib.metadata  # takes as long as the rest of this module

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# In order of preference for their format.
RUNTIMES: dict[str, Runtime] = {
    "litert": Runtime("ai-edge-litert", "ai_edge_litert", "tflite", OPENERS["litert"]),
    "tflite": Runtime("tflite-runtime", "tflite_runtime", "tflite", OPENERS["tflite"]),
    "onnxruntime": Runtime("onnxruntime", "onnxruntime", "onnx", OPENERS["onnxruntime"]),
}


def choose_runtime(file_format: Format, name: str | None = None) -> str:
    """The named runtime, or the first installed one that runs files of this format.

    An installed runtime that cannot be used is an error, not a reason to take the next one.

    Raises:
        ValueError: an unknown name, or no usable runtime; says what to install.
    """
    if name is not None and name not in RUNTIMES:
        raise ValueError(no_such("runtime", name, RUNTIMES))
    fitting = [n for n, r in RUNTIMES.items() if r.format == file_format]
    if name is not None and name not in fitting:
        raise ValueError(f"{name} does not run .{file_format} files ({' or '.join(fitting)} does)")
    chosen = name or next((n for n in fitting if RUNTIMES[n].installed), fitting[0])
    problem = RUNTIMES[chosen].problem
    if problem:
        raise ValueError(f"runtime {chosen}: {problem}")
    return chosen


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities `[..., S]`, float64, of logits `[..., S]`; flatter the higher the temperature.

    The order of the classes is the same at every temperature.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


class Classifier:
    """A loaded model file that says what sounds are; use one per thread.

    Attributes:
        labels: scenes, in the order of the probabilities; an encoder has none.
        window_s: seconds of sound that it hears at once.
        size_bytes: of the file.
        id: which file it is: its name and the beginning of its SHA-256, as `kitchen-1a2b3c4d`.
        frontend: its features.
        runtime: the inference library that runs it.

    Example:
        >>> clf = ea.load("esc10-32k")
        >>> len(clf.labels), clf.window_s, clf.size_bytes < 33_000
        (10, 5.0, True)
        >>> clf("dog.wav").top(2)  # doctest: +ELLIPSIS
        [('...', 0...), ('...', 0...)]
        >>> samples = np.zeros(44100, np.float32)
        >>> clf(samples, sample_rate_hz=44100).label in clf.labels
        True
        >>> clf.embed("dog.wav").shape
        (26,)
    """

    def __init__(
        self,
        path: Path,
        metadata: Metadata,
        runtime: str,
        session: Session,
        content: bytes,
        views: int | None = None,
    ) -> None:
        self.path = path
        self.id = f"{metadata.name}-{hashlib.sha256(content).hexdigest()[:ID_DIGITS]}"
        self.metadata = metadata
        self.views = metadata.views if views is None else views
        self.frontend = FrontEnd.from_dict(metadata.frontend)
        self.runtime = runtime
        self.runtime_version = RUNTIMES[runtime].version or ""
        self.labels, self.window_s = metadata.labels, metadata.clip_s
        self.file_bytes = self.size_bytes = len(content)
        self._session = session

    @classmethod
    def load(
        cls,
        path: str | Path,
        runtime: str | None = None,
        threads: int = 1,
        views: int | None = None,
        *,
        scenes: bool = True,
    ) -> "Classifier":
        """Open a `.tflite` or `.onnx` file made by `edge-asc export`.

        Args:
            path: the file.
            runtime: a key of `RUNTIMES`; by default the file's format chooses.
            threads: of the runtime's kernels.
            views: how often each window is heard (`edge_asc.runtime.tta`); None: as the file says.
            scenes: refuse an encoder, which knows none and can only `embed`.

        Raises:
            ValueError: not such a file, or no runtime for it.
            OSError: the file cannot be read.
        """
        path = Path(path)
        check_views(1 if views is None else views)
        content = path.read_bytes()  # once: another file may take its place at any moment
        metadata = metadata_of(content, str(path))
        if scenes and metadata.kind == "encoder":
            raise ValueError(f"{path}: {NO_SCENES}")
        try:
            name = choose_runtime(file_format(content), runtime)
            started_s = time.perf_counter()
            try_file(path, content, name, metadata)
            session = RUNTIMES[name].open(content, threads)
        except Exception as error:  # each runtime has exceptions of its own, without a common base
            raise ValueError(f"{path}: {one_line(error)}") from error
        took_ms = 1000 * (time.perf_counter() - started_s)
        log.info("%s on %s, threads: %d, opened in %.0f ms", path, name, threads, took_ms)
        return cls(path, metadata, name, session, content, views)

    @property
    def window_samples(self) -> int:
        """Length of the window that the model was trained on."""
        return round(self.window_s * self.frontend.sample_rate_hz)

    @property
    def window_frames(self) -> int:
        """Frames of that window."""
        return self.frontend.frames_in(self.window_s)

    @property
    def temperatures(self) -> tuple[float, float]:
        """Of the scenes and of the abstract classes; 1 where the file was not calibrated."""
        given = self.metadata.calibration or Calibration()
        return given.temperature, given.abstract_temperature

    @property
    def threshold(self) -> float | None:
        """Probability below which an answer is better not given; None where nobody chose one."""
        return self.metadata.calibration.threshold if self.metadata.calibration else None

    @property
    def description(self) -> str:
        """Model, precision, size and runtime in one line."""
        return (
            f"{self.id} ({self.metadata.precision}, {self.file_bytes:,} bytes)"
            f" on {self.runtime} {self.runtime_version}"
        )

    def __call__(
        self, audio: Audio, sample_rate_hz: int | None = None, *, hop_s: float | None = None
    ) -> Answer:
        """Say what a sound of any length is: the mean over its windows.

        Args:
            audio: a file's path, or floating-point samples `[N]` or `[N, channels]`, full scale 1.
            sample_rate_hz: of samples; a file has its own.
            hop_s: seconds from one window to the next; None: half a window.

        Raises:
            ValueError: unusable sound (`AudioError` of a file), no rate with samples, a bad hop.
        """
        return hear(self, audio, sample_rate_hz, hop_s)

    def embed(
        self, audio: Audio, sample_rate_hz: int | None = None, *, hop_s: float | None = None
    ) -> np.ndarray:
        """What the network's last layer reads, `[D]` float32, averaged over the sound's windows.

        Of an encoder, what it gives.

        Arguments as of a call. A window is heard once, whatever `views` says.

        Raises:
            ValueError: as a call, or an `.onnx` file, whose runtime keeps no tensors.
        """
        return embed(self, self._embedder, audio, sample_rate_hz, hop_s)

    @cached_property
    def _embedder(self) -> Callable[[np.ndarray], np.ndarray]:
        if self.metadata.kind == "encoder":
            return lambda features: self._session.run(features)["scene"]
        return Embedder(self.path, self.runtime)

    def stream(self, hop_s: float | None = None, sample_rate_hz: int | None = None) -> Stream:
        """Answers to sound that arrives in blocks; see `Stream`.

        Args:
            hop_s: seconds from one window to the next; None: half a window.
            sample_rate_hz: of the blocks; None: the model's.
        """
        return Stream(self, hop_s, sample_rate_hz)

    def logits(self, features: np.ndarray) -> tuple[np.ndarray, ...]:
        """Scene logits `[S]` and, where the model has them, abstract logits `[A]`, float32.

        A file that knows of other sounds (`Metadata.others`) has their logits behind those of S.

        Of several views, the logits of their mean probabilities.

        Args:
            features: `[M, F]`, normalised (`FrontEnd.features` or `FrontEnd.normalize`).

        Raises:
            ValueError: wrong shape, NaN or Inf in it, or a length that the file does not take.
        """
        n_mels = self.frontend.n_mels
        if features.ndim != 2 or features.shape[0] != n_mels or features.shape[1] == 0:
            raise ValueError(f"features {list(features.shape)}: the model takes [{n_mels}, frames]")
        if not np.isfinite(features).all():
            raise ValueError("features hold NaN or Inf")
        only = self.metadata.frames
        if only is not None and features.shape[1] != only:
            takes = f"a static file, which takes {only} frames ({self.window_s:g} s) at once"
            raise ValueError(f"{self.path}: {takes}, not {features.shape[1]}")
        moved = (np.roll(features, shift, 1) for shift in shifts(features.shape[1], self.views))
        return tuple(mean_logits(head) for head in zip(*map(self._outputs, moved), strict=True))

    def _outputs(self, features: np.ndarray) -> tuple[np.ndarray, ...]:
        """Logits of one view."""
        try:
            outputs = self._session.run(features)
        except Exception as error:  # see load()
            what = f"{self.path}: {self.runtime}, {features.shape[1]} frames"
            raise ValueError(f"{what}: {one_line(error)}") from error
        return tuple(self._checked(outputs, *head) for head in self._heads())

    def predict(self, features: np.ndarray) -> Prediction:
        """Probabilities of normalised features `[M, F]`; raises like `logits`."""
        return self.prediction(self.logits(features))

    def prediction(self, logits: Sequence[np.ndarray]) -> Prediction:
        """Probabilities of what `logits` gave, at the file's temperatures.

        Those of the labels fall short of 1 by what `Metadata.others` got.
        """
        pairs = zip(logits, self.temperatures, strict=False)
        scene, *abstract = (softmax(one, temperature) for one, temperature in pairs)
        return Prediction(scene[: len(self.labels)], abstract[0] if abstract else None)

    def _heads(self) -> list[tuple[str, int]]:
        if self.metadata.kind == "encoder":
            raise ValueError(f"{self.path}: {NO_SCENES}")
        heads = [
            ("scene", len(self.metadata.labels) + self.metadata.others),
            ("abstract", len(self.metadata.abstract_labels)),
        ]
        return [head for head in heads if head[1]]

    def _checked(self, outputs: dict[str, np.ndarray], name: str, n: int) -> np.ndarray:
        found = outputs.get(name)
        if found is None or found.shape != (n,):
            what = "absent" if found is None else f"of shape {list(found.shape)}"
            raise ValueError(f"{self.path}: output {name!r} is {what}, its labels say [{n}]")
        return found
