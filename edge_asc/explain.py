"""Why a network answers as it does: the maps of an AMFM block, or occlusion of its input."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_asc.excerpt import Excerpt, read_excerpt
from edge_asc.map_axes import Geometry, hz_of_mel, seconds_of_frame
from edge_asc.occlusion import Occlusion, OnProgress, Predict, neutral, occlude
from edge_asc.runtime import Classifier

if TYPE_CHECKING:
    from torch import nn

    from edge_asc.block_maps import BlockMaps, FoundBlock

PATCH_S = 0.5
PATCHES_HIGH = 8  # patches on top of each other, without their overlap


@dataclass(frozen=True)
class Explained:
    """What both ways of looking have in common.

    Attributes:
        model: name, and what ran it.
        labels: scenes in the order of the probabilities.
        excerpt: what the network saw.
        probabilities: of the untouched input, `[S]`.
    """

    model: str
    labels: Sequence[str]
    excerpt: Excerpt
    probabilities: np.ndarray

    @property
    def scene(self) -> str:
        """The likeliest scene."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def headline(self) -> str:
        """Scene and probability."""
        return f"{self.scene} {100 * self.probabilities.max():.1f} %"

    def figures(self) -> dict[str, Any]:
        """What was heard, as JSON has it."""
        given = (float(p) for p in self.probabilities)
        return {
            "model": self.model,
            "audio": str(self.excerpt.path),
            "audio_s": self.excerpt.audio_s,
            "start_s": self.excerpt.start_s,
            "window_s": self.excerpt.window_s,
            "scene": self.scene,
            "probability": float(self.probabilities.max()),
            "probabilities": dict(zip(self.labels, given, strict=True)),
        }


@dataclass(frozen=True)
class ExplainedBlock(Explained):
    """The maps of one block.

    Attributes:
        found: the block.
        n_blocks: of the network.
        maps: before attention, after it, after the maximum.
        channels: those to show, counted from 0.
        chosen: whether somebody named these channels.
    """

    found: "FoundBlock"
    n_blocks: int
    maps: "BlockMaps"
    channels: tuple[int, ...]
    chosen: bool

    def figures(self) -> dict[str, Any]:
        """Shares and axes; channels and blocks are counted from 1."""
        maps, (n_channels, n_rows, n_columns) = self.maps, self.maps.before.shape
        shares = maps.share_by_channel
        keeps = maps.keeps_larger
        return super().figures() | {
            "shows": "block",
            "block": self.found.number,
            "block_name": self.found.name,
            "blocks": self.n_blocks,
            "combine": "max" if keeps else "replace",
            "channels": n_channels,
            "shown_channels": [channel + 1 for channel in self.channels],
            "kept_share": float(shares.mean()) if keeps else None,
            "kept_share_per_channel": [round(float(s), 6) for s in shares] if keeps else None,
            **axes_of(self.excerpt, self.found.geometry, n_rows, n_columns),
        }


@dataclass(frozen=True)
class ExplainedPatches(Explained):
    """How the probability falls where patches are hidden.

    Attributes:
        occlusion: the patches.
        hidden_by: what stood in their place, in words.
    """

    occlusion: Occlusion
    hidden_by: str

    def figures(self) -> dict[str, Any]:
        """All drops, and the patch that costs most."""
        found = self.occlusion
        row, column = found.largest
        return super().figures() | {
            "shows": "occlusion",
            "hidden_by": self.hidden_by,
            "patches": found.drops.size,
            "patch_mels": found.mels[0][1] - found.mels[0][0],
            "patch_frames": found.frames[0][1] - found.frames[0][0],
            "largest_drop": self.box(row, column),
            "mean_drop": float(found.drops.mean()),
            "drops": [[round(float(d), 6) for d in drops] for drops in found.drops],
            "drops_hz": [self.hz(bounds) for bounds in found.mels],
            "drops_s": [self.seconds(bounds) for bounds in found.frames],
        }

    def box(self, row: int, column: int) -> dict[str, Any]:
        """One patch in hertz and seconds, and what hiding it costs."""
        found = self.occlusion
        where = {"hz": self.hz(found.mels[row]), "s": self.seconds(found.frames[column])}
        return where | {"drop": float(found.drops[row, column])}

    def hz(self, bounds: tuple[int, int]) -> list[float]:
        """Lower and upper end of a stretch of mels."""
        ends = hz_of_mel(self.excerpt.frontend, np.array(bounds) - 0.5)
        return [round(float(f), 1) for f in ends]

    def seconds(self, bounds: tuple[int, int]) -> list[float]:
        """Begin and end of a stretch of frames."""
        ends = seconds_of_frame(self.excerpt.frontend, np.array(bounds) - 0.5, self.excerpt.start_s)
        return [round(float(s), 3) for s in ends]


def axes_of(excerpt: Excerpt, geometry: Geometry, n_rows: int, n_columns: int) -> dict[str, Any]:
    """Centres of a map's rows in Hz and of its columns in seconds of the file."""
    hz = hz_of_mel(excerpt.frontend, geometry.mels.position(range(n_rows)))
    frames = geometry.frames.position(range(n_columns))
    seconds = seconds_of_frame(excerpt.frontend, frames, excerpt.start_s)
    return {
        "rows_hz": [round(float(f), 1) for f in hz],
        "columns_s": [round(float(s), 3) for s in seconds],
    }


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
    from edge_asc.block_maps import block_maps, choose_block, find_blocks
    from edge_asc.runs import load_network, read_run

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
    window = (classifier.frontend, classifier.card.clip_s, classifier.window_frames)
    return _Subject(
        classifier.description,
        classifier.card.labels,
        window,
        lambda features: classifier.predict(features).scene,
    )


def _run(folder: Path, runtime: str | None) -> _Subject:
    from edge_asc.runs import load_network, read_run

    if runtime is not None:
        raise ValueError(f"{folder}: a run is run in torch; --runtime goes with a model file")
    run = read_run(folder)
    window = (run.front_end(), run.clip_s, run.n_frames)
    model = f"{run.settings().name}, float32 in torch"
    return _Subject(model, run.labels, window, _in_torch(load_network(folder)))


def _in_torch(network: "nn.Module") -> Predict:
    import torch

    def predict(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = network(torch.from_numpy(features)[None, None])[0][0]
            return np.asarray(logits.double().softmax(0).numpy())

    return predict
