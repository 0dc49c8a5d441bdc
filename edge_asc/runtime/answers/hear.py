"""A whole sound, a file or samples: what a model says of it, and the embedding behind that."""

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edge_asc.audio.decode import blocks
from edge_asc.runtime.answers.answer import Answer, whole
from edge_asc.runtime.answers.stream import FeatureWindows, Stream

if TYPE_CHECKING:
    from edge_asc.runtime.classifier import Classifier

BLOCK_S = 1.0  # of a file, decoded at a time

Audio = str | PathLike[str] | npt.ArrayLike  # a file, or samples [N] or [N, channels]


def hear(
    classifier: "Classifier", audio: Audio, sample_rate_hz: int | None, hop_s: float | None
) -> Answer:
    """The answer to a whole sound: the mean over its windows, which it holds as well (`whole`)."""
    rate_hz, parts = sound(audio, sample_rate_hz, classifier.frontend.sample_rate_hz)
    stream = Stream(classifier, hop_s, rate_hz)
    windows = list(answers(stream, parts))
    return whole(windows, stream.heard_s, classifier.labels)


def embed(
    classifier: "Classifier",
    embedder: Callable[[np.ndarray], np.ndarray],
    audio: Audio,
    sample_rate_hz: int | None,
    hop_s: float | None,
) -> np.ndarray:
    """The mean embedding `[D]` over a sound's windows, float32."""
    rate_hz, parts = sound(audio, sample_rate_hz, classifier.frontend.sample_rate_hz)
    windows = FeatureWindows(classifier, hop_s, rate_hz)
    found = [embedder(x) for part in parts for _, x in windows.feed(part)]
    found += [embedder(x) for _, x in windows.flush()]
    return np.stack(found).mean(0).astype(np.float32)


def answers(stream: Stream, audio: Iterable[np.ndarray]) -> Iterator[Answer]:
    """The answers of a stream to a whole sound that comes in blocks `[n]`."""
    for block in audio:
        yield from stream.feed(block)
    yield from stream.flush()


def sound(
    audio: Audio, sample_rate_hz: int | None, model_rate_hz: int
) -> tuple[int, Iterator[np.ndarray]]:
    """The rate of a file or of samples, and the sound in blocks `[n]`.

    Args:
        audio: a file's path, or floating-point samples `[N]` or `[N, channels]`.
        sample_rate_hz: of samples; a file has its own.
        model_rate_hz: which files are resampled to.

    Raises:
        ValueError: samples without a rate, no sample at all, or a rate beside a file.
    """
    if isinstance(audio, str | PathLike):
        if sample_rate_hz is not None:
            raise ValueError(f"{audio}: a file has its own rate; sample_rate_hz goes with samples")
        return model_rate_hz, _some(blocks(Path(audio), model_rate_hz, BLOCK_S))
    samples = np.asarray(audio)
    if sample_rate_hz is None:
        raise ValueError("samples need their sample_rate_hz")
    if not samples.size:
        raise ValueError("no samples to classify")
    if samples.ndim == 2:
        samples = samples.mean(1)  # channels, averaged as those of a file
    return sample_rate_hz, iter([samples])


def _some(parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same blocks; of a sound that is shorter than one sample of the model, one of silence."""
    is_empty = True
    for part in parts:
        is_empty = is_empty and not len(part)
        yield part
    if is_empty:
        yield np.zeros(1, np.float32)
