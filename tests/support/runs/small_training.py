"""A network, features and settings that train in seconds; run as a program by tests that kill it.

python tests/support/runs/small_training.py FOLDER EPOCHS PROCESSES [resume] [gradnorm]
"""

import csv
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from edge_asc.config.schema import AugmentConfig, TrainConfig
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.fit import Fitted, fit
from edge_asc.training.inputs.batches import FeatureStore
from edge_asc.training.placement import Placement

N_MELS, N_FRAMES, CROP = 16, 24, 20
FRONT_END = FrontEnd(
    8000, 256, 256, 128, N_MELS, normalization="dataset", mean=(0.5,) * N_MELS, std=(2.0,) * N_MELS
)
TRAIN = TrainConfig(
    epochs=4,
    batch_size=8,
    learning_rate=1e-2,
    warmup_epochs=1,
    ema=0.9,
    label_smoothing=0.05,
    clip_norm=5.0,
    precision="float32",
)
AUGMENT = AugmentConfig(
    gain_db=3.0,
    roll=0.5,
    mixup_alpha=0.4,
    freq_mixstyle_probability=0.5,
    frequency_masks=1,
    frequency_mask_mels=4,
    time_masks=1,
    time_mask_frames=5,
)


class Small(nn.Module):
    """Two convolutions, batch norm, a maximum, dropout, one or two heads."""

    def __init__(self, n_scenes: int = 3, n_abstract: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1, stride=2)
        self.dropout = nn.Dropout(0.3)
        self.scene = nn.Linear(8, n_scenes)
        self.abstract = nn.Linear(8, n_abstract) if n_abstract else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        a, b = self.norm(self.conv(x)).chunk(2, dim=1)
        x = self.dropout(self.conv2(torch.max(a, b)).relu().mean((2, 3)))
        return (self.scene(x),) if self.abstract is None else (self.scene(x), self.abstract(x))


def small_network(seed: int = 0, n_abstract: int = 2) -> Small:
    torch.manual_seed(seed)
    return Small(n_abstract=n_abstract)


def store(n: int = 40, seed: int = 0, n_abstract: int = 2, **settings: Any) -> FeatureStore:
    """Noise, noise with stripes along time, noise with stripes along mels."""
    rng = np.random.default_rng(seed)
    scenes = rng.permutation(np.arange(n) % 3)
    arrays = [rng.normal(size=(N_MELS, N_FRAMES)).astype(np.float32) for _ in scenes]
    for a, scene in zip(arrays, scenes, strict=True):
        stripes = (a[::2], a[:, ::2])
        if scene:
            stripes[scene - 1][:] += 6.0
    labels, sizes = [scenes.tolist()], [3]
    if n_abstract:
        labels, sizes = [*labels, (scenes > 0).astype(int).tolist()], [3, n_abstract]
    return FeatureStore(arrays, labels, sizes, **settings)


def small_fit(folder: Path, network: nn.Module | None = None, **settings: Any) -> Fitted:
    """Train; names of TrainConfig's fields change TRAIN, others are arguments of `fit`."""
    names = TrainConfig.__struct_fields__
    config = msgspec.structs.replace(TRAIN, **{k: v for k, v in settings.items() if k in names})
    arguments: dict[str, Any] = {
        "train_store": store(),
        "val_store": store(12, seed=1),
        "augment": AUGMENT,
        "n_frames": CROP,
        "progress": False,
        "placement": Placement(accelerator="cpu"),
    }
    arguments |= {k: v for k, v in settings.items() if k not in names}
    return fit(network or small_network(), FRONT_END, config=config, folder=folder, **arguments)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def assert_same_weights(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


class Stop(Exception):
    """Ends a training in its middle."""


class Stops(Small):
    """Raises `Stop` in a step, counted from 1; begins as `small_network()` does."""

    def __init__(self, at_step: int) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.left = at_step

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        self.left -= self.training
        if not self.left:
            raise Stop
        return super().forward(x)


class Slow(Small):
    """Takes its time, so that a kill comes in the middle of an epoch."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.training:
            time.sleep(0.05)
        return super().forward(x)


if __name__ == "__main__":
    folder, epochs, processes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fitted = small_fit(
        folder,
        Slow(),
        epochs=epochs,
        placement=Placement(processes, accelerator="cpu"),
        resume="resume" in sys.argv,
        balance="gradnorm" if "gradnorm" in sys.argv else "fixed",
    )
    if fitted.is_main:
        torch.save(fitted.network.state_dict(), folder / "final.pt")
