"""Probabilities of clips, from a model file in its runtime or from a run in torch.

Letters: N clips, S scenes, A abstract classes, M mels, F frames. Both decode alike, cut the same
windows from raw features, normalise each window and average the probabilities over the windows;
they differ in who computes: numpy and an inference runtime, or torch.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge_asc.audio.decode import fit_length, load_audio, probe
from edge_asc.audio.microphones.filters import SimulatedMicrophone
from edge_asc.audio.pieces import excerpts, piece_starts
from edge_asc.audio.samples import Floats
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.windows import cut
from edge_asc.runtime.answers.answer import Prediction, mean_prediction
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Calibration

if TYPE_CHECKING:
    from torch import Tensor

BATCH_CLIPS = 32
LATENCY_RUNS = 20

OnClip = Callable[[], Any]
OnProgress = Callable[[int, int], Any]  # clips done, clips in all
TrainedOn = tuple[str | None, int | None]  # data set, fold held out


@dataclass(frozen=True)
class Hearing:
    """How clips are heard."""

    n_samples: int  # of the pieces that clips are heard in
    crops: str  # which windows of a clip: a key of `CROPS`
    on_clip: OnClip = lambda: None  # called after each
    microphone: SimulatedMicrophone | None = None  # through which they are heard


class Scorer(Protocol):
    """A model under evaluation."""

    labels: Sequence[str]  # scenes in the order of the probabilities
    abstract_labels: Sequence[str]  # classes of the abstract head, empty without one
    frontend: FrontEnd
    window_frames: int  # frames of one window
    clip_s: float  # seconds of one window
    views: int  # how often each window is heard (`edge_asc.runtime.tta`)
    trained_on: TrainedOn  # data set and fold held out, as far as the model says
    calibration: Calibration | None  # what its file says of its confidence

    def facts(self) -> dict[str, Any]:
        """What ran: model, runtime, size."""

    def predict(self, paths: Sequence[Path], hearing: Hearing) -> list[Prediction]:
        """Mean prediction over the windows of each clip."""


class FileScorer:
    """A `.tflite` or `.onnx` file; clips run in parallel, each on one thread."""

    def __init__(self, path: Path, runtime: str | None = None, views: int | None = None) -> None:
        self._path, self._own = path, threading.local()
        first = self._own.classifier = Classifier.load(path, runtime, views=views)
        self.description, self.views = first.description, first.views
        self._runtime = first.runtime  # also for the other threads: what ran is what is told
        self.labels: Sequence[str] = first.metadata.labels
        self.abstract_labels: Sequence[str] = first.metadata.abstract_labels
        self.frontend = first.frontend
        self.window_frames, self.clip_s = first.window_frames, first.metadata.clip_s
        trained = first.metadata.provenance
        self.trained_on: TrainedOn = (trained.get("dataset"), trained.get("fold"))
        self.calibration: Calibration | None = first.metadata.calibration

    def facts(self) -> dict[str, Any]:
        """Model, file, runtime, and the milliseconds of one window on one thread."""
        classifier = self._classifier()
        return {
            "model": classifier.metadata.name,
            "file": str(self._path),
            "file_bytes": classifier.file_bytes,
            "precision": classifier.metadata.precision,
            "seed": classifier.metadata.provenance.get("seed"),
            "runtime": classifier.runtime,
            "runtime_version": classifier.runtime_version,
            "window_latency_ms": latency_ms(classifier),
        }

    def predict(self, paths: Sequence[Path], hearing: Hearing) -> list[Prediction]:
        """Mean prediction over the windows of each clip."""
        clips = self.window_logits(paths, hearing)
        return [mean_prediction(self.predictions(windows)) for windows in clips]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of the scenes, `[S]`, for one window's normalised features `[M, F]`."""
        return self._classifier().predict(features).scene

    def predictions(self, windows: Sequence[tuple[np.ndarray, ...]]) -> list[Prediction]:
        """Probabilities of what `window_logits` gave for a clip."""
        return [self._classifier().prediction(logits) for logits in windows]

    def window_logits(
        self, paths: Sequence[Path], hearing: Hearing
    ) -> list[list[tuple[np.ndarray, ...]]]:
        """Logits of each head, of every window of each clip."""

        def of_one(path: Path) -> list[tuple[np.ndarray, ...]]:
            pieces = map(self.frontend.raw, read_clip(path, self.frontend, hearing))
            windows = (w for raw in pieces for w in cut(raw, self.window_frames, hearing.crops))
            return [self._classifier().logits(self.frontend.normalize(w)) for w in windows]

        # Threads are enough: decoding, numpy's transforms and the runtimes all release the lock.
        found = []
        for logits in in_parallel(of_one, paths):
            found.append(logits)
            hearing.on_clip()
        return found

    def _classifier(self) -> Classifier:
        if not hasattr(self._own, "classifier"):
            self._own.classifier = Classifier.load(self._path, self._runtime, views=self.views)
        classifier: Classifier = self._own.classifier
        return classifier


