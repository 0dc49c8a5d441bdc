"""Arguments and options that several verbs have, each spelled once."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli import complete
from edge_asc.suggest import no_such

ALL_FOLDS = "all"
FORMULAS = ("biodcase2026",)
OR_NAME = "or a name of `edge-asc models`; a file of that name comes first"


def one_of(known: Callable[[], Iterable[str]]) -> Callable[[str | None], str | None]:
    """A callback that takes one of the known names; another is wrong usage."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in (names := list(known())):
            raise typer.BadParameter(no_such("", value, names))
        return value

    return check


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path, typer.Option("--data", metavar="PATH", help="Data set.")]
DataOrNone = Annotated[Path | None, typer.Option("--data", metavar="PATH", help="Data set.")]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="OURS=THEIRS,…",
        help="Columns of a table with other names: path=filename,label=class,fold=fold,group=fsID.",
    ),
]
PresetOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="[PRESET]",
        help="Name of a preset, or a .toml file.",
        autocompletion=complete.presets,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one setting of the preset; again.",
        autocompletion=complete.settings,
    ),
]
Teacher = Annotated[
    list[Path] | None,
    typer.Option(metavar="RUN", help="Learn from this run's answers too; again for several."),
]
AnswersFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Learn from these answers too: logits by clip, NPZ, CSV."),
]
RunFolder = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="Run folder [the newest finished one].")
]
ModelOrDefault = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="FILE|NAME",
        help=f"Model file, {OR_NAME} [the zoo's default].",
        autocompletion=complete.models,
    ),
]
FileOrRun = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|NAME|RUN",
        help=f"Run folder, model file {OR_NAME}.",
        autocompletion=complete.models,
    ),
]
TaskScore = Annotated[
    str | None,
    typer.Option(
        "--score",
        metavar="|".join(FORMULAS),
        callback=one_of(lambda: FORMULAS),
        help="Also points by this task's ranking formula.",
        autocompletion=complete.one_of(*FORMULAS),
    ),
]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=one_of(complete.runtime_names),
        help="litert, tflite or onnxruntime [the first installed one that runs the file].",
        autocompletion=complete.runtimes,
    ),
]
Views = Annotated[
    int | None,
    typer.Option(metavar="N", help="Hear a window N times, shifted [as the model says]."),
]
Crops = Annotated[
    str,
    typer.Option(
        metavar="1|3|slide",
        callback=one_of(complete.crop_names),
        help="Whole clips; start, middle and end; windows that overlap by half.",
        autocompletion=complete.crops,
    ),
]
FoldOrAll = Annotated[
    str | None,
    typer.Option(
        metavar="N|all",
        help="Test fold [the one held out in training]; all: every clip, of a set that no"
        " training has seen.",
    ),
]
ForDevice = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DEVICE=FILE|RUN",
        help="This model answers for clips of that recording device; again.",
    ),
]
RuleOrAll = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=one_of(complete.rule_names),
        help="Rule to judge by, or all.",
        autocompletion=complete.rules,
    ),
]


def fold_of(text: str | None) -> int | str | None:
    """A fold as `evaluate` takes it; another word is wrong usage."""
    if text in (None, ALL_FOLDS):
        return text
    if not str(text).isdecimal():
        raise typer.BadParameter(f"--fold is a number or {ALL_FOLDS}, not {text!r}")
    return int(str(text))


def models_of(texts: list[str] | None) -> dict[str, Path]:
    """Models by recording device, as `--for-device` is typed; another form is wrong usage."""
    found: dict[str, Path] = {}
    for text in texts or ():
        device, equals, path = text.partition("=")
        if not (device and equals and path):
            raise typer.BadParameter(f"--for-device takes DEVICE=FILE, not {text!r}")
        if device in found:
            raise typer.BadParameter(f"--for-device names {device} twice")
        found[device] = Path(path)
    return found
