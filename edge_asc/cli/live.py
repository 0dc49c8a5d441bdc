"""The verbs of live listening: live, log summary, doctor, bench."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_asc.cli.console import print_json, tables
from edge_asc.cli.errors import ERROR, complain
from edge_asc.cli.model import AsJson, RuntimeName

if TYPE_CHECKING:
    from edge_asc.demo.doctor.findings import Finding

WEB_ADDRESS = "127.0.0.1:8765"  # of a --web without one
EXAMPLES = {
    "live": (
        "edge-asc live --model model.tflite",
        "edge-asc live --model model.tflite --list-microphones",
        "edge-asc live --model model.tflite --microphone 'USB PnP' --web --log scenes.jsonl",
        "edge-asc live --model model.tflite --source walk.wav --json",
        "arecord -f S16_LE -r 44100 | edge-asc live --model model.tflite --source -",
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
        "edge-asc bench model.tflite",
        "edge-asc bench model.onnx --threads 4 --json",
    ),
}


def _known_raw(value: str | None) -> Any:
    if value is None:
        return None
    from edge_asc.demo.sources.pcm import parse_raw

    try:
        return parse_raw(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def live(
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|NAME", help="Model, .tflite, .onnx or of the zoo [its default]."
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(metavar="mic|FILE|-", help="A microphone, a recording, or WAV on stdin."),
    ] = "mic",
    microphone: Annotated[
        str | None,
        typer.Option(metavar="NAME|INDEX", help="Microphone [the system's default]."),
    ] = None,
    list_microphones: Annotated[
        bool, typer.Option("--list-microphones", help="Print the microphones, and end.")
    ] = False,
    raw: Annotated[
        str | None,
        typer.Option(
            metavar="RATE[:CH[:CODING]]",
            callback=_known_raw,
            help="What headerless audio is: Hz, channels, u8 s16 s24 s32 f32 or f64.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for more at the end of FILE, as tail -f does.")
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play FILE at its own speed, not as fast as can be.")
    ] = False,
    hop: Annotated[
        float, typer.Option(metavar="S", help="Seconds from one decision to the next.")
    ] = 1.0,
    smooth: Annotated[
        float, typer.Option(metavar="S", help="Time constant of the smoothing; 0: none.")
    ] = 3.0,
    margin: Annotated[
        float, typer.Option(metavar="P", help="Lead that another scene needs to be shown.")
    ] = 0.1,
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Confidence below which it says 'unsure' [the model's, else 0.4]."
        ),
    ] = None,
    gate: Annotated[
        float | None,
        typer.Option(
            metavar="DBFS", help="Level below which it says 'unsure', as -50: a quiet room."
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print a line per decision.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no decisions.")] = False,
    web: Annotated[
        str | None,
        typer.Option(metavar="[[HOST:]PORT]", help=f"Serve a web page [at {WEB_ADDRESS}]."),
    ] = None,
    stream_audio: Annotated[
        bool, typer.Option("--stream-audio", help="Let the page's visitors listen.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a log, .jsonl or .csv.")
    ] = None,
    log_every: Annotated[
        str, typer.Option(metavar="change|decision", help="What is worth a line in the log.")
    ] = "change",
    mqtt: Annotated[
        str | None, typer.Option(metavar="URL", help="Publish to a broker, as mqtt://host.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Serve figures for Prometheus.")
    ] = None,
    runtime: RuntimeName = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Of the runtime.")] = 1,
    install_service: Annotated[
        bool,
        typer.Option("--install-service", help="Run the rest of this line at every start."),
    ] = False,
    print_service: Annotated[
        bool, typer.Option("--print", help="With --install-service: only print the unit.")
    ] = False,
) -> None:
    """Say which scene a microphone hears, as long as it runs.

    Secrets (web token, MQTT password) come from the environment or files, never from here.
    """
    if list_microphones:
        from edge_asc.demo.sources.microphones import list_text

        print(list_text())
        return
    if print_service and not install_service:
        raise typer.BadParameter("--print goes with --install-service")
    from edge_asc.demo.command import Listening, check, listen
    from edge_asc.demo.smoothing import FLOOR, Smoothing
    from edge_asc.runtime.zoo.models import model_or_default

    wanted = Listening(
        model=model_or_default(model, complain),
        source=source,
        microphone=microphone,
        raw=raw,  # type: ignore[arg-type]  # parsed by its callback
        follow=follow,
        realtime=realtime,
        hop_s=hop,
        smoothing=Smoothing(smooth, margin, FLOOR if floor is None else floor),
        gate_dbfs=gate,
        models_floor=floor is None,
        view=_view(plain, as_json, quiet),
        web=web,
        stream_audio=stream_audio,
        log=log,
        log_every=log_every,
        mqtt=mqtt,
        metrics=metrics,
        runtime=runtime,
        threads=threads,
    )
    check(wanted)
    if install_service:
        from edge_asc.demo.service.service import install

        print(install(sys.argv[sys.argv.index("live") + 1 :], print_service))
    else:
        listen(wanted)


def _view(plain: bool, as_json: bool, quiet: bool) -> str:
    """What is shown: pictures only where a person looks."""
    asked = [n for n, on in (("plain", plain), ("json", as_json), ("quiet", quiet)) if on]
    if len(asked) > 1:
        raise typer.BadParameter(f"--{asked[0]} and --{asked[1]} exclude each other")
    if asked:
        return asked[0]
    can_draw = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return "terminal" if can_draw else "plain"


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

    summary = summarise(logs)
    if as_json:
        print_json(summary_dict(summary))
    else:
        print_summary(summary, tables())
    if plot:
        from edge_asc.demo.outputs.log.plot import save_plot

        save_plot(logs, plot)


def doctor(
    microphone: Annotated[
        str | None,
        typer.Option(metavar="NAME|INDEX", help="Microphone [the system's default]."),
    ] = None,
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
            metavar="[FILE|NAME]", help="Model, .tflite, .onnx or of the zoo [its default]."
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
            complain(f"measuring {part}")

    report = measuring.measure(model_or_default(model, complain), seconds, threads, on_part)
    print_json(measuring.as_dict(report)) if as_json else print(measuring.text(report))
