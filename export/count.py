"""What a preset, a run or a file costs. A .tflite file is counted without torch."""

from pathlib import Path
from typing import get_args

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.runtime.metadata import Precision
from edge_asc.runtime.zoo.models import model_path, zoo_names
from edge_asc.suggest import nearest


def budget_of(
    target: str,
    precision: Precision | None = None,
    *,
    frames: int | None = None,
    audio_s: float | None = None,
) -> list[Inventory]:
    """Count a preset (with the ten TAU scenes), a run folder, a model file or one of the zoo.

    Parameters and operations of a preset or run are those of the network as it is trained, batch
    norm apart, as the official counters read them; the file's bytes are those of a file that is
    really written, into memory.

    Raises:
        ValueError: none of these, a damaged file, or a precision for a file, which has its own.
        OSError: the file cannot be read.
    """
    if precision is not None and precision not in get_args(Precision):
        raise ValueError(f"precision {precision!r} is not one of {', '.join(get_args(Precision))}")
    path = Path(target)
    if not path.exists() and target in zoo_names():
        path = model_path(target)
    if path.is_file() and path.suffix != ".toml":
        if precision is not None:
            raise ValueError(f"{target}: --precision is for presets and runs; a file has its own")
        return [inventory_of_file(path, frames=frames, audio_s=audio_s)]
    if frames is not None or audio_s is not None:
        raise ValueError(f"{target}: --frames and --seconds are for files; this says its own")
    from edge_asc.config.schema import PRESETS  # Python 3.11; a file is counted by 3.10 as well

    if target not in PRESETS and path.suffix != ".toml" and not path.exists():
        near = nearest(target, [*PRESETS, *zoo_names()])
        hint = f"; did you mean {near}?" if near else f" (presets: {', '.join(PRESETS)})"
        raise ValueError(f"{target}: no file, run, preset or model of the zoo{hint}")
    from edge_asc.export.preset_budget import of_preset, of_run  # torch takes seconds

    if target in PRESETS or path.suffix == ".toml":
        return [of_preset(target, precision)]
    return [of_run(path, precision)]
