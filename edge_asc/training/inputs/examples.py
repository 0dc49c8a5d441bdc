"""A few real inputs kept with a run, so that files made from it can be tried where the data is not.

`examples.npy` in the run folder: normalised features `[N, M, F]`, float32.
"""

from pathlib import Path

import numpy as np
import torch

from edge_asc.files import atomic_write
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.inputs.batches import FeatureStore
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd

N_EXAMPLES = 16
FILE = "examples.npy"


def spread(store: FeatureStore, n_clips: int) -> np.ndarray:
    """Numbers of up to `n_clips` clips, spread evenly over a store ordered in any way."""
    return np.unique(np.linspace(0, len(store) - 1, n_clips).round().astype(int))


def inputs(
    store: FeatureStore, clips: np.ndarray, frontend: FrontEnd, n_frames: int
) -> torch.Tensor:
    """Normalised features `[N, 1, M, F]` of the clips' middles."""
    starts = np.full(len(clips), (store.n_frames - n_frames) // 2)
    return TorchFrontEnd(frontend).normalize(store.raw(clips, starts, n_frames))


def save_examples(folder: Path, store: FeatureStore, frontend: FrontEnd, n_frames: int) -> None:
    """Keep inputs of `N_EXAMPLES` clips in a run folder."""
    features = inputs(store, spread(store, N_EXAMPLES), frontend, n_frames)[:, 0]
    write_examples(folder, features.numpy())


def write_examples(folder: Path, features: np.ndarray) -> None:
    """Write normalised features `[N, M, F]` as the examples of a run folder."""
    with atomic_write(folder / FILE) as path, path.open("wb") as file:
        np.save(file, features.astype(np.float32))


def load_examples(folder: Path) -> np.ndarray:
    """The run's inputs, `[N, M, F]` float32.

    Raises:
        ValueError: the run has none: it is not finished.
    """
    path = folder / FILE
    if not path.is_file():
        raise ValueError(f"{path} is not there: the run is not finished (train with --resume)")
    return np.load(path, allow_pickle=False)
