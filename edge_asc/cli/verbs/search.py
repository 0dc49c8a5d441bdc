"""The verbs that search for networks: search, search show, search best, search preset."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, tables
from edge_asc.cli.options import AsJson, Columns, Data, Overrides, one_of
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import is_quiet, notice

EXAMPLES = {
    "search": (
        "edge-asc search --rule edge-128k --data DIR --fold 1 --trials 50",
        "edge-asc search --rule edge-128k --data DIR --fold 1 --bytes 32000 --study 32k",
        "edge-asc search --rule edge-128k --data DIR --fold 1 --peak-memory 100000 --study small",
        "edge-asc search --rule dcase2022 --data DIR --fold 1 --space mine.toml --epochs 10",
        "edge-asc search --rule edge-128k --data DIR --fold 1 --storage postgresql://asc@host/asc",
    ),
    "search show": (
        "edge-asc search show --out front.png",
        "edge-asc search show --storage postgresql://asc@host/asc --study 32k --json",
    ),
    "search best": (
        "edge-asc search best --data DIR --top 3 --seeds 0,1,2",
        "edge-asc search best --data DIR --folds all --seeds 0,1 --set train.epochs=60 --json",
    ),
    "search preset": (
        "edge-asc search preset --trial 12 --out my.toml",
        "edge-asc search preset --study 32k --trial 7 --out small.toml",
    ),
}
FOLDER = Path("edge-asc-search")
STUDY = "search"

Storage = Annotated[
    str | None,
    typer.Option(metavar="URL", help="SQLite or PostgreSQL [FOLDER/trials.db, a SQLite file]."),
]


OneStudy = Annotated[
    str | None, typer.Option("--study", metavar="NAME", help="One study [all of the storage].")
]
SearchFolder = Annotated[
    Path, typer.Option("--folder", metavar="FOLDER", help="The search's --out.")
]


def search(
    context: typer.Context,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=one_of(complete.rule_names),
            help="Size rule to keep.",
            autocompletion=complete.rules,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="Data set, the same for all.")
    ] = None,
    columns: Columns = None,
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Test fold: never read [there is none].")
    ] = None,
    space: Annotated[
        Path | None, typer.Option(metavar="TOML", help="What is varied [the package's own].")
    ] = None,
    storage: Storage = None,
    study: Annotated[str, typer.Option(metavar="NAME", help="Name of the study.")] = STUDY,
    trials: Annotated[
        int, typer.Option(metavar="N", min=1, help="Candidates to train, by all workers together.")
    ] = 50,
    epochs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Of a candidate's short training.")
    ] = 15,
    max_bytes: Annotated[
        int | None, typer.Option("--bytes", metavar="N", min=1, help="A tighter limit of the file.")
    ] = None,
    max_macs: Annotated[
        int | None,
        typer.Option("--macs", metavar="N", min=1, help="MACs per second of audio, at most."),
    ] = None,
    max_peak: Annotated[
        int | None,
        typer.Option(
            "--peak-memory", metavar="N", min=1, help="Bytes of activations at one time, at most."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of everything random.")] = 0,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Checkpoints of what is in training.")
    ] = FOLDER,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search for accurate networks that keep a size rule.

    Any number of workers on any number of machines may share one storage. Ctrl-C keeps what is
    done; the same command goes on. A password goes into EDGE_ASC_STORAGE_PASSWORD or a file that
    EDGE_ASC_STORAGE_PASSWORD_FILE names, or the whole address into EDGE_ASC_STORAGE.
    """
    if context.invoked_subcommand:
        return
    if rule is None or data is None:
        raise typer.BadParameter("search needs --rule and --data")
    import edge_asc.search.storage as storages  # first of all: is Optuna there?
    from edge_asc.config.schema import load_preset
    from edge_asc.data.open import open_dataset
    from edge_asc.search.space import DEFAULT_SPACE, read_space

    url = storages.address(storage, out / "trials.db", os.environ)
    varied = read_space(space or DEFAULT_SPACE).without(overrides or [])
    base = load_preset(varied.base, overrides or [])
    dataset = open_dataset(data, columns=columns)
    from edge_asc.search.price import search_rule
    from edge_asc.search.task import Task
    from edge_asc.search.worker import search as work

    kept = search_rule(rule, max_bytes, max_macs, max_peak)
    task = Task(base, varied, dataset, fold, kept, epochs, seed)
    work(task, url, study, trials, out, progress=not is_quiet())
    _print(url, study, as_json, None)


