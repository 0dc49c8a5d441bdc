"""What a verb writes must not be what it reads, nor two things in one file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from edge_asc.audio.suffixes import AUDIO_SUFFIXES

# Of recordings and models; tables, pictures and presets never have them.
TAKEN = AUDIO_SUFFIXES | {".tflite", ".onnx", ".pt", ".ckpt"}


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path] = ()) -> None:
    """Refuse files that would be written over; wrong usage, before anything is done.

    And names that end like a recording or a model: such a file is never meant for a table.

    Args:
        outputs: by the option that names them; None where it was not given.
        inputs: what is read.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    seen: dict[str, str] = {}
    for option, path in given.items():
        if path.is_dir():
            raise typer.BadParameter(f"{option} {path} is a folder; name a file")
        if path.exists() and not path.is_file():
            continue  # a pipe or a device takes all
        ending = Path(os.path.realpath(path)).suffix  # a link's target is written
        if ending.lower() in TAKEN:
            raise typer.BadParameter(
                f"{option} {path}: {ending} is the ending of a recording or a model;"
                " name another file"
            )
        if (first := seen.setdefault(os.path.realpath(path), option)) != option:
            raise typer.BadParameter(f"{first} and {option} are the same file, {path}")
    if not any(os.path.exists(path) for path in seen):
        return
    for read in inputs:
        if read.is_file() and (option := seen.get(os.path.realpath(read), "")):
            raise typer.BadParameter(f"{option} {given[option]} would overwrite what is read")
