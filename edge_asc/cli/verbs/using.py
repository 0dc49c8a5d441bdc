"""The verbs of a finished model: models, classify, info."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text
from edge_asc.cli.errors import ERROR, complain, said
from edge_asc.cli.options import OR_NAME, AsJson, ModelOrDefault, RuntimeName, one_of
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import notice

FORMATS = ("tflite", "onnx")
ModelName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="As `edge-asc models` has it.", autocompletion=complete.models
    ),
]


def _no_models(paths: list[str]) -> list[str]:
    """What is given as audio; a model among it is wrong usage, which would be heard with another.

    A name of the zoo that is no file here is one as well.
    """
    from edge_asc.runtime.zoo.models import SUFFIXES, zoo_names

    for path in paths:
        if Path(path).suffix in SUFFIXES or (path in zoo_names() and not Path(path).exists()):
            raise typer.BadParameter(f"{path} is a model: give it as --model {path}")
    return paths


AudioFiles = Annotated[
    list[str],
    typer.Argument(metavar="AUDIO...", callback=_no_models, help="Files, folders, patterns."),
]

EXAMPLES = {
    "models": ("edge-asc models", "edge-asc models --json"),
    "models show": ("edge-asc models show esc10-32k", "edge-asc models show esc10-32k --json"),
    "models path": (
        "edge-asc models path NAME",
        "edge-asc models path esc10-32k --copy DIR --format onnx",
    ),
    "classify": (
        "edge-asc classify street.wav",
        "edge-asc classify street.wav --model esc10-32k",
        "edge-asc classify recordings/ '*.flac' --model model.tflite --top 1",
        "edge-asc classify day.flac --model model.onnx --hop 60 --json",
        "edge-asc classify recordings/ --csv answers.csv",
    ),
    "embed": (
        "edge-asc embed recordings/ --out recordings.npz",
        "edge-asc embed '*.flac' --out x.npz --model esc10-32k --hop 1",
    ),
    "info": ("edge-asc info", "edge-asc info esc10-32k", "edge-asc info model.tflite --json"),
}


def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that come with edge-asc.

    The encoder, which `teach` builds upon, stands last.
    """
    if context.invoked_subcommand:
        return
    from edge_asc.runtime.zoo.models import model_facts, models_text, zoo_encoders, zoo_models

    models = [*zoo_models(), *zoo_encoders()]
    if as_json:
        print_json([model_facts(model) for model in models])
    else:
        print_text(models_text(models))


def show_model(
    name: ModelName,
    as_json: AsJson = False,
) -> None:
    """Print a model's card: data, licence, accuracy, limits."""
    from edge_asc.runtime.zoo.models import find_model, model_facts

    model = find_model(name)
    print_json(model_facts(model) | {"card": model.card}) if as_json else print_text(model.card)


def path_of_model(
    name: ModelName,
    copy: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Copy it to a folder or file.")
    ] = None,
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="tflite|onnx",
            callback=one_of(lambda: FORMATS),
            help="Which file.",
            autocompletion=complete.one_of(*FORMATS),
        ),
    ] = "tflite",
    as_json: AsJson = False,
) -> None:
    """Print where a model's file lies, or copy it."""
    from edge_asc.runtime.zoo.models import copy_model, find_model

    model = find_model(name)
    path = copy_model(model, file_format, copy) if copy else model.file(file_format)
    print_json({"name": model.name, "file": str(path)}) if as_json else print_text(path)


def classify(
    audio: AudioFiles,
    model: ModelOrDefault = None,
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
    table: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Also write a table: scene and probabilities."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what scenes audio files are, of any length.

    Exit code 1 when a file could not be used; the others are classified all the same.
    """
    from edge_asc.runtime.answers.answer_table import write_table
    from edge_asc.runtime.answers.report import result_dict, result_text
    from edge_asc.runtime.classifier import Classifier
    from edge_asc.runtime.classify import FileResult, classify_all, find_audio
    from edge_asc.runtime.zoo.models import model_or_default

    failed: list[dict[str, str]] = []

    def on_error(path: Path, error: Exception) -> None:
        complain(said(error))
        failed.append({"path": str(path), "error": said(error)})

    check_outputs({"--csv": table}, [model] if model else [])
    classifier = Classifier.load(model_or_default(model, notice), runtime, threads)
    least = classifier.threshold if floor is None else floor
    results: Iterable[FileResult] = classify_all(find_audio(audio), classifier, hop, on_error)
    if table:
        results = list(results)
        write_table(results, classifier.metadata, least, table)
    if as_json:
        files = [result_dict(result, classifier.metadata, top, least) for result in results]
        print_json({**model_dict(classifier), "files": files, "failed": failed})
    else:
        print_text(classifier.description)
        for result in results:
            print_text(result_text(result, classifier.metadata, top, least))
    if failed:
        raise typer.Exit(ERROR)


def embed(
    audio: AudioFiles,
    out: Annotated[Path, typer.Option(metavar="FILE.npz", help="Where they go.")],
    model: Annotated[
        Path,
        typer.Option(
            metavar="FILE|NAME",
            help=f"An encoder or another .tflite file {OR_NAME}.",
            autocompletion=complete.models,
        ),
    ] = Path("encoder"),
    hop: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds from one window to the next [half a window]."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn audio files into vectors, to do more with.

    FILE.npz gets embeddings [N, D] and paths [N]: the mean over each file's windows. Exit code 1
    when a file could not be used; the others are in it all the same.
    """
    from edge_asc.runtime.answers.table import embed_all, write_table
    from edge_asc.runtime.classify import find_audio
    from edge_asc.runtime.zoo.models import load

    failed: list[dict[str, str]] = []

    def on_error(path: Path, error: Exception) -> None:
        complain(said(error))
        failed.append({"path": str(path), "error": said(error)})

    check_outputs({"--out": out}, [model])
    loaded = load(model)
    found = embed_all(find_audio(audio), loaded, hop, on_error)
    if found:
        write_table(found, loaded, out)
        size = len(next(iter(found.values())))
        facts = {"file": str(out), "files": len(found), "numbers": size, "failed": failed}
        text = f"{out}  {len(found)} files, {size} numbers each, by {loaded.metadata.name}"
        print_json(facts) if as_json else print_text(text)
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
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|NAME]", help=f"Model file, {OR_NAME}.", autocompletion=complete.models
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a model file says of itself, or versions."""
    from edge_asc.runtime.info import file_info, file_text, machine_info, machine_text
    from edge_asc.runtime.metadata import ALTERED
    from edge_asc.runtime.zoo.models import model_path

    if file is None:
        facts, text = machine_info(), machine_text
    else:
        facts, text = file_info(model_path(file)), file_text
    print_json(facts) if as_json else print_text(text(facts))
    if facts.get("integrity") == "altered":
        raise ValueError(f"{file}: {ALTERED}")
