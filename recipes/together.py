"""What networks of the same fold know, one by one and together.

`together.py FOLDER FOLDER...` prints, of folders that `edge-asc evaluate --out FOLDER` wrote, the
accuracy and the log loss at the best temperature, then those of the mean of their probabilities.
That temperature is fitted on the very clips it is judged by: it tells recipes apart, no more.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from calibration_tables import predictions
from tables import markdown

from edge_asc.evaluation.confidence import fit_temperature, mean_probabilities
from edge_asc.evaluation.metrics import SMALLEST_PROBABILITY, accuracy, log_loss


def figures(probabilities: np.ndarray, truth: np.ndarray) -> list[str]:
    """Accuracy in %, and log loss in nats, of probabilities `[N, S]`."""
    logits = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))[:, None]  # [N, 1, S]
    sharpened = mean_probabilities(logits, fit_temperature(logits, truth))
    return [f"{100 * accuracy(probabilities, truth):.2f}", f"{log_loss(sharpened, truth):.3f}"]


def main(folders: Sequence[Path]) -> None:
    """Print the table."""
    found = [predictions(folder / "predictions.csv") for folder in folders]
    truth = found[0][1]
    if any(not np.array_equal(other, truth) for _, other in found):
        raise SystemExit("together.py: these were not evaluated on the same clips")
    rows = [[str(folder), *figures(*one)] for folder, one in zip(folders, found, strict=True)]
    mean = np.mean([probabilities for probabilities, _ in found], axis=0)
    rows.append(["together", *figures(mean, truth)])
    print(markdown(["", "accuracy, %", "log loss"], rows))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main([Path(name) for name in sys.argv[1:]])
