"""Why a network answers as it does: the maps of an AMFM block, or occlusion of its input."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_asc.evaluation.explain.excerpt import read_excerpt
from edge_asc.evaluation.explain.figures import ExplainedBlock, ExplainedPatches
from edge_asc.evaluation.explain.occlusion import OnProgress, Predict, neutral, occlude
from edge_asc.runtime.classifier import Classifier

if TYPE_CHECKING:
    from torch import nn

PATCH_S = 0.5
PATCHES_HIGH = 8  # patches on top of each other, without their overlap


def explain_block(
    run: Path, audio: Path, block: int = 1, channels: Sequence[int] = (), at_s: float = 0.0
) -> ExplainedBlock:
    """The maps of a block of a run's network.

    Args:
        run: finished run folder.
        audio: any file; one window of it is looked at.
        block: which one, counted from 1.
        channels: to show, counted from 1; none: the one whose values before attention vary most.
        at_s: where the window begins.

    Raises:
        ValueError: no such run, block or channel, a block without attention, unusable audio.
    """
    from edge_asc.evaluation.explain.block_maps import block_maps, choose_block, find_blocks
    from edge_asc.training.run_folder import load_network, read_run

    description = read_run(run)
    network = load_network(run)
    found = choose_block(network, block)
    excerpt = read_excerpt(
        audio, description.front_end(), description.clip_s, description.n_frames, at_s
    )
    maps = block_maps(network, found.block, excerpt.features)
    return ExplainedBlock(
        f"{description.settings().name}, float32 in torch",
        description.labels,
        excerpt,
        maps.probabilities,
        found,
        len(find_blocks(network)),
        maps,
        _numbered(channels, len(maps.before)) or (maps.most_varied,),
        bool(channels),
    )


def _numbered(channels: Sequence[int], n: int) -> tuple[int, ...]:
    """Channels counted from 0; raises for one that is not there."""
    for channel in channels:
        if not 1 <= channel <= n:
            raise ValueError(f"there is no channel {channel}; the block has 1 to {n}")
    return tuple(channel - 1 for channel in channels)


def explain_patches(
    target: Path,
    audio: Path,
    *,
    at_s: float = 0.0,
    patch_mels: int | None = None,
    patch_s: float = PATCH_S,
    runtime: str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> ExplainedPatches:
    """Occlusion: what the scene's probability hangs on.

    Args:
        target: `.tflite`, `.onnx` or a finished run folder.
        audio: any file; one window of it is looked at.
        at_s: where the window begins.
        patch_mels: height of a patch; None: an eighth of the mels.
        patch_s: width of a patch.
        runtime: for a file, a key of `RUNTIMES`.
        on_progress: called after each patch.

    Raises:
        ValueError: an unusable model, audio or patch.
        OSError: a file cannot be read.
    """
    subject = _run(target, runtime) if target.is_dir() else _file(target, runtime)
    frontend, window_s, n_frames = subject.window
    excerpt = read_excerpt(audio, frontend, window_s, n_frames, at_s)
    if not 0 < patch_s < float("inf"):
        raise ValueError(f"a patch of {patch_s:g} s must be longer than 0 s")
    hidden_by, filling = neutral(frontend, excerpt.features)
    found = occlude(
        subject.predict,
        excerpt.features,
        filling,
        max(1, frontend.n_mels // PATCHES_HIGH) if patch_mels is None else patch_mels,
        max(1, round(patch_s * frontend.frames_per_s)),
        on_progress,
    )
    given = (subject.model, subject.labels, excerpt, found.probabilities)
    return ExplainedPatches(*given, found, hidden_by)


@dataclass(frozen=True)
class _Subject:
    """Whatever answers."""

    model: str
    labels: Sequence[str]
    window: tuple[Any, float, int]  # front end, seconds, frames
    predict: Predict


def _file(path: Path, runtime: str | None) -> _Subject:
    classifier = Classifier.load(path, runtime)
    window = (classifier.frontend, classifier.metadata.clip_s, classifier.window_frames)
    return _Subject(
        classifier.description,
        classifier.metadata.labels,
        window,
        lambda features: classifier.predict(features).scene,
    )


def _run(folder: Path, runtime: str | None) -> _Subject:
    from edge_asc.models.tta import SeveralViews
    from edge_asc.training.run_folder import load_network, read_run

    if runtime is not None:
        raise ValueError(f"{folder}: a run is run in torch; --runtime goes with a model file")
    run = read_run(folder)
    network = SeveralViews(load_network(folder), run.settings().data.views)
    window = (run.front_end(), run.clip_s, run.n_frames)
    model = f"{run.settings().name}, float32 in torch"
    return _Subject(model, run.labels, window, _in_torch(network))


def _in_torch(network: "nn.Module") -> Predict:
    import torch

    def predict(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = network(torch.from_numpy(features)[None, None])[0][0]
            return np.asarray(logits.double().softmax(0).numpy())

    return predict
