"""The verbs of data sets: data check, data synth."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli.console import print_json, print_text, progress_bar, tables
from edge_asc.cli.errors import ERROR
from edge_asc.cli.options import AsJson, Columns

EXAMPLES = {
    "data check": ("edge-asc data check DIR", "edge-asc data check recordings.csv --json"),
    "data synth": ("edge-asc data synth DIR", "edge-asc data synth DIR --clips 20 --clip-s 1"),
}


def check(
    path: Annotated[Path, typer.Argument(help="Data set: a folder or a CSV file.")],
    columns: Columns = None,
    as_json: AsJson = False,
) -> None:
    """Count a data set's clips and decode them all.

    Lists the files that cannot be used and the recordings that are left out, by reason. Exit code 1
    when there are such files.
    """
    from edge_asc.data.check import check_dataset
    from edge_asc.data.check_report import print_report
    from edge_asc.data.open import open_dataset

    dataset = open_dataset(path, columns=columns)
    with progress_bar("decoding", len(dataset.clips)) as on_progress:
        report = check_dataset(dataset, on_progress)
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report, tables())
    if report.reasons:
        raise typer.Exit(ERROR)


def synth(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    clips: Annotated[int, typer.Option(metavar="N", help="Clips per scene.")] = 40,
    clip_s: Annotated[float, typer.Option("--clip-s", metavar="S", help="Seconds per clip.")] = 2.0,
    rate: Annotated[int, typer.Option(metavar="HZ", help="Sample rate.")] = 16000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write ten synthetic scenes to try things on.

    Nothing in them is a recording.
    """
    from edge_asc.data.synthetic import write_synthetic

    table = write_synthetic(
        folder, clips_per_class=clips, clip_s=clip_s, sample_rate_hz=rate, seed=seed
    )
    if as_json:
        print_json({"table": str(table), "clips_per_scene": clips})
    else:
        print_text(f"synthetic scenes: {table}")
