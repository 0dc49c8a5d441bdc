"""The verbs of the training machine: data, train, import-public, quantize, export."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli.console import print_json, progress_bar, tables
from edge_asc.cli.errors import ERROR, OVER_BUDGET, complain

RUN_FOLDER = "EDGE_ASC_RUN_FOLDER"  # tells the processes of one training where its run is
FORMATS = {"tflite": ["tflite"], "onnx": ["onnx"], "all": ["tflite", "onnx"]}

EXAMPLES = {
    "train": (
        "edge-asc train compact-int8 --data DIR --fold 1",
        "edge-asc train compact-int8 --data DIR --fold 1 --name fold1 --resume",
        "edge-asc train nano --data DIR --set train.epochs=40 --logger tensorboard",
        "edge-asc train my.toml --data recordings.csv --devices 2",
        "edge-asc train compact-int8 --data DIR --fold 1 --init edge-asc-runs/pre-trained",
        "edge-asc train compact-int8 --data DIR --fold 1 --teacher edge-asc-runs/wide",
    ),
    "quantize": (
        "edge-asc quantize",
        "edge-asc quantize edge-asc-runs/fold1 --set quantize.epochs=10",
        "edge-asc quantize --ptq",
        "edge-asc quantize edge-asc-runs/fold1 --teacher edge-asc-runs/fold1",
    ),
    "export": (
        "edge-asc export --int8",
        "edge-asc export edge-asc-runs/fold1 --fp16 --format onnx --out models",
        "edge-asc export --int8 --rule dcase2024 --no-enforce",
    ),
    "import-public": (
        "edge-asc import-public best.pt --out edge-asc-runs/public",
        "edge-asc import-public best.pt --out edge-asc-runs/public --labels TAU/meta.csv",
    ),
    "data check": ("edge-asc data check DIR", "edge-asc data check recordings.csv --json"),
    "data synth": ("edge-asc data synth DIR", "edge-asc data synth DIR --clips 20 --clip-s 1"),
}

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the preset; again."),
]
Teacher = Annotated[
    list[Path] | None,
    typer.Option(metavar="RUN", help="Learn from this run's answers too; again for several."),
]
RunFolder = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="Run folder [the newest finished one].")
]


def train(
    preset: Annotated[str, typer.Argument(help="Name of a preset, or a .toml file.")],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="Data set.")],
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Test fold, held out [train on everything].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs [edge-asc-runs].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run [time and preset].")] = None,
    overrides: Overrides = None,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin with its weights, but the heads'.")
    ] = None,
    teacher: Teacher = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    devices: Annotated[int, typer.Option(metavar="N", help="Processes or GPUs here.")] = 1,
    num_nodes: Annotated[int, typer.Option(metavar="N", help="Machines.")] = 1,
    logger: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="tensorboard, wandb or mlflow; again.")
    ] = None,
) -> None:
    """Train a network and write a run folder.

    --resume goes on with the run that --name names (and starts it when there is none), or with the
    newest one.
    """
    from edge_asc.config.schema import load_preset
    from edge_asc.data.open import open_dataset

    config = load_preset(preset, overrides or [])
    dataset = open_dataset(data)
    from edge_asc.training.placement import (  # after what may be wrong: torch
        Placement,
        is_main_process,
    )
    from edge_asc.training.run import train as train_run

    folder = train_run(
        config,
        dataset,
        fold,
        run_folder(config.name, out, name, resume, num_nodes),
        data=str(data),
        init=init,
        teachers=teacher or (),
        seed=seed,
        resume=resume,
        placement=Placement(devices, num_nodes),
        loggers=logger or (),
    )
    if is_main_process():
        print(trained_text(folder))


def run_folder(preset: str, out: Path | None, name: str | None, resume: bool, nodes: int) -> Path:
    """Where the run is to be; the same in every process of a training.

    Lightning starts its further processes with our own command line, at a later time.
    """
    from edge_asc.training.run_folder import DEFAULT_ROOT, new_run_folder, newest_run

    if "LOCAL_RANK" in os.environ and RUN_FOLDER in os.environ:
        return Path(os.environ[RUN_FOLDER])
    if nodes > 1 and not name:
        raise ValueError("--num-nodes above 1 needs --name: all machines must agree on the folder")
    root = out or DEFAULT_ROOT
    unnamed = newest_run if resume else partial(new_run_folder, preset)
    folder = root / name if name else unnamed(root)
    os.environ[RUN_FOLDER] = str(folder)
    return folder


def trained_text(folder: Path) -> str:
    """What a finished training says: where, and how good."""
    lines = [f"run {folder}"]
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    for part, figures in metrics.items():
        if isinstance(figures, dict) and "accuracy" in figures:
            share, clips = figures["accuracy"], figures.get("clips", "?")
            lines.append(f"  {part:10} accuracy {share:.1%} of {clips} clips")
    return "\n".join(lines)


def quantize(
    run: RunFolder = None,
    ptq: Annotated[
        bool, typer.Option("--ptq", help="Measure ranges only: quick, and a little less accurate.")
    ] = False,
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Data set, if it has moved.")
    ] = None,
    teacher: Teacher = None,
) -> None:
    """Quantise a run to int8.

    Batch norms are folded, then the network trains on with quantisers in place, on the run's own
    data. What was trained is what ships.
    """
    from edge_asc.training.run_folder import newest_run

    folder = run or newest_run(finished=True)
    from edge_asc.quantize.run import quantize_run

    if ptq and teacher:
        raise typer.BadParameter("--ptq does not train: there is nothing to learn with --teacher")
    quantised = quantize_run(
        folder,
        ptq=ptq,
        overrides=overrides or [],
        resume=resume,
        data=data,
        teachers=teacher or (),
    )
    print(trained_text(quantised))


def export(
    run: RunFolder = None,
    int8: Annotated[bool, typer.Option("--int8", help="8-bit weights and activations.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="16-bit weights.")] = False,
    fp32: Annotated[bool, typer.Option("--fp32", help="32-bit weights.")] = False,
    format: Annotated[str, typer.Option("--format", metavar="tflite|onnx|all")] = "tflite",
    rule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Size rule to keep [the preset's].")
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(metavar="N", help="Files hear a window N times, shifted [the preset's]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder [RUN/export].")] = None,
    no_enforce: Annotated[
        bool, typer.Option("--no-enforce", help="Write the file even when it breaks the rule.")
    ] = False,
) -> None:
    """Write a run as model files.

    Only files that keep the size rule and agree with torch are written. Exit code 3: over the rule.
    """
    precision = one_precision(int8, fp16, fp32)
    if format not in FORMATS:
        raise typer.BadParameter(f"--format {format!r} is not one of {', '.join(FORMATS)}")
    from edge_asc.training.run_folder import newest_run, read_run

    folder = run or newest_run(finished=True)
    rule = rule or read_run(folder).settings().rule
    from edge_asc.budget.rules import OverBudget
    from edge_asc.export.run import export_run

    options = {"precision": precision, "formats": FORMATS[format], "rule": rule, "out": out}
    try:
        written = export_run(folder, enforced=not no_enforce, views=views, **options)
    except OverBudget as error:
        complain(str(error))
        show_bytes(error, rule)
        raise typer.Exit(OVER_BUDGET) from error
    for file in written:
        print(exported_text(file))


def show_bytes(error: Exception, rule: str) -> None:
    """Print on stderr where the bytes of a network that is over its budget are, and what fits."""
    from rich.console import Console

    from edge_asc.budget.report import print_report
    from edge_asc.budget.rules import rules_named

    inventory = getattr(error, "inventory", None)
    if inventory is not None:
        print_report(inventory, rules_named(rule), Console(stderr=True))


def one_precision(int8: bool, fp16: bool, fp32: bool) -> Any:
    """The one that was asked for; typer's usage error when it is not just one."""
    wanted = [
        name for name, given in {"int8": int8, "float16": fp16, "float32": fp32}.items() if given
    ]
    if len(wanted) != 1:
        raise typer.BadParameter("give one of --int8, --fp16, --fp32")
    return wanted[0]