def show(
    storage: Storage = None,
    study: OneStudy = None,
    folder: SearchFolder = FOLDER,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help="Picture to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the Pareto front of accuracy, bytes, work and peak memory.

    Also while a search is running.
    """
    check_outputs({"--out": out})
    _print(_existing(storage, folder), study, as_json, out)


def best(
    data: Data,
    columns: Columns = None,
    top: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many, by validation accuracy.")
    ] = 3,
    seeds: Annotated[
        str, typer.Option(metavar="N,N…", help="Train each from each of these seeds.")
    ] = "0,1,2",
    folds: Annotated[
        str | None,
        typer.Option(metavar="N,N…|all", help="Test on each of these folds [the search's]."),
    ] = None,
    overrides: Overrides = None,
    storage: Storage = None,
    study: OneStudy = None,
    folder: SearchFolder = FOLDER,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the runs [FOLDER/best].")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw intervals and differences.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train the best candidates in full, each from several seeds, and compare them.

    The same command again trains what is missing, and goes on with what was interrupted.
    """
    from edge_asc.data.open import open_dataset
    from edge_asc.plotting import check_drawable
    from edge_asc.research.many import parse_folds, parse_seeds
    from edge_asc.search.show import open_studies
    from edge_asc.search.storage import close, open_storage

    if plot:
        check_drawable(plot)
    check_outputs({"--plot": plot}, [data])
    numbers = parse_seeds(seeds)
    opened = open_storage(_existing(storage, folder))
    try:
        from edge_asc.search.best import candidates, searched_fold

        studies = open_studies(opened, study)
        dataset = open_dataset(data, columns=columns)
        held_out = searched_fold(studies, dataset)
        chosen = candidates(studies, top, out or folder / "best", overrides or [])
    finally:
        close(opened)
    if folds is not None:
        tested = parse_folds(folds, dataset)
    elif held_out is not None:
        tested = [held_out]
    else:
        raise ValueError("the search held no fold out: name some to test on with --folds")
    if known := [str(fold) for fold in tested if fold != held_out]:
        notice(
            f"warning: the search chose by clips of fold {', '.join(known)}:"
            " test figures on them are too good"
        )
    from edge_asc.search.best import train_best
    from edge_asc.search.best_tables import print_best

    found = train_best(chosen, dataset, os.path.abspath(data), tested, numbers, not is_quiet())
    if plot:
        from edge_asc.research.comparison.plot import save_comparison

        save_comparison(found["comparison"], plot)
    print_json(found) if as_json else print_best(found, tables())


def preset(
    trial: Annotated[int, typer.Option(metavar="N", min=0, help="Number of the trial.")],
    out: Annotated[Path, typer.Option(metavar="TOML", help="Preset to write.")],
    storage: Storage = None,
    study: Annotated[str, typer.Option(metavar="NAME", help="The trial's study.")] = STUDY,
    folder: SearchFolder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Write a candidate as a preset that train takes.

    It has the long schedule of the preset that the search began with.
    """
    from edge_asc.search.show import open_studies, save_preset
    from edge_asc.search.storage import close, open_storage

    check_outputs({"--out": out})
    opened = open_storage(_existing(storage, folder))
    try:
        record = save_preset(open_studies(opened, study)[0], trial, out)
    finally:
        close(opened)
    if as_json:
        print_json({"preset": str(out), "trial": trial, "file_bytes": record.file_bytes})
        return
    print_text(f"{out}: {record.file_bytes:,} bytes; edge-asc train {out} --data PATH --fold N")


def _existing(storage: str | None, folder: Path) -> Any:
    """The storage to read; a SQLite file that is not there is not made."""
    from edge_asc.search.storage import address

    url = address(storage, folder / "trials.db", os.environ)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise FileNotFoundError(f"no search at {url.database}: no such file")
    return url


def _print(url: Any, study: str | None, as_json: bool, picture: Path | None) -> None:
    from edge_asc.search.show import front_table, open_studies, records_of, summary
    from edge_asc.search.storage import close, open_storage

    opened = open_storage(url)
    try:
        studies = open_studies(opened, study)
        if picture:
            from edge_asc.search.picture import save_front

            save_front(records_of(studies), picture)
        if as_json:
            print_json(summary(studies))
        else:
            tables().print(front_table(records_of(studies)))
    finally:
        close(opened)
