"""The verb that records sounds to teach: record."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli.console import print_json, print_text
from edge_asc.cli.errors import WRONG_USAGE, complain
from edge_asc.cli.options import AsJson
from edge_asc.cli.verbosity import is_quiet
from edge_asc.demo.options import RAW_HELP, Channel, Options, Text, says

EXAMPLES = {
    "record": (
        "edge-asc record doorbell",
        "edge-asc record _background --minutes 30 --microphone 'USB PnP'",
        "edge-asc record boiler --into cellar --source boiler.ogg --json",
        "arecord -f S16_LE -r 44100 -d 60 | edge-asc record boiler --source -",
    ),
}


def record(
    label: Annotated[
        str,
        typer.Argument(
            metavar="LABEL", help="The class; _background: what is heard and must get no name."
        ),
    ],
    minutes: Annotated[
        float, typer.Option(metavar="M", help="How long, at most; Ctrl-C ends it sooner.")
    ] = 1.0,
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the folders of the classes are.")
    ] = Path("sounds"),
    microphone: Annotated[
        Text,
        typer.Option(
            "--microphone",
            "--device",
            metavar="NAME|INDEX",
            help="Microphone [the system's default].",
        ),
    ] = None,
    channel: Channel = None,
    source: Annotated[
        str, says("--source", "A microphone, a recording, or WAV on stdin.", "mic|FILE|-")
    ] = "mic",
    raw: Annotated[Text, says("--raw", RAW_HELP, "RATE[:CH[:CODING]]")] = None,
    as_json: AsJson = False,
) -> None:
    """Record a sound to teach, from the microphone.

    Each call makes a new file DIR/LABEL/DATE_TIME.wav, which can be read at every moment, and
    touches no other. `edge-asc teach DIR` reads them.
    """
    from edge_asc.data.layouts.find_table import table_of
    from edge_asc.data.layouts.folders import recordings_by_class
    from edge_asc.demo.recording.command import check, listen
    from edge_asc.demo.recording.report import as_dict, as_text
    from edge_asc.teaching.strange import BACKGROUND

    options = Options(source=source, microphone=microphone, channel=channel, raw=raw)
    try:
        check(label, minutes, options)
        if table := table_of(into):
            raise ValueError(f"{into}: {table.name} says what belongs to it; choose another --into")
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(WRONG_USAGE) from error
    found = listen(into / label, minutes, options, is_quiet())
    counts = recordings_by_class(into)
    if as_json:
        print_json(as_dict(found, counts, BACKGROUND))
    else:
        print_text(as_text(found, counts, BACKGROUND))