def exported_text(file: Any) -> str:
    """One line about a file that was written."""
    figures = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in file.parity.items()}
    parity = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in figures.items() if v is not None)
    return f"{file.path}  {file.bytes:,} bytes\n  {parity}"


def import_public(
    file: Annotated[Path, typer.Argument(help="Checkpoint of the paper's public code (.pt).")],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder to write.")],
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="TAU 2020 Mobile, if it is at hand.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|FILE",
            help="Scenes as the checkpoint numbers them: a,b,c... or the meta.csv it was trained"
            " with [alphabetical].",
        ),
    ] = None,
) -> None:
    """Make a run of a checkpoint of the paper's public code.

    evaluate, quantize and export take it like any other. No code in the file is run.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint at {file}: no such file")
    from edge_asc.data.labels import TAU_SCENES
    from edge_asc.training.start_from.public import import_public as import_run
    from edge_asc.training.start_from.public_labels import read_order

    order = TAU_SCENES if labels is None else read_order(labels)
    print(f"run {import_run(file, out, data, order)}")
    if labels is None:
        complain(
            "took the scenes in alphabetical order; the public code numbers them as its"
            " meta.csv does: --labels META.CSV"
        )


def data_check(
    path: Annotated[Path, typer.Argument(help="Data set: a folder or a CSV file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count a data set's clips and decode them all.

    Lists the files that cannot be used. Exit code 1 when there are such files.
    """
    from edge_asc.data.check import check_dataset
    from edge_asc.data.check_report import print_report
    from edge_asc.data.open import open_dataset

    dataset = open_dataset(path)
    with progress_bar("decoding", len(dataset.clips)) as on_progress:
        report = check_dataset(dataset, on_progress)
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report, tables())
    if report.bad:
        raise typer.Exit(ERROR)


def data_synth(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    clips: Annotated[int, typer.Option(metavar="N", help="Clips per scene.")] = 40,
    clip_s: Annotated[float, typer.Option("--clip-s", metavar="S", help="Seconds per clip.")] = 2.0,
    rate: Annotated[int, typer.Option(metavar="HZ", help="Sample rate.")] = 16000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 0,
) -> None:
    """Write ten synthetic scenes to try things on.

    Nothing in them is a recording.
    """
    from edge_asc.data.synthetic import write_synthetic

    table = write_synthetic(
        folder, clips_per_class=clips, clip_s=clip_s, sample_rate_hz=rate, seed=seed
    )
    print(f"synthetic scenes: {table}")
