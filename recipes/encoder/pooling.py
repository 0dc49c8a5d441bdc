"""What of a student's maps an embedding is best made of, by the figures for choices alone.

    pooling.py DATA STUDENT.ckpt RESULTS.json

Means and maxima of the last maps, either alone, with those of the blocks before, and the leading
principal components of them, each scaled to length 1. As in table.py's figures for choices, the
test is fold 5 of ESC-50's 40 classes and the clips that teach are of folds 2 to 4. Letters: N
clips, C channels, D numbers.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from embeddings import raw_log_mels
from student import Checkpoint, Student
from table import TEST_FOLD, Clips, few_shot
from tables import made

from edge_asc.files import write_json

BATCH = 40  # clips
SIZES = (64, 128)  # principal components


@torch.no_grad()
def pooled(student: Student, raw: torch.Tensor) -> list[np.ndarray]:
    """Means and maxima `[N, 2C]` of every layer's maps, standardised over the clips."""
    layers: list[list[torch.Tensor]] = [[] for _ in student.encoder.trunk.layers]
    for part in raw.split(BATCH):
        of_layers = student.encoder.trunk(student.normalised(part[:, None]))
        for rows, x in zip(layers, of_layers, strict=True):
            maps = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
            rows.append(torch.cat(maps, 1).flatten(1))
    found = [torch.cat(rows).numpy() for rows in layers]
    return [(rows - rows.mean(0)) / (rows.std(0) + 1e-6) for rows in found]


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def components(rows: np.ndarray, of: np.ndarray, size: int) -> np.ndarray:
    """The leading principal components of rows, found on the rows `of`."""
    centred = rows - rows[of].mean(0)
    _, vectors = np.linalg.eigh(centred[of].T @ centred[of])
    return centred @ vectors[:, ::-1][:, :size]


def variants(layers: list[np.ndarray], teach: np.ndarray) -> dict[str, np.ndarray]:
    """Embeddings `[N, D]` by name."""
    *_, second, first, last = layers
    half = last.shape[1] // 2
    return {
        "mean and maximum of the last maps": unit(last),
        "not scaled to length 1": last,
        "mean alone": unit(last[:, :half]),
        "maximum alone": unit(last[:, half:]),
        "with the block before": unit(np.concatenate((last, first), 1)),
        "with the block two before": unit(np.concatenate((last, second), 1)),
        "with both blocks before": unit(np.concatenate((last, first, second), 1)),
        **{f"{size} principal components": unit(components(last, teach, size)) for size in SIZES},
    }


def main() -> None:
    """Write the figures for choices of every variant."""
    data, checkpoint, results = map(Path, sys.argv[1:])
    clips = Clips.read(data / "esc50")
    layers = pooled(Checkpoint.load(checkpoint).student(), raw_log_mels(clips.sounds))
    rows = {}
    for name, embeddings in variants(layers, clips.folds != TEST_FOLD).items():
        columns = few_shot(embeddings, clips, quick=True)
        rows[name] = {shots: column["choice"] for shots, column in columns.items()}
        print(name, rows[name], flush=True)
    write_json(results, {"made": made(), "rows": rows})


if __name__ == "__main__":
    main()
