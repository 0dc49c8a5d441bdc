"""Training throughput of amfm-full against a plain loop that computes features clip by clip.

    python bench/throughput.py [--clips N] [--epochs N]      prints Markdown

Both train the same network with the paper's recipe, batches of 24, random 5 s of synthetic clips of
10 s, 44.1 kHz. The plain loop reads a clip, crops, pre-emphasises and transforms it whenever it is
drawn, in float32. Wall time, all cores; the median epoch, the first one apart (it fills our cache,
or compiles: its cost is shown on its own).
"""

import argparse
import csv
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edge_asc.config.schema import load_preset
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.data.synthetic import write_synthetic
from edge_asc.models import build
from edge_asc.training.inputs.torchaudio_transforms import MelSpectrogram
from edge_asc.training.run import train

RATE_HZ, CLIP_S, CROP_SAMPLES, BATCH = 44100, 10.0, 220_501, 24
OURS = {  # row -> what is set
    "edge-asc, float32": ["train.precision=float32"],
    "edge-asc, as the preset has it": [],
    "edge-asc, compiled": ["train.compile=true"],
}


class PlainClips(Dataset[tuple[Tensor, int, int]]):
    """Features `[1, 256, 251]` of a random crop, computed when they are asked for."""

    def __init__(self, clips: list[Clip], dataset: SceneDataset) -> None:
        self.clips, self.dataset = clips, dataset
        self.mel = MelSpectrogram(
            RATE_HZ, 2048, 1764, 882, n_mels=256, window_fn=torch.hamming_window, mel_scale="htk"
        )

    def __len__(self) -> int:
        """Clips of an epoch."""
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        """Read, crop, transform, normalise."""
        clip = self.clips[index]
        sound = torch.from_numpy(soundfile.read(clip.path, dtype="float32")[0])
        start = int(torch.randint(len(sound) - CROP_SAMPLES + 1, ()))
        crop = sound[start : start + CROP_SAMPLES]
        mel = self.mel(crop[1:] - 0.97 * crop[:-1])
        mean, deviation = mel.mean(1, keepdim=True), mel.std(1, keepdim=True)
        features = (mel - mean) / deviation.clamp(min=1e-3)
        scene = self.dataset.labels.index(clip.label)
        return features[None], scene, self.dataset.abstract_index(clip.label)


def plain_epochs_s(
    clips: list[Clip], dataset: SceneDataset, epochs: int, workers: int
) -> list[float]:
    """Seconds of each epoch of the plain loop."""
    loader = DataLoader(PlainClips(clips, dataset), BATCH, shuffle=True, num_workers=workers)
    network = build("full", {}, len(dataset.labels), len(dataset.abstract_labels)).train()
    optimizer = torch.optim.SGD(
        network.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    seconds, rng = [], np.random.default_rng(0)
    for _ in range(epochs):
        started = time.perf_counter()
        for x, scene, abstract in loader:
            weight, other = float(rng.beta(0.1, 0.1)), torch.randperm(len(x))
            by_scene, by_abstract = network(masked(weight * x + (1 - weight) * x[other]))
            loss = torch.zeros(())
            for logits, y, ratio in ((by_scene, scene, 5.0), (by_abstract, abstract, 1.0)):
                loss += ratio * weight * F.cross_entropy(logits, y)
                loss += ratio * (1 - weight) * F.cross_entropy(logits, y[other])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    return seconds


def masked(x: Tensor) -> Tensor:
    """SpecAugment: 27 mels and 100 frames at most, one position for the batch."""
    for axis, widest in ((2, 27), (3, 100)):
        width = int(torch.randint(widest + 1, ()))
        start = int(torch.randint(x.shape[axis] - width + 1, ()))
        x.narrow(axis, start, width).zero_()
    return x


def our_epochs_s(
    dataset: SceneDataset, epochs: int, settings: list[str], work: Path
) -> list[float]:
    """Seconds of each epoch of `edge-asc train`; the first holds all preparation as well."""
    config = load_preset("paper/table2-extended", [f"train.epochs={epochs}", *settings])
    folder = work / "-".join(["run", *settings])
    started = time.perf_counter()
    train(config, dataset, None, folder, progress=False, cache=folder / "cache")
    total = time.perf_counter() - started
    with (folder / "metrics.csv").open(newline="") as file:
        later = [float(row["seconds"]) for row in csv.DictReader(file)][1:]
    return [total - sum(later), *later]


def rows(dataset: SceneDataset, epochs: int, work: Path) -> Iterator[tuple[str, list[float]]]:
    """All variants, one after the other."""
    clips = list(dataset.clips)
    for workers in (0, os.cpu_count() or 1):
        yield f"plain loop, {workers} workers", plain_epochs_s(clips, dataset, epochs, workers)
    for name, settings in OURS.items():
        yield name, our_epochs_s(dataset, epochs, settings, work)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=96, help="a multiple of 24 [96]")
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        table = write_synthetic(
            work / "data",
            clips_per_class=-(-arguments.clips // 10),
            clip_s=CLIP_S,
            sample_rate_hz=RATE_HZ,
            seed=0,
        )
        dataset = open_dataset(table)
        dataset = replace(dataset, clips=dataset.clips[: arguments.clips])
        found = dict(rows(dataset, arguments.epochs, work))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in found.items()}
    fastest_plain = min(s for name, s in medians.items() if name.startswith("plain"))
    print("| | first epoch, s | later ones, s | clips/s | times the faster plain loop |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, seconds in found.items():
        later = medians[name]
        print(
            f"| {name} | {seconds[0]:.0f} | {later:.1f} | {arguments.clips / later:.1f} |", end=""
        )
        print(f" {fastest_plain / later:.1f} |")
    print(f"\n{arguments.clips} clips, batches of {BATCH}.", end=" ")
    print(
        f"{date.today()}; {os.cpu_count()} cores, {platform.machine()}; torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
