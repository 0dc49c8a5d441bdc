"""The verbs of a file that is to be used: calibrate, and the models that come with edge-asc."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli.console import print_json, progress_bar
from edge_asc.cli.errors import OVER_BUDGET, complain
from edge_asc.cli.model import AsJson, known_crops

EXAMPLES = {
    "calibrate": (
        "edge-asc calibrate model.tflite --data DIR",
        "edge-asc calibrate model.tflite --data DIR --run edge-asc-runs/fold1 --target 0.9",
        "edge-asc calibrate all.tflite --data DIR --from fold1.tflite --from fold2.tflite",
    ),
    "models": ("edge-asc models", "edge-asc models --json"),
    "models show": ("edge-asc models show NAME", "edge-asc models show NAME | less"),
    "models path": (
        "edge-asc models path NAME",
        "edge-asc models path NAME --copy DIR --format onnx",
    ),
}


def _known_format(value: str) -> str:
    if value not in ("tflite", "onnx"):
        raise typer.BadParameter(f"{value!r} is not one of tflite, onnx")
    return value


def calibrate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Model, .tflite or .onnx.")],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="Data set.")],
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Its clips [the fold held out in training].")
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="A fold's file, for the fold it has not seen; again."
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The file's run: its validation clips.")
    ] = None,
    target: Annotated[
        float, typer.Option(metavar="P", help="Accuracy wanted of answers that are not 'unsure'.")
    ] = 0.95,
    crops: Annotated[
        str, typer.Option(metavar="1|3|slide", callback=known_crops, help="As in evaluate.")
    ] = "3",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this instead of FILE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a file's confidence true, and say when it is unsure.

    Fits a temperature and a threshold on clips that the network was not trained on, and stores them
    in the file. Exit code 3: the file would be over its budget, and stays as it was.
    """
    from edge_asc.budget.rules import OverBudget
    from edge_asc.evaluation.calibrate import calibrate as fit_and_store
    from edge_asc.evaluation.calibrate import calibration_text

    try:
        with progress_bar("clips") as on_progress:
            result = fit_and_store(
                file,
                data,
                fold=fold,
                others=others or (),
                run=run,
                target=target,
                crops=crops,
                out=out,
                on_progress=on_progress,
            )
    except OverBudget as error:
        complain(str(error))
        raise typer.Exit(OVER_BUDGET) from error
    print_json(result) if as_json else print(calibration_text(result))


def list_models(as_json: bool) -> None:
    """List the models that come with edge-asc."""
    from edge_asc.runtime.zoo.models import model_facts, models_text, zoo_models

    models = zoo_models()
    if as_json:
        print_json([model_facts(model) for model in models])
    else:
        print(models_text(models))


def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `edge-asc models` has it.")],
    as_json: AsJson = False,
) -> None:
    """Print a model's card: data, licence, accuracy, limits."""
    from edge_asc.runtime.zoo.models import find_model, model_facts

    model = find_model(name)
    if as_json:
        print_json(model_facts(model) | {"card": model.card})
    else:
        print(model.card)


def model_path(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `edge-asc models` has it.")],
    copy: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Copy it to a folder or file.")
    ] = None,
    file_format: Annotated[
        str,
        typer.Option("--format", metavar="tflite|onnx", callback=_known_format, help="Which file."),
    ] = "tflite",
) -> None:
    """Print where a model's file lies, or copy it."""
    from edge_asc.runtime.zoo.models import copy_model, find_model

    model = find_model(name)
    print(copy_model(model, file_format, copy) if copy else model.file(file_format))
