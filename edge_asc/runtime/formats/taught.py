"""What a file was taught lies beside it, under its own name: `my.taught.npz` of `my.tflite`."""

from pathlib import Path

SUFFIX = ".taught.npz"


def memory_path(model: Path) -> Path:
    """Where the memory of a model's file lies; of a file that was not taught, nothing does."""
    return model.with_name(model.stem + SUFFIX)
