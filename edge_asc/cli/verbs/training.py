"""The verbs that make runs: train, join, import-public."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text
from edge_asc.cli.options import (
    AnswersFile,
    AsJson,
    Columns,
    DataOrNone,
    Overrides,
    PresetOrNone,
    Teacher,
)
from edge_asc.cli.verbosity import is_quiet, notice

RUN_FOLDER = "EDGE_ASC_RUN_FOLDER"  # tells the processes of one training where its run is

EXAMPLES = {
    "train": (
        "edge-asc train compact-int8 --data DIR --fold 1",
        "edge-asc train compact-int8 --data DIR --fold 1 --name fold1 --resume",
        "edge-asc train nano --data DIR --set train.epochs=40 --logger tensorboard",
        "edge-asc train my.toml --data recordings.csv --devices 2",
        "edge-asc train compact-int8 --data DIR --fold 1 --init edge-asc-runs/pre-trained",
        "edge-asc train compact-int8 --data DIR --fold 1 --teacher edge-asc-runs/wide",
        "edge-asc train compact-int8 --data DIR --fold 1 --teacher edge-asc-runs/wide"
        " --set train.distill_feature_weight=1",
        "edge-asc train compact-int8 --data DIR --fold 1 --answers ensemble.npz",
        "edge-asc train dcase2025/compact --data TAU --fold 1 --train-list split25.csv",
        "edge-asc train dcase2025/baseline-device --data TAU --fold 1 --init RUN --only-device a",
        "edge-asc train encoder-base --data DIR --fold 1 --base encoder",
        "edge-asc train nano --data DIR --name nano --folds all --seeds 0,1,2",
        "edge-asc train --like edge-asc-runs/fold1 --name again",
    ),
    "join": (
        "edge-asc join edge-asc-runs/seed0 edge-asc-runs/seed1 --out edge-asc-runs/both",
        "edge-asc join tuned-a tuned-b tuned-c --average --out edge-asc-runs/mean",
    ),
    "import-public": (
        "edge-asc import-public best.pt --out edge-asc-runs/public",
        "edge-asc import-public best.pt --out edge-asc-runs/public --labels TAU/meta.csv",
    ),
}


def train(
    preset: PresetOrNone = None,
    data: DataOrNone = None,
    columns: Columns = None,
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Test fold, held out [train on everything].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs [edge-asc-runs].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run [time and preset].")] = None,
    overrides: Overrides = None,
    train_list: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME",
            help="Train on this list's clips only, such as split25.csv; data.train_list.",
        ),
    ] = None,
    only_device: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="Train and test on its clips only; again."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Begin with its weights, and its heads' where the scenes are the same.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME",
            help="Begin with this model file, as `encoder`; with the preset encoder-base.",
            autocompletion=complete.models,
        ),
    ] = None,
    teacher: Teacher = None,
    answers: AnswersFile = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of everything random [0].")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N…", help="Train from each of these seeds.")
    ] = None,
    folds: Annotated[
        str | None, typer.Option(metavar="N,N…|all", help="Hold out each of these folds.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Make this run again: all but --data, --out and --name."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    devices: Annotated[int, typer.Option(metavar="N", help="Processes or GPUs here.")] = 1,
    num_nodes: Annotated[int, typer.Option(metavar="N", help="Machines.")] = 1,
    logger: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="tensorboard, wandb or mlflow; again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a network and write a run folder.

    --resume goes on with the run that --name names (and starts it when there is none), or with the
    newest one. --seeds and --folds make a folder of runs; what is missing is trained, whatever was
    interrupted goes on.
    """
    from edge_asc.config.schema import load_preset
    from edge_asc.config.settings import begun_with
    from edge_asc.data.open import open_dataset

    if fold is not None and folds is not None:
        raise typer.BadParameter("give one of --fold, --folds")
    if (seeds or folds) and (devices > 1 or num_nodes > 1):
        raise typer.BadParameter("--seeds and --folds train in one process, one run after another")
    if seed is not None and seeds is not None:
        raise typer.BadParameter("give one of --seed, --seeds")
    chosen = data_settings(train_list, only_device)
    if like is not None:
        given = [preset, columns, fold, base, init, seed, seeds, folds, *chosen]
        if teacher or answers or overrides or any(value is not None for value in given):
            raise typer.BadParameter("--like RUN takes all from the run but --data, --out, --name")
        from edge_asc.research.again import recipe_of

        recipe = recipe_of(like, data)
        config, data, fold, seed = recipe.config, recipe.data, recipe.fold, recipe.seed
        init, teacher, answers = recipe.init, [*recipe.teachers], recipe.answers
        dataset = open_dataset(data, columns=recipe.columns)
    elif preset is None or data is None:
        raise typer.BadParameter(f"Missing {'PRESET' if preset is None else 'option --data'}")
    else:
        config = load_preset(preset, [*(overrides or []), *chosen])
        if base is not None:
            config = begun_with(config, base, init)
        dataset = open_dataset(data, columns=columns)
    from edge_asc.research.many import check_seed

    check_seed(first_seed := seed or 0)
    from edge_asc.training.placement import (  # after what may be wrong: torch
        Placement,
        is_main_process,
    )
    from edge_asc.training.run import train as train_run
    from edge_asc.training.run_folder import DEFAULT_ROOT, removed_if_empty

    def train_one(fold: int | None, seed: int, folder: Path, resume: bool = True) -> None:
        with removed_if_empty(folder):
            train_run(
                config,
                dataset,
                fold,
                folder,
                data=str(data),
                init=init,
                teachers=teacher or (),
                answers=answers,
                seed=seed,
                resume=resume,
                placement=Placement(devices, num_nodes),
                loggers=logger or (),
                progress=not is_quiet(),
            )

    if seeds is not None or folds is not None:
        from edge_asc.research.many import Asked, many_text, parse_folds, parse_seeds, train_many

        found = train_many(
            (out or DEFAULT_ROOT) / (name or config.name.replace("/", "-")),
            [fold] if folds is None else parse_folds(folds, dataset),
            [first_seed] if seeds is None else parse_seeds(seeds),
            Asked(config, dataset.name, init, tuple(teacher or ()), answers),
            train_one,
        )
        print_json(found) if as_json else print_text(many_text(found))
        return
    folder = run_folder(config.name, out, name, resume, num_nodes)
    train_one(fold, first_seed, folder, resume)
    if like is not None and is_main_process():
        from edge_asc.research.again import again_text, compare_again

        result = compare_again(like, folder)
        print_json(result) if as_json else print_text(again_text(result))
    elif is_main_process():
        print_trained(folder, as_json)


