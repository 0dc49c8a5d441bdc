"""The verb of simulated microphones: microphones."""

from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli.console import print_json, tables
from edge_asc.cli.model import AsJson

EXAMPLES = {
    "microphones": (
        "edge-asc microphones",
        "edge-asc microphones --only unseen:12 --json",
        "edge-asc microphones --plot microphones.png",
        "edge-asc microphones street.wav --only seen:2,unseen:3 --out heard",
    )
}


def microphones(
    audio: Annotated[
        Path | None, typer.Argument(metavar="[AUDIO]", help="Write what they make of this file.")
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="LIST", help="seen:N, unseen:N, seen-I, unseen-I.")
    ] = "seen:8,unseen:9",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write [the working folder].")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw their frequency responses.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List simulated microphones, and let people hear them.

    Generated filters, noise and clipping; they are no microphones of this machine. `seen` ones are
    for training, `unseen` ones, of other kinds, for tests alone.
    """
    from edge_asc.audio.microphones.choice import parse_microphones

    chosen = parse_microphones(only)
    if not chosen:
        raise typer.BadParameter(f"--only {only} names no microphone")
    if out and not audio:
        raise typer.BadParameter("--out goes with AUDIO")
    if plot:
        from edge_asc.audio.microphones.plot import save_responses

        save_responses(chosen, plot)
    if audio:
        from edge_asc.audio.microphones.listening import write_heard

        written = write_heard(audio, chosen, out or Path())
        names = [str(path) for path in written]
        print_json(names) if as_json else print("\n".join(names))
    elif as_json:
        print_json(chosen)
    else:
        from edge_asc.audio.microphones.listening import microphone_table

        tables().print(microphone_table(chosen))
