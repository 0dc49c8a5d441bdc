"""Why a network answers as it does: the maps of an AMFM block, or occlusion of its input."""

from collections.abc import Sequence
from pathlib import Path

from edge_asc.evaluation.explain.excerpt import read_excerpt
from edge_asc.evaluation.explain.figures import ExplainedBlock, ExplainedPatches
from edge_asc.evaluation.explain.occlusion import OnProgress, neutral, occlude
from edge_asc.evaluation.predictors import open_scorer

PATCH_S = 0.5
PATCHES_HIGH = 8  # patches on top of each other, without their overlap


def explain_block(
    run: Path, audio: Path, block: int = 1, channels: Sequence[int] = (), at_s: float = 0.0
) -> ExplainedBlock:
    """The maps of a block of a finished run's network, for a window of audio from `at_s` on.

    Blocks and channels are counted from 1. Without channels the one is shown whose values before
    attention vary most.

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
    n_channels = len(maps.before)
    for channel in channels:
        if not 1 <= channel <= n_channels:
            raise ValueError(f"there is no channel {channel}; the block has 1 to {n_channels}")
    return ExplainedBlock(
        f"{description.settings().name}, float32 in torch",
        description.labels,
        excerpt,
        maps.probabilities[: len(description.labels)],
        found,
        len(find_blocks(network)),
        maps,
        tuple(channel - 1 for channel in channels) or (maps.most_varied,),
        bool(channels),
    )


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
    """Occlusion: what the scene's probability hangs on, in a window of audio from `at_s` on.

    The target is a `.tflite` or `.onnx` file, run by a key of `RUNTIMES`, or a finished run folder.
    A patch is of itself an eighth of the mels high. Progress is told after each patch.

    Raises:
        ValueError: an unusable model, audio or patch.
        OSError: a file cannot be read.
    """
    scorer = open_scorer(target, runtime)
    frontend = scorer.frontend
    excerpt = read_excerpt(audio, frontend, scorer.clip_s, scorer.window_frames, at_s)
    if not 0 < patch_s < float("inf"):
        raise ValueError(f"a patch of {patch_s:g} s must be longer than 0 s")
    hidden_by, filling = neutral(frontend, excerpt.features)
    found = occlude(
        scorer.probabilities,
        excerpt.features,
        filling,
        max(1, frontend.n_mels // PATCHES_HIGH) if patch_mels is None else patch_mels,
        max(1, round(patch_s * frontend.frames_per_s)),
        on_progress,
    )
    given = (scorer.description, scorer.labels, excerpt, found.probabilities)
    return ExplainedPatches(*given, found, hidden_by)
