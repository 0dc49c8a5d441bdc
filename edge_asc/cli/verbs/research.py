"""The verbs of papers and challenges: compare."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, progress_bar, tables
from edge_asc.cli.options import AsJson, Columns, FoldOrAll, fold_of, one_of
from edge_asc.cli.verbosity import notice

METRICS = ("accuracy", "macro-accuracy", "log-loss")

EXAMPLES = {
    "compare": (
        "edge-asc compare evaluations/baseline evaluations/compact",
        "edge-asc compare baseline.tflite compact.tflite --data DIR --fold 1 --plot figure.pdf",
        "edge-asc compare baseline=edge-asc-runs/base ours=edge-asc-runs/ours --latex table.tex",
        "edge-asc compare 'int8=fold?-int8.tflite' 'fp16=fold?-float16.tflite' --data DIR --json",
    ),
}


def compare(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]WHAT…",
            help="Runs, model files, folders that evaluate --out wrote, folders of these;"
            " several with commas or * are one network's folds and seeds.",
            autocompletion=complete.models,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Data set to ask models about [the run's].")
    ] = None,
    columns: Columns = None,
    fold: FoldOrAll = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="|".join(METRICS),
            callback=one_of(lambda: METRICS),
            help="What is compared.",
            autocompletion=complete.one_of(*METRICS),
        ),
    ] = METRICS[0],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the tables for a paper.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw intervals and differences.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare networks on the same clips, and tell which differences are more than chance.

    95 % intervals; differences by McNemar's exact test on clips, or a bootstrap over recordings
    where clips share recordings, seeds differ, or another metric is asked for.
    """
    if len(targets) < 2:
        raise typer.BadParameter("give two or more to compare")
    from edge_asc.plotting import check_drawable
    from edge_asc.research.compare import compare as measure
    from edge_asc.research.targets import Targets

    if plot:
        check_drawable()
    with progress_bar("clips") as on_progress:
        systems = Targets(data, fold_of(fold), columns, on_progress).open(targets)
    found = measure(systems, metric)
    for warning in found["warnings"]:
        notice(f"warning: {warning}")
    from edge_asc.research.compare_tables import grids, print_comparison, save_csv

    if csv:
        save_csv(found, csv)
    if latex:
        from edge_asc.research.written import write_latex

        write_latex(latex, grids(found))
    if plot:
        from edge_asc.research.compare_plot import save_comparison

        save_comparison(found, plot)
    print_json(found) if as_json else print_comparison(found, tables())
