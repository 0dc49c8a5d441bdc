"""The verbs of a finished model: budget, evaluate, classify, info."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edge_asc.cli.console import print_json, progress_bar, tables
from edge_asc.cli.errors import ERROR, OVER_BUDGET, complain, said

if TYPE_CHECKING:
    from edge_asc.runtime.metadata import Precision

EXAMPLES = {
    "budget": (
        "edge-asc budget compact-int8",
        "edge-asc budget model.tflite --rule all",
        "edge-asc budget amfm-full --rule dcase2021a --json",
    ),
    "evaluate": (
        "edge-asc evaluate model.tflite --data DIR",
        "edge-asc evaluate edge-asc-runs/fold1 --data DIR --fold 1 --out report",
        "edge-asc evaluate model.onnx --data DIR --fold 1 --crops slide --json",
        "edge-asc evaluate model.tflite --data DIR --curve confidence.png --unknown OTHER",
        "edge-asc evaluate edge-asc-runs/scenes --data DIR --joint-with edge-asc-runs/groups",
        "edge-asc evaluate model.tflite --data DIR --fold 1 --microphones clean,seen:5,unseen:5",
    ),
    "classify": (
        "edge-asc classify street.wav",
        "edge-asc classify street.wav --model model.tflite",
        "edge-asc classify recordings/ '*.flac' --model model.tflite --top 1",
        "edge-asc classify day.flac --model model.onnx --hop 60 --json",
    ),
    "info": ("edge-asc info", "edge-asc info model.tflite --json"),
}


def known_crops(value: str) -> str:
    """A value of --crops, or wrong usage."""
    from edge_asc.frontend.windows import CROPS

    return _one_of(value, CROPS)


def _known_runtime(value: str | None) -> str | None:
    if value is None:
        return None
    from edge_asc.runtime.classifier import RUNTIMES

    return _one_of(value, RUNTIMES)


def _known_rule(value: str) -> str:
    from edge_asc.budget.rules import RULES

    return _one_of(value, [*RULES, "all"])


def _known_precision(value: str | None) -> str | None:
    return value and _one_of(value, ("float32", "float16", "int8"))


def _one_of(value: str, known: Any) -> str:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=_known_runtime,
        help="litert, tflite or onnxruntime [the first installed one that runs the file].",
    ),
]
Views = Annotated[
    int | None,
    typer.Option(metavar="N", help="Hear a window N times, shifted [as the model says]."),
]


def budget(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Presets, runs, .tflite, .onnx files.")
    ],
    rule: Annotated[
        str, typer.Option(metavar="NAME", callback=_known_rule, help="Rule to judge by, or all.")
    ] = "edge-128k",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="float32|float16|int8",
            callback=_known_precision,
            help="Of a preset or run [its own].",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count bytes and operations, judge by size rules.

    Exit code 0: inside; 3: over; 1: a file that cannot be read.
    """
    from edge_asc.budget.report import print_report
    from edge_asc.budget.rules import report, rules_named
    from edge_asc.export.count import budget_of

    rules = rules_named(rule)
    reports: list[dict[str, Any]] = []
    n_unreadable = 0
    for target in targets:
        try:
            inventories = budget_of(target, cast("Precision | None", precision))
        except (ValueError, OSError) as error:
            complain(said(error))
            n_unreadable += 1
            continue
        for inventory in inventories:
            reports.append(report(inventory, rules))
            if not as_json:
                print_report(inventory, rules, tables())
    if as_json:
        print_json(reports)
    if n_unreadable:
        raise typer.Exit(ERROR)
    if not all(entry["ok"] for entry in reports):
        raise typer.Exit(OVER_BUDGET)


