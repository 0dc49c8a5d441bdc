"""Whole runs, from a preset to model files, on inputs so small that they take seconds."""

from pathlib import Path

from edge_asc.config.schema import load_preset
from edge_asc.data.open import open_dataset
from edge_asc.training.placement import Placement
from edge_asc.training.run import train

N_MELS, N_FRAMES = 32, 32
SMALL = (
    "frontend.sample_rate_hz=8000",
    "frontend.n_fft=512",
    "frontend.win_length=256",
    "frontend.hop_length=128",
    f"frontend.n_mels={N_MELS}",
    "data.crop_s=0.5",
    "data.val_fraction=0.25",
    "train.epochs=1",
    "train.batch_size=16",
    "train.precision=float32",
    "quantize.epochs=1",
    "quantize.range_clips=16",
)
# Three seconds in which a network learns half of the synthetic scenes: the logits of one that has
# learnt nothing are the same for every clip, and any two files agree on them.
LEARNS = (
    "model.abstract=true",
    "model.options={channels = [8, 8, 8], reduction = 4, dropout = 0.0}",
    "train.epochs=12",
    "train.batch_size=8",
    "train.learning_rate=1e-2",
    "train.warmup_epochs=1",
    "train.ema=0",
    "augment={}",
)


def train_run(folder: Path, data: Path, preset: str, *overrides: str, fold: int = 1) -> Path:
    """Train a preset on small inputs, in this process."""
    config = load_preset(preset, [*SMALL, *overrides])
    return train(
        config, open_dataset(data), fold, folder, data=str(data), progress=False,
        placement=Placement(accelerator="cpu"),
    )  # fmt: skip
