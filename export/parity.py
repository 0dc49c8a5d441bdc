"""Does a written file compute what was trained? Compared on real inputs, by the file's runtime."""

from dataclasses import dataclass
from operator import truediv
from pathlib import Path

import numpy as np
import torch

from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.processor import instruction_set

# Largest difference of a logit. Integer kernels may round a step differently in each layer, which
# reaches the logits as a few steps of their grid (measured: 1 with LiteRT and ONNX Runtime, 2 with
# tflite-runtime's builtin kernels). Floats differ by the order of their sums.
MOST_STEPS = 6.0
MOST_RELATIVE = 1e-4


class ParityError(ValueError):
    """A file that does not compute what was trained."""


@dataclass(frozen=True)
class Parity:
    """How a file agrees with torch on the same clips."""

    runtime: str
    processor: str  # what it could do: on others the runtime has other kernels
    clips: int
    largest_difference: float  # of a logit
    largest_difference_steps: float | None  # in steps of the int8 logits' grid
    largest_difference_relative: float  # to the largest logit
    argmax_agreement: float  # part of the clips with the same first scene, 0 to 1


@torch.no_grad()
def compare(path: Path, graph: Graph, features: np.ndarray, runtime: str | None = None) -> Parity:
    """Run a file and its graph on normalised features `[N, M, F]`.

    Raises:
        ValueError: the runtime refuses the file.
    """
    classifier = Classifier.load(path, runtime, views=1)
    network = GraphNetwork(graph).eval()
    ours = [logits.numpy() for logits in network(torch.from_numpy(features)[:, None])]
    theirs = [np.stack(heads) for heads in zip(*map(classifier.logits, features), strict=True)]
    differences = [float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)]
    scales = [graph.grids[value].scale for value in graph.outputs.values() if graph.is_quantised]
    steps = list(map(truediv, differences, scales))
    largest = [float(np.abs(logits).max()) for logits in ours]
    return Parity(
        runtime=f"{classifier.runtime} {classifier.runtime_version}",
        processor=instruction_set(),
        clips=len(features),
        largest_difference=max(differences),
        largest_difference_steps=max(steps, default=None),
        largest_difference_relative=max(map(truediv, differences, largest)),
        argmax_agreement=float((ours[0].argmax(1) == theirs[0].argmax(1)).mean()),
    )


def check(name: str, parity: Parity) -> None:
    """Refuse a file that disagrees with what was trained.

    Raises:
        ParityError: one line with the difference and what is allowed.
    """
    if parity.largest_difference_steps is not None:
        found, most, unit = parity.largest_difference_steps, MOST_STEPS, "int8 steps"
    else:
        found, most, unit = parity.largest_difference_relative, MOST_RELATIVE, "of the logits"
    if not found <= most:  # also when NaN
        raise ParityError(
            f"{name}: {parity.runtime} differs from torch by {found:.3g} {unit}"
            f" on {parity.clips} clips (at most {most:g} allowed); nothing was written"
        )
