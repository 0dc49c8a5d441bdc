"""Do the files of `make_files.py` compute in each runtime here what torch computed there?

    python check_files.py FOLDER

Runs without torch. A runtime that cannot be used is a failure: the caller installed all three.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_asc.runtime.classifier import RUNTIMES, Classifier

# Integer kernels may round a step differently in each layer; tflite-runtime's builtin ones, which
# do not share LiteRT's, do it oftener.
MOST_STEPS = {"litert": 2.0, "tflite": 6.0, "onnxruntime": 2.0}
# A batch norm behind a leaky ReLU spreads such a step over up to 31 of its own grid: 12 was the
# worst of 30 networks that differ in their seed.
MOST_STEPS_LEAKY = {"litert": 12.0, "tflite": 18.0, "onnxruntime": 12.0}
MOST_RELATIVE = 1e-4  # of the largest logit: floats are summed in another order
HAIR = 0.01  # of a step: logits come back from their grid as float32


@dataclass(frozen=True)
class Difference:
    """The largest difference of a logit, and what is allowed, in the same unit."""

    found: float
    most: float
    unit: str

    @property
    def ok(self) -> bool:
        """Whether it is allowed; NaN is not."""
        return self.found <= self.most

    def __str__(self) -> str:
        return f"{self.found:9.2g} {self.unit} (at most {self.most:g})"


def compare(path: Path, runtime: str) -> list[Difference]:
    """A file's differences, one for each length of its input and each output."""
    classifier = Classifier.load(path, runtime)
    most_steps = (MOST_STEPS_LEAKY if "leaky-relu" in path.name else MOST_STEPS)[runtime]
    with np.load(path.with_suffix(".npz")) as archive:
        reference = dict(archive)
    found = []
    for n_frames in (key[2:] for key in reference if key.startswith("x/")):
        rows = map(classifier.logits, reference[f"x/{n_frames}"])
        for name, heads in zip(("scene", "abstract"), zip(*rows, strict=True), strict=False):
            step, expected = reference.get(f"{name}/step"), reference[f"{name}/{n_frames}"]
            found.append(difference(np.stack(heads), expected, step, most_steps))
    return found


def difference(
    ours: np.ndarray, expected: np.ndarray, step: np.ndarray | None, most_steps: float
) -> Difference:
    """In steps of the logits' grid where they have one, else relative to the largest logit."""
    largest = float(np.abs(ours - expected).max())
    if step is not None:
        return Difference(largest / float(step), most_steps + HAIR, "steps")
    return Difference(largest / float(np.abs(expected).max()), MOST_RELATIVE, "of the logits")


def check(path: Path, runtime: str) -> bool:
    """Print the worst of a file's differences; whether it is allowed."""
    worst = max(compare(path, runtime), key=lambda d: np.nan_to_num(d.found, nan=np.inf))
    print(f"{'ok  ' if worst.ok else 'FAIL'} {path.name:38} {runtime:12} {worst}")
    return worst.ok


def main(folder: Path) -> int:
    """Check all files in all runtimes; 1 when one disagrees."""
    assert "torch" not in sys.modules
    for name, runtime in RUNTIMES.items():
        print(f"{name} {runtime.version} {runtime.problem or ''}".rstrip())
    results = [
        check(path, name)
        for name, runtime in RUNTIMES.items()
        for path in sorted(folder.glob(f"*.{runtime.format}"))
    ]
    print(f"{sum(results)} of {len(results)} agree with torch")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
