"""Embeddings of whole clips: what the few-shot table compares. Letters: N clips, D numbers."""

from pathlib import Path

import numpy as np
import torch
from spectra import FRONT_END, WINDOW_FRAMES, Spectra
from teachers import yamnet_256, yamnet_1024
from torch import Tensor

PATCHES = 5  # of 0.96 s, one after the other, in a clip of 5 s
BATCH = 40  # clips


def log_mel(sounds: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over time of each log-mel, [N, 2M]."""
    features = raw_log_mels(sounds).float()
    return torch.cat((features.mean(2), features.std(2)), 1).numpy()


def raw_log_mels(sounds: np.ndarray) -> Tensor:
    """The student's raw features [N, M, F] of clips [N, samples], by the front end itself."""
    return torch.stack([torch.from_numpy(FRONT_END.raw(sound)) for sound in sounds])


@torch.no_grad()
def yamnet(sounds: np.ndarray, models: Path, size: int) -> np.ndarray:
    """Mean and maximum over a teacher's embeddings of five patches, [N, 2D]."""
    teacher = {256: yamnet_256, 1024: yamnet_1024}[size](models)
    spectra, rows = Spectra(), []
    for part in np.array_split(sounds, max(1, len(sounds) // BATCH)):
        log_mels = spectra.teacher(spectra.magnitudes(torch.from_numpy(part)))
        patches = log_mels[:, 0, : PATCHES * WINDOW_FRAMES].reshape(-1, 1, WINDOW_FRAMES, 64)
        found = teacher(patches).reshape(len(part), PATCHES, -1)
        rows.append(torch.cat((found.mean(1), found.amax(1)), 1))
    return torch.cat(rows).numpy()


def of_checkpoint(sounds: np.ndarray, path: Path) -> np.ndarray:
    """The averaged student's embeddings of whole clips, [N, D], in floating point."""
    from student import Checkpoint, embeddings

    return embeddings(Checkpoint.load(path).student(), raw_log_mels(sounds))


def of_file(sounds: np.ndarray, path: Path) -> np.ndarray:
    """What a model file answers to whole clips, [N, D], by its own runtime and front end."""
    from edge_asc.runtime.classifier import Classifier

    file = Classifier.load(path, views=1)
    rows = [file.logits(file.frontend.features(sound))[0] for sound in sounds]
    return np.stack(rows)