class RunScorer:
    """A run folder: torch front end and torch network, in batches."""

    def __init__(self, folder: Path, views: int | None = None) -> None:
        from edge_asc.models.means import SeveralViews
        from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
        from edge_asc.training.run_folder import load_network, read_run

        run = read_run(folder)
        self._folder, self._name, self._seed = folder, run.settings().name, run.seed
        self.description = f"{self._name}, float32 in torch"
        self.labels: Sequence[str] = run.labels
        self.abstract_labels: Sequence[str] = run.abstract_labels
        self.frontend = run.front_end()
        self.window_frames, self.clip_s = run.n_frames, run.clip_s
        self.trained_on: TrainedOn = (run.dataset, run.fold)
        self.calibration: Calibration | None = None
        self.views = run.settings().data.views if views is None else views
        self._network = SeveralViews(load_network(folder), self.views)
        self._torch_frontend = TorchFrontEnd(self.frontend)

    def facts(self) -> dict[str, Any]:
        """Model, folder and torch's version."""
        import torch

        return {
            "model": self._name,
            "file": str(self._folder),
            "precision": "float32",
            "seed": self._seed,
            "runtime": "torch",
            "runtime_version": str(torch.__version__),
        }

    def predict(self, paths: Sequence[Path], hearing: Hearing) -> list[Prediction]:
        """Mean prediction over the windows of each clip."""
        clips = in_parallel(lambda path: self._raw(path, hearing), paths)
        predictions: list[Prediction] = []
        while batch := list(islice(clips, BATCH_CLIPS)):
            pieces = [piece for clip in batch for piece in clip]
            answers = self._predict_pieces(pieces, hearing.crops)
            for clip in batch:
                predictions.append(mean_prediction(list(islice(answers, len(clip)))))
                hearing.on_clip()
        return predictions

    def _raw(self, path: Path, hearing: Hearing) -> "list[Tensor]":
        """Raw features `[1, M, F]` of each piece: a long recording is never held as samples."""
        import torch

        with torch.inference_mode():
            return [
                self._torch_frontend.raw(torch.from_numpy(piece)[None])[0]
                for piece in read_clip(path, self.frontend, hearing)
            ]

    def _predict_pieces(self, pieces: "Sequence[Tensor]", crops: str) -> Iterator[Prediction]:
        import torch

        for first in range(0, len(pieces), BATCH_CLIPS):
            batch = torch.stack([*pieces[first : first + BATCH_CLIPS]])
            yield from self._predict_batch(batch, crops)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of the scenes, `[S]`, for one window's normalised features `[M, F]`."""
        import torch

        with torch.inference_mode():
            scene = self._network(torch.from_numpy(features)[None, None])[0]
        return np.asarray(scene[0].double().softmax(0).numpy())[: len(self.labels)]

    def _predict_batch(self, raw: "Tensor", crops: str) -> list[Prediction]:
        """Predictions of raw features `[B, 1, M, F]`."""
        import torch

        with torch.inference_mode():
            windows = [
                [logits.double().softmax(1) for logits in self._network(features)]
                for features in map(
                    self._torch_frontend.normalize, cut(raw, self.window_frames, crops)
                )
            ]
        scenes, *abstract = (
            torch.stack(head).mean(0).numpy() for head in zip(*windows, strict=True)
        )
        heads = [scenes[:, : len(self.labels)], *abstract]  # what others got is no answer
        return [Prediction(*one) for one in zip(*heads, strict=True)]