def data_settings(train_list: str | None, devices: list[str] | None) -> list[str]:
    """The settings that the options for training clips stand for."""
    if train_list is not None and any(Path(n).is_file() for n in (train_list, train_list + ".csv")):
        train_list = os.path.abspath(train_list)  # and no name in the data set
    settings = {"data.train_list": train_list, "data.devices": devices}
    return [f"{key}={json.dumps(value)}" for key, value in settings.items() if value]


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


def print_trained(folder: Path, as_json: bool) -> None:
    """Say of a finished training where it is, and how good."""
    from edge_asc.evaluation.interval import interval_text, wilson
    from edge_asc.files import read_json

    metrics = read_json(folder / "metrics.json")
    if as_json:
        print_json({"run": str(folder), "metrics": metrics})
        return
    print_text(f"run {folder}")
    for part, figures in metrics.items():
        if isinstance(figures, dict) and "accuracy" in figures:
            share, clips = figures["accuracy"], figures.get("clips", "?")
            found = f"  {part:10} accuracy {share:.1%} of {clips} clips"
            if n := figures.get("recordings"):
                found += f" (95 % interval {interval_text(wilson(share, n))}, {n} recordings)"
            print_text(found)


def join(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Two finished runs or more.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder to write.")],
    average: Annotated[
        bool,
        typer.Option("--average", help="One network with the mean of the weights, of one --init."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make one run of several, with the mean of their logits.

    They must have heard the same clips by the same front end. evaluate, quantize and export take
    the new run like any other: one file holds all networks.
    """
    from edge_asc.training.start_from.members import join_runs

    run = join_runs(runs, out, average)
    print_json({"run": str(run)}) if as_json else print_text(f"run {run}")


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
    as_json: AsJson = False,
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
    run = import_run(file, out, data, order)
    print_json({"run": str(run)}) if as_json else print_text(f"run {run}")
    if labels is None:
        notice(
            "took the scenes in alphabetical order; the public code numbers them as its"
            " meta.csv does: --labels META.CSV"
        )
