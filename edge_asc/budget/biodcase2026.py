"""The ranking formula of BioDCASE 2026, task 3, and what the task's own tools count for it.

The formula is `submission/rank_submissions/rank_formula.txt` in the organisers' repository,
github.com/birdnet-team/BioDCASE-Tiny-2026; MACs of a file are `compute_macs` of
`biodcase_tiny/embedded/esp_monitor_parser.py` there. Quantities have the names of its results
table: `inference` is the float network that was handed in, `tflite` its file, `embedded` what an
ESP32-S3 measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from edge_asc.budget.inventory import Inventory, Layer

NAME = "biodcase2026"


@dataclass(frozen=True)
class Term:
    """A quantity's part of the score: nothing at `worst`, `weight` points at `best`.

    What is better than `best` earns more. What is worse than `worst` earns nothing where the term
    is `floored`, else less than nothing.
    """

    worst: float
    best: float
    weight: float
    floored: bool

    def points(self, value: float) -> float:
        """What a value earns."""
        found = (value - self.worst) / (self.best - self.worst)
        return self.weight * (max(found, 0.0) if self.floored else found)


FORMULA: Mapping[str, Term] = {
    "accuracy_inference": Term(0.56, 1.0, 1.0, floored=False),
    "accuracy_tflite": Term(0.56, 1.0, 2.0, floored=False),
    "roc_auc_inference": Term(0.89, 0.97, 0.5, floored=False),
    "roc_auc_tflite": Term(0.89, 0.97, 0.5, floored=False),
    "model_size_tflite_bytes": Term(4_755_032, 42_232, 0.5, floored=False),
    "macs_inference": Term(267_313_754, 23_326_923, 0.3, floored=True),
    "macs_tflite": Term(567_313_754, 3_911_888, 0.5, floored=True),
    "embedded_time_ms_preprocessing": Term(477.46, 241.12, 0.3, floored=True),
    "embedded_time_ms_model": Term(2000.0, 287.53, 0.4, floored=True),
    "embedded_time_ms_total": Term(2000.0, 287.53, 0.5, floored=True),
    "embedded_ram_usage_bytes": Term(1_000_000, 95_900, 0.5, floored=True),
}
RAM, SIZE = "embedded_ram_usage_bytes", "model_size_tflite_bytes"


def points(values: Mapping[str, float]) -> dict[str, float]:
    """What each quantity that is known earns, in the formula's order.

    Raises:
        ValueError: a quantity that the formula does not have.
    """
    if unknown := sorted(set(values) - set(FORMULA)):
        raise ValueError(f"{', '.join(unknown)}: not of {NAME}: {', '.join(FORMULA)}")
    return {name: term.points(values[name]) for name, term in FORMULA.items() if name in values}


def counted(inventory: Inventory) -> dict[str, float]:
    """The quantities that a network shows without a clip and without a board.

    A TFLite file has its size, its MACs and its activations, which stand for the board's memory; a
    network in torch has the MACs of the float network, and the size of the file it would be, where
    one was written. What was not counted in full is left out.
    """
    found: dict[str, float] = {}
    if inventory.source == "onnx":
        return found
    if inventory.file_bytes is not None and "file" not in inventory.missing:
        found[SIZE] = inventory.file_bytes
    is_file = inventory.source == "tflite"
    if "work" not in inventory.missing:
        found["macs_tflite" if is_file else "macs_inference"] = macs(inventory)
    if is_file and "activations" not in inventory.missing:
        found[RAM] = inventory.peak_activation_bytes
    return found


def macs(inventory: Inventory) -> int:
    """MACs for one input: of a TFLite file as the task's tool counts, else layers with weights."""
    if inventory.source != "tflite":
        return inventory.torchinfo_macs
    return inventory.macs + sum(_without_weights(layer) for layer in inventory.layers)


def _without_weights(layer: Layer) -> int:
    """What the tool counts of pools, sums and products; of all others nothing."""
    if layer.kind in ("ADD", "MUL", "SUB"):
        return prod(layer.output_shape)
    is_pool = layer.kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
    if not is_pool or not len(layer.input_shape) == len(layer.output_shape) == 4:
        return 0
    # It takes a window for as large as input over output, whatever the file says.
    height, width = (layer.input_shape[axis] // max(layer.output_shape[axis], 1) for axis in (1, 2))
    return prod(layer.output_shape) * height * width
