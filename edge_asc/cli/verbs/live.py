"""The verbs of live listening: live, log summary, doctor, bench."""

import sys
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, tables
from edge_asc.cli.errors import ERROR, WRONG_USAGE, complain
from edge_asc.cli.options import OR_NAME, AsJson
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import notice
from edge_asc.demo.options import MicrophoneName, Options

if TYPE_CHECKING:
    from edge_asc.demo.doctor.findings import Finding

OFFERED = {"model": complete.models, "runtime": complete.runtimes}  # behind TAB
EXAMPLES = {
    "live": (
        "edge-asc live --model model.tflite",
        "edge-asc live --model model.tflite --list-microphones",
        "edge-asc live --model model.tflite --microphone 'USB PnP' --web --log scenes.jsonl",
        "edge-asc live --model model.tflite --source walk.wav --json",
        "arecord -t raw -f S16_LE -r 44100 | edge-asc live --source - --raw 44100",
        "sudo edge-asc live --model model.tflite --mqtt mqtt://broker --install-service",
    ),
    "log summary": (
        "edge-asc log summary scenes.jsonl",
        "edge-asc log summary scenes.jsonl --plot week.png",
        "edge-asc log summary kitchen.csv --json",
    ),
    "doctor": (
        "edge-asc doctor",
        "edge-asc doctor --microphone 'USB PnP'",
        "edge-asc doctor --json",
    ),
    "bench": (
        "edge-asc bench",
        "edge-asc bench esc10-32k",
        "edge-asc bench model.onnx --threads 4 --json",
    ),
}


def from_fields(function: Callable[[Options], None]) -> Callable[..., None]:
    """A function of options as typer reads it: with a keyword for each of their fields."""
    hints = get_type_hints(Options, include_extras=True)
    for name, names in OFFERED.items():
        hints[name].__metadata__[0].autocompletion = names

    @wraps(function)
    def run(**values: Any) -> None:
        function(Options(**values))

    kind = Parameter.KEYWORD_ONLY
    run.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(f.name, kind, default=f.default, annotation=hints[f.name])
            for f in fields(Options)
        ]
    )
    run.__annotations__ = hints
    return run


@from_fields
def live(options: Options) -> None:
    """Say which scene a microphone hears, as long as it runs.

    Secrets (web token, MQTT password) come from the environment or files, never from here.
    """
    if options.list_microphones:
        from edge_asc.demo.sources.microphones import list_text

        print(list_text())
        return
    from edge_asc.demo.command import check, listen

    try:
        check(options)
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(WRONG_USAGE) from error  # a service is not started again after it
    if options.install_service:
        from edge_asc.demo.service.service import install

        print(install(options))
    else:
        listen(options)


def log_summary(
    logs: Annotated[
        list[Path], typer.Argument(metavar="LOG...", help="Written by edge-asc live --log.")
    ],
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw the days; needs matplotlib.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time per scene per day. Rotated files of a log are found by themselves."""
    from edge_asc.demo.outputs.log.summary import print_summary, summarise, summary_dict

    check_outputs({"--plot": plot}, logs)
    summary = summarise(logs)
    if as_json:
        print_json(summary_dict(summary))
    else:
        print_summary(summary, tables())
    if plot:
        from edge_asc.demo.outputs.log.plot import save_plot

        save_plot(logs, plot)


def doctor(
    microphone: MicrophoneName = None,
    recording: Annotated[
        bool, typer.Option("--recording/--no-recording", help="Record three seconds.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look at all that live listening needs, and say what to do.

    Exit code 1 when something cannot work.
    """
    from edge_asc.demo.doctor import doctor as checks

    def show(finding: "Finding") -> None:
        print(checks.finding_text(finding), flush=True)

    findings = checks.examine(
        microphone, recording, on_finding=(lambda _: None) if as_json else show
    )
    if as_json:
        print_json(checks.as_dict(findings))
    else:
        print(checks.summary(findings))
    if checks.failed(findings):
        raise typer.Exit(ERROR)


def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|NAME]",
            help=f"Model file, {OR_NAME} [the zoo's default].",
            autocompletion=complete.models,
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="S", help="Of each measurement.")] = 3.0,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Measure 1 to N threads [all cores, up to 4]."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast a model is on this machine."""
    from edge_asc.demo.bench import bench as measuring
    from edge_asc.runtime.zoo.models import model_or_default

    def on_part(part: str) -> None:
        if sys.stderr.isatty():
            notice(f"measuring {part}")

    report = measuring.measure(model_or_default(model, notice), seconds, threads, on_part)
    print_json(measuring.as_dict(report)) if as_json else print(measuring.text(report))
