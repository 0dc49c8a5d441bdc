"""A model file that was written: a path that also knows its size and what it was compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ModelFile(PathLike[str]):
    """A `.tflite` or `.onnx` file; everything that takes a path takes it.

    Attributes:
        path: where it lies.
        parity: how it agrees with torch on real inputs, when it was written: `runtime`, `clips`,
            `largest_difference` of a logit (also in steps of the int8 grid and relative to the
            largest logit), `argmax_agreement` (0 to 1). Empty where nothing was compared.
    """

    path: Path
    parity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return self.path.stat().st_size

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return f"{self.path}  {self.bytes:,} bytes"
