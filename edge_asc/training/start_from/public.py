"""A checkpoint of the paper's public code → a run folder that every other verb takes."""

import hashlib
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.config.schema import Config, load_preset
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.labels import TAU_GROUPS, TAU_SCENES
from edge_asc.data.layouts.splits import TEST_FOLD
from edge_asc.data.layouts.tau import NAME_PARTS
from edge_asc.data.open import open_dataset
from edge_asc.data.synthetic import write_synthetic
from edge_asc.files import atomic_write, write_json
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.models import build_for
from edge_asc.training.inputs.examples import N_EXAMPLES, write_examples
from edge_asc.training.run_folder import Run, provenance
from edge_asc.training.start_from.public_names import convert, read_checkpoint

PRESET = "amfm-full"
OUTPUT = "scene.head.out"  # the layer whose rows are the scenes
DATASET = NAME_PARTS[5][0]  # TAU 2020 Mobile, what the code is made for


def import_public(
    file: Path, folder: Path, data: Path | None = None, order: tuple[str, ...] = TAU_SCENES
) -> Path:
    """Write a run folder with the weights of a public checkpoint.

    Scenes and abstract classes are TAU's, in our order whatever the checkpoint's; the held-out fold
    is the official one. The inputs that exports are tried on come from `data`, else from synthetic
    sound.

    Args:
        file: the checkpoint.
        folder: the run folder; it must not hold a run.
        data: TAU 2020 Mobile, if it is at hand.
        order: the scenes as the checkpoint numbers them.

    Raises:
        ValueError: not a checkpoint of that code, another data set, or the folder is taken.
        OSError: a file cannot be read or written.
    """
    if (folder / "run.json").exists():
        raise ValueError(f"{folder} holds a run already; name another folder")
    config = load_preset(PRESET)
    weights = _in_our_order(_weights(config, file), order)
    run = _describe(config, file, data, order)
    examples = _examples(config.front_end(), run.clip_s, data)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", run)
    write_examples(folder, examples)
    with atomic_write(folder / "weights.pt") as temporary:
        torch.save(weights, temporary)
    return folder


def _weights(config: Config, file: Path) -> dict[str, Tensor]:
    network = build_for(config, len(TAU_SCENES), len(TAU_GROUPS))
    theirs = read_checkpoint(file)
    try:
        return convert(theirs, network)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _in_our_order(weights: dict[str, Tensor], order: tuple[str, ...]) -> dict[str, Tensor]:
    rows = [order.index(scene) for scene in TAU_SCENES]
    keys = (f"{OUTPUT}.weight", f"{OUTPUT}.bias")
    return weights | {key: weights[key][rows] for key in keys}


def _describe(config: Config, file: Path, data: Path | None, order: tuple[str, ...]) -> Run:
    frontend, clip_s = config.front_end(), config.data.crop_s
    assert clip_s is not None  # the preset says how long
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    origin = {"file": file.name, "sha256": sha256, "scenes": list(order)}
    return Run(
        config=config.to_dict(),
        dataset=DATASET,
        data=str(data) if data else "",
        fold=TEST_FOLD,
        seed=0,
        labels=list(TAU_SCENES),
        abstract_labels=list(TAU_GROUPS),
        frontend=frontend.to_dict(),
        clip_s=clip_s,
        n_frames=frontend.frames_in(clip_s),
        provenance=provenance() | {"imported": origin},
    )


def _examples(frontend: FrontEnd, clip_s: float, data: Path | None) -> np.ndarray:
    """Inputs of the network, `[N, M, F]`: of the data set, or of synthetic sound."""
    if data is not None:
        dataset = open_dataset(data)
        if dataset.name != DATASET:
            made_for = f"the checkpoint was made for {DATASET}"
            raise ValueError(f"{data}: {made_for}, this is {dataset.name}")
        return _features(frontend, clip_s, dataset)
    with TemporaryDirectory() as folder:
        table = write_synthetic(folder, 2, math.ceil(clip_s), frontend.sample_rate_hz)
        return _features(frontend, clip_s, open_dataset(table))


def _features(frontend: FrontEnd, clip_s: float, dataset: SceneDataset) -> np.ndarray:
    rate_hz = frontend.sample_rate_hz
    clips = dataset.clips[:: max(1, len(dataset.clips) // N_EXAMPLES)][:N_EXAMPLES]
    audio = (load_audio(clip.path, rate_hz) for clip in clips)
    cut = (fit_length(samples, round(clip_s * rate_hz)) for samples in audio)
    return np.stack([frontend.features(samples) for samples in cut])
