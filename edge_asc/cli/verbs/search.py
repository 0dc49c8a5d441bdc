"""The verbs that search for networks: search, search show, search preset."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, tables
from edge_asc.cli.options import AsJson, Columns, Overrides, one_of
from edge_asc.cli.verbosity import is_quiet

EXAMPLES = {
    "search": (
        "edge-asc search --rule edge-128k --data DIR --fold 1 --trials 50",
        "edge-asc search --rule edge-128k --data DIR --fold 1 --bytes 32000 --study 32k",
        "edge-asc search --rule dcase2022 --data DIR --fold 1 --space mine.toml --epochs 10",
        "edge-asc search --rule edge-128k --data DIR --fold 1 --storage postgresql://asc@host/asc",
    ),
    "search show": (
        "edge-asc search show --out front.png",
        "edge-asc search show --storage postgresql://asc@host/asc --study 32k --json",
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

    kept = search_rule(rule, max_bytes, max_macs)
    task = Task(base, varied, dataset, fold, kept, epochs, seed)
    work(task, url, study, trials, out, progress=not is_quiet())
    _print(url, study, as_json, None)


def show(
    storage: Storage = None,
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="One study [all of the storage].")
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="The search's --out.")
    ] = FOLDER,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help="Picture to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the Pareto front of accuracy, bytes and work.

    Also while a search is running.
    """
    _print(_existing(storage, folder), study, as_json, out)


def preset(
    trial: Annotated[int, typer.Option(metavar="N", min=0, help="Number of the trial.")],
    out: Annotated[Path, typer.Option(metavar="TOML", help="Preset to write.")],
    storage: Storage = None,
    study: Annotated[str, typer.Option(metavar="NAME", help="The trial's study.")] = STUDY,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="The search's --out.")
    ] = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Write a candidate as a preset that train takes.

    It has the long schedule of the preset that the search began with.
    """
    from edge_asc.search.show import open_studies, save_preset
    from edge_asc.search.storage import close, open_storage

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