def evaluate(
    target: Annotated[Path, typer.Argument(metavar="FILE|RUN", help="Model file or run folder.")],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="Data set.")],
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Test fold [the one held out in training].")
    ] = None,
    crops: Annotated[
        str,
        typer.Option(
            metavar="1|3|slide",
            callback=known_crops,
            help="Whole clips; start, middle and end; windows that overlap by half.",
        ),
    ] = "3",
    clip_s: Annotated[
        float | None,
        typer.Option("--clip-s", metavar="S", help="Pad or cut clips to this [the data set's]."),
    ] = None,
    views: Views = None,
    runtime: RuntimeName = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="Weigh scenes by the model's own abstract classes.")
    ] = False,
    joint_with: Annotated[
        Path | None,
        typer.Option(metavar="FILE|RUN", help="Weigh scenes by this model's abstract classes."),
    ] = None,
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
) -> None:
    """Measure a model on a data set's test clips.

    A file runs in its own runtime with the numpy front end, a run in torch.
    """
    from edge_asc.audio.microphones.choice import parse_microphones
    from edge_asc.evaluation.evaluate import evaluate as measure
    from edge_asc.plotting import can_draw, check_drawable

    heard_by = parse_microphones(microphones)
    if curve:
        check_drawable()
    if joint and joint_with:
        raise typer.BadParameter("give one of --joint, --joint-with")
    with progress_bar("clips") as on_progress:
        result = measure(
            target,
            data,
            fold=fold,
            crops=crops,
            clip_s=clip_s,
            views=views,
            runtime=runtime,
            joint=joint,
            joint_with=joint_with,
            unknown=unknown,
            microphones=heard_by,
            on_progress=on_progress,
        )
    for warning in result.figures["warnings"]:
        complain(f"warning: {warning}")
    if out:
        result.save(out)
        if not can_draw():
            complain(f"warning: no pictures in {out}: they need matplotlib")
    if curve:
        from edge_asc.evaluation.confidence_plot import save_confidence

        save_confidence(result.figures, curve)
    if as_json:
        print_json(result.figures)
    else:
        from edge_asc.evaluation.report import print_evaluation

        print_evaluation(result.figures, tables())


def classify(
    audio: Annotated[
        list[str], typer.Argument(metavar="AUDIO...", help="Files, folders, patterns.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|NAME", help="Model, .tflite, .onnx or of the zoo [its default]."
        ),
    ] = None,
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="P", min=0, max=1, help="Confidence below which it is 'unsure' [the model's]."
        ),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds from one window to the next [half a window]."),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Scenes to show.")] = 3,
    runtime: RuntimeName = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Of the runtime.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Say what scenes audio files are, of any length.

    Exit code 1 when a file could not be used; the others are classified all the same.
    """
    from edge_asc.runtime.classifier import Classifier
    from edge_asc.runtime.classify import classify_all, find_audio
    from edge_asc.runtime.classify_report import result_dict, result_text
    from edge_asc.runtime.zoo.models import model_or_default

    failed: list[dict[str, str]] = []

    def on_error(path: Path, error: Exception) -> None:
        complain(said(error))
        failed.append({"path": str(path), "error": said(error)})

    classifier = Classifier.load(model_or_default(model, complain), runtime, threads)
    least = classifier.threshold if floor is None else floor
    results = classify_all(find_audio(audio), classifier, hop, on_error)
    if as_json:
        files = [result_dict(result, classifier.metadata, top, least) for result in results]
        print_json({**model_dict(classifier), "files": files, "failed": failed})
    else:
        print(classifier.description)
        for result in results:
            print(result_text(result, classifier.metadata, top, least), flush=True)
    if failed:
        raise typer.Exit(ERROR)


def model_dict(classifier: Any) -> dict[str, Any]:
    """Which model in which runtime, as JSON has it."""
    return {
        "model": classifier.metadata.name,
        "file": str(classifier.path),
        "file_bytes": classifier.file_bytes,
        "precision": classifier.metadata.precision,
        "runtime": classifier.runtime,
        "runtime_version": classifier.runtime_version,
        "window_s": classifier.metadata.clip_s,
    }


def info(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Model file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a model file says of itself, or versions."""
    from edge_asc.runtime.info import file_info, file_text, machine_info, machine_text

    if file is None:
        facts, text = machine_info(), machine_text
    else:
        facts, text = file_info(file), file_text
    print_json(facts) if as_json else print(text(facts))
