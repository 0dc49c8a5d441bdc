"""The verbs that measure: evaluate, and the simulated microphones to evaluate with."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, progress_bar, tables
from edge_asc.cli.options import (
    AsJson,
    Columns,
    Crops,
    Data,
    FileOrRun,
    FoldOrAll,
    ForDevice,
    RuntimeName,
    TaskScore,
    Views,
    fold_of,
    models_of,
)
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_asc.evaluation.evaluate import Evaluation

EXAMPLES = {
    "evaluate": (
        "edge-asc evaluate model.tflite --data DIR",
        "edge-asc evaluate esc10-32k --data ESC-10",
        "edge-asc evaluate edge-asc-runs/fold1 --data DIR --fold 1 --out report",
        "edge-asc evaluate model.onnx --data DIR --fold 1 --crops slide --json",
        "edge-asc evaluate model.tflite --data DIR --curve confidence.png --unknown OTHER",
        "edge-asc evaluate edge-asc-runs/scenes --data DIR --joint-with edge-asc-runs/groups",
        "edge-asc evaluate model.tflite --data DIR --fold 1 --microphones clean,seen:5,unseen:5",
        "edge-asc evaluate model.tflite --data Development_Set --score biodcase2026",
        "edge-asc evaluate all.tflite --data TAU --for-device a=a.tflite --for-device b=b.tflite",
    ),
    "microphones": (
        "edge-asc microphones",
        "edge-asc microphones --only unseen:12 --json",
        "edge-asc microphones --plot microphones.png",
        "edge-asc microphones street.wav --only seen:2,unseen:3 --out heard",
    ),
}


def evaluate(
    target: FileOrRun,
    data: Data,
    columns: Columns = None,
    fold: FoldOrAll = None,
    crops: Crops = "3",
    clip_s: Annotated[
        float | None,
        typer.Option(
            "--clip-s", metavar="S", help="Hear clips in pieces of this [the data set's]."
        ),
    ] = None,
    views: Views = None,
    runtime: RuntimeName = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="Weigh scenes by the model's own abstract classes.")
    ] = False,
    joint_with: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|NAME|RUN",
            help="Weigh scenes by this model's abstract classes.",
            autocompletion=complete.models,
        ),
    ] = None,
    for_device: ForDevice = None,
    microphones: Annotated[
        str,
        typer.Option(metavar="LIST", help="Also through simulated microphones: seen:5,unseen:5."),
    ] = "clean",
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write metrics.json, predictions.csv, pictures."),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw reliability, and accuracy over coverage."),
    ] = None,
    unknown: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Sounds of other classes: a data set or a folder."),
    ] = None,
    score: TaskScore = None,
    measured: Annotated[
        str | None,
        typer.Option(
            metavar="QUANTITY=VALUE,…",
            help="With --score: what a board measured, by the task's names.",
        ),
    ] = None,
    inference: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="With --score: the float network that is handed in too."),
    ] = None,
) -> None:
    """Measure a model on a data set's test clips.

    A file runs in its own runtime with the numpy front end, a run in torch.
    """
    from edge_asc.audio.microphones.choice import parse_microphones
    from edge_asc.budget.score import parse_measured
    from edge_asc.data.layouts.columns import parse_columns
    from edge_asc.data.layouts.find_table import lists_read
    from edge_asc.data.open import open_dataset
    from edge_asc.evaluation.evaluate import evaluate as measure
    from edge_asc.plotting import can_draw, check_drawable
    from edge_asc.runtime.zoo.models import model_path

    heard_by = parse_microphones(microphones)
    tested_on = fold_of(fold)
    if curve:
        check_drawable(curve)
    written = {"--curve": curve, "--out": out and out / "predictions.csv"}
    check_outputs(written, lists_read(data, parse_columns(columns) if columns else None))
    if joint and joint_with:
        raise typer.BadParameter("give one of --joint, --joint-with")
    if score is None and (measured is not None or inference):
        raise typer.BadParameter("--measured and --inference go with --score")
    if inference and not (inference / "run.json").is_file():
        raise ValueError(f"--inference {inference}: expected a run folder, the float network")
    known = parse_measured(measured) if measured is not None else {}
    with progress_bar("clips") as on_progress:
        dataset = open_dataset(data, columns=columns)
        heard = partial(measure, data=dataset, crops=crops, clip_s=clip_s, on_progress=on_progress)
        result = heard(
            model_path(target),
            fold=tested_on,
            views=views,
            runtime=runtime,
            joint=joint,
            joint_with=joint_with and model_path(joint_with),
            for_device=models_of(for_device),
            unknown=unknown,
            microphones=heard_by,
        )
        if score:
            result.figures["score"] = _score(result, inference, known, heard)
    for warning in result.figures["warnings"]:
        notice(f"warning: {warning}")
    if out:
        result.save(out)
        if not can_draw():
            notice(f"warning: no pictures in {out}: they need matplotlib")
    if curve:
        from edge_asc.evaluation.confidence_plot import save_confidence

        save_confidence(result.figures, curve)
    if as_json:
        print_json(result.figures)
    else:
        from edge_asc.evaluation.report import print_evaluation

        print_evaluation(result.figures, tables())


def _score(
    result: "Evaluation",
    inference: Path | None,
    known: dict[str, float],
    heard: "Callable[..., Evaluation]",
) -> dict[str, Any]:
    """Points of a model, with what is measured elsewhere and the float network's own answers."""
    from edge_asc.research.task_score import score_of_figures, together

    parts = [score_of_figures(result.figures)]
    if inference:
        other = heard(inference, fold=result.figures["fold"])
        result.figures["warnings"] += other.figures["warnings"]
        parts.insert(0, score_of_figures(other.figures))
    return together(*parts).measured(known).to_dict()


def microphones(
    audio: Annotated[
        Path | None, typer.Argument(metavar="[AUDIO]", help="Write what they make of this file.")
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="LIST", help="seen:N, unseen:N, seen-I, unseen-I.")
    ] = "seen:8,unseen:9",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write [the working folder].")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw their frequency responses.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List simulated microphones, and let people hear them.

    Generated filters, noise and clipping; they are no microphones of this machine. `seen` ones are
    for training, `unseen` ones, of other kinds, for tests alone.
    """
    from edge_asc.audio.microphones.choice import parse_microphones

    chosen = parse_microphones(only)
    if not chosen:
        raise typer.BadParameter(f"--only {only} names no microphone")
    if out and not audio:
        raise typer.BadParameter("--out goes with AUDIO")
    check_outputs({"--plot": plot})
    if plot:
        from edge_asc.audio.microphones.plot import save_responses

        save_responses(chosen, plot)
    if audio:
        from edge_asc.audio.microphones.listening import write_heard

        written = write_heard(audio, chosen, out or Path())
        names = [str(path) for path in written]
        print_json(names) if as_json else print_text("\n".join(names))
    elif as_json:
        print_json(chosen)
    else:
        from edge_asc.audio.microphones.listening import microphone_table

        tables().print(microphone_table(chosen))
