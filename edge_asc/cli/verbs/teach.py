"""The verb that teaches sounds of one's own: teach."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, progress_bar
from edge_asc.cli.options import OR_NAME, AsJson, Columns

EXAMPLES = {
    "teach": (
        "edge-asc teach DIR --out my.tflite",
        "edge-asc teach DIR --add my.tflite --out my.tflite",
        "edge-asc teach sounds.csv --out my.tflite --views 6 --json",
    ),
}


def teach(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of recordings for each class, or a CSV.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .tflite file, or .onnx.")],
    encoder: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|NAME",
            help=f"What to teach upon: int8 .tflite file {OR_NAME} [the one that comes along].",
            autocompletion=complete.models,
        ),
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on from a taught file: what it knows stays, without the old recordings.",
        ),
    ] = None,
    views: Annotated[
        int,
        typer.Option(metavar="N", help="Hear each clip N times more, by other microphones."),
    ] = 3,
    columns: Columns = None,
    as_json: AsJson = False,
) -> None:
    """Make a model of your own recordings, without torch.

    A folder for each class, in it files or a folder for each recording. A folder _background holds
    what must get no name. Figures come from recordings that were left out. Exit code 3: over the
    size rule.
    """
    from edge_asc.teaching.report import taught_dict, taught_text
    from edge_asc.teaching.teach import teach as make

    with progress_bar("clips") as on_progress:
        taught = make(
            *(data, out),
            encoder=encoder,
            add=add,
            views=views,
            columns=columns,
            on_progress=on_progress,
        )
    print_json(taught_dict(taught)) if as_json else print_text(taught_text(taught))