def open_scorer(
    target: Path, runtime: str | None = None, views: int | None = None
) -> FileScorer | RunScorer:
    """A scorer for a run folder or a model file."""
    if not target.is_dir():
        return FileScorer(target, runtime, views)
    if runtime is not None:
        raise ValueError(f"{target}: a run is run in torch; --runtime goes with a model file")
    return RunScorer(target, views)


def n_samples_of(scorer: Scorer, clip_s: float) -> int:
    """Samples of the pieces that clips are heard in: `clip_s` seconds, and a window at least."""
    # One rule everywhere: audio shorter than the window is filled up with silence.
    return round(max(clip_s, scorer.clip_s) * scorer.frontend.sample_rate_hz)


def n_windows_of(scorer: Scorer, hearing: Hearing) -> int:
    """Windows of one piece."""
    n_frames = scorer.frontend.n_frames(hearing.n_samples)
    return len(cut(np.empty((0, n_frames)), scorer.window_frames, hearing.crops))


def truth_of(given: Iterable[str], known: Sequence[str]) -> np.ndarray:
    """Class indices `[N]` of labels.

    Raises:
        ValueError: a label is none of those that the model knows.
    """
    index = {label: i for i, label in enumerate(known)}
    given = list(given)
    if unknown := sorted(set(given) - set(index)):
        raise ValueError(
            f"the model does not know {', '.join(unknown)}; its scenes are {', '.join(known)}"
        )
    return np.array([index[label] for label in given])


def counted(on_progress: OnProgress, total: int) -> OnClip:
    """Count clips, each by a call, and tell how many of all are done."""
    numbers = count(1)
    return lambda: on_progress(next(numbers), total)


def read_clip(path: Path, frontend: FrontEnd, hearing: Hearing) -> Iterator[np.ndarray]:
    """A file in pieces `[n_samples]`, as the microphone hears it; a short one filled with silence.

    A file that is little longer than a piece is one, cut; others are heard whole.
    """
    rate_hz, n = frontend.sample_rate_hz, hearing.n_samples
    starts = piece_starts(round(probe(path).duration_s * rate_hz), n)
    if len(starts) == 1:
        yield fit_length(_through(hearing, load_audio(path, rate_hz), rate_hz, path.name), n)
        return
    for start, sound in zip(starts, excerpts(path, rate_hz, [*map(int, starts)], n), strict=True):
        yield _through(hearing, sound, rate_hz, f"{path.name}@{start / rate_hz:g}")


def _through(hearing: Hearing, audio: Floats, rate_hz: int, name: str) -> Floats:
    return audio if hearing.microphone is None else hearing.microphone.hear(audio, rate_hz, name)


def latency_ms(classifier: Classifier) -> float:
    """Median milliseconds of the prediction of one window, without the front end."""
    shape = (classifier.frontend.n_mels, classifier.window_frames)
    features = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    times_s = []
    for _ in range(LATENCY_RUNS):
        start_s = time.perf_counter()
        classifier.logits(features)
        times_s.append(time.perf_counter() - start_s)
    return 1000 * statistics.median(times_s)


def in_parallel(function: Callable[[Path], Any], paths: Sequence[Path]) -> Iterator[Any]:
    """`map` over all cores, in order; a few items ahead, so that memory does not grow."""
    n_workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(n_workers)
    waiting = iter(paths)
    try:
        ahead = [pool.submit(function, path) for path in islice(waiting, 4 * n_workers)]
        while ahead:
            yield ahead.pop(0).result()
            ahead += [pool.submit(function, path) for path in islice(waiting, 1)]
    finally:  # after an error or Ctrl-C, the clips not yet begun are left
        pool.shutdown(wait=True, cancel_futures=True)
