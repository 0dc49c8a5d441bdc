"""What `edge-asc live` can be asked for: each field is an option of the command line.

The command, the loop's parts and the service read the same object. A new option is a field here,
and the place that heeds it. Nothing heavy is imported, so that help comes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

from typer import Option

WEB_ADDRESS = "127.0.0.1:8765"  # of a --web without one
MicrophoneName = Annotated[
    str | None,
    Option("--microphone", metavar="NAME|INDEX", help="Microphone [the system's default]."),
]


@dataclass(frozen=True)
class Options:
    """The options; their annotations are what typer shows and reads."""

    model: Annotated[
        Path | None,
        Option(
            "--model",
            metavar="FILE|NAME",
            help="Model file, or a name of `edge-asc models`; a file of that name comes first"
            " [the zoo's default].",
        ),
    ] = None
    source: Annotated[
        str,
        Option(
            "--source", metavar="mic|FILE|-", help="A microphone, a recording, or WAV on stdin."
        ),
    ] = "mic"
    microphone: MicrophoneName = None
    list_microphones: Annotated[
        bool, Option("--list-microphones", help="Print the microphones, and end.")
    ] = False
    raw: Annotated[
        str | None,
        Option(
            "--raw",
            metavar="RATE[:CH[:CODING]]",
            help="What headerless audio is: Hz, channels, u8 s16 s24 s32 f32 or f64.",
        ),
    ] = None
    follow: Annotated[
        bool, Option("--follow", help="Wait for more at the end of FILE, as tail -f does.")
    ] = False
    realtime: Annotated[
        bool, Option("--realtime", help="Play FILE at its own speed, not as fast as can be.")
    ] = False
    hop_s: Annotated[
        float, Option("--hop", metavar="S", help="Seconds from one decision to the next.")
    ] = 1.0
    smooth_s: Annotated[
        float, Option("--smooth", metavar="S", help="Time constant of the smoothing; 0: none.")
    ] = 3.0
    margin: Annotated[
        float, Option("--margin", metavar="P", help="Lead that another scene needs to be shown.")
    ] = 0.1
    floor: Annotated[
        float | None,
        Option(
            "--floor",
            metavar="P",
            help="Confidence below which it says 'unsure' [the model's, else 0.4].",
        ),
    ] = None
    gate_dbfs: Annotated[
        float | None,
        Option(
            "--gate",
            metavar="DBFS",
            help="Level below which it says 'unsure', as -50: a quiet room.",
        ),
    ] = None
    plain: Annotated[bool, Option("--plain", help="Print a line per decision.")] = False
    as_json: Annotated[bool, Option("--json", help="Print JSON lines.")] = False
    quiet: Annotated[bool, Option("--quiet", help="Print no decisions.")] = False
    web: Annotated[
        str | None,
        Option("--web", metavar="[[HOST:]PORT]", help=f"Serve a web page [at {WEB_ADDRESS}]."),
    ] = None
    stream_audio: Annotated[
        bool, Option("--stream-audio", help="Let the page's visitors listen.")
    ] = False
    log: Annotated[
        Path | None, Option("--log", metavar="FILE", help="Write a log, .jsonl or .csv.")
    ] = None
    log_every: Annotated[
        str,
        Option("--log-every", metavar="change|decision", help="What is worth a line in the log."),
    ] = "change"
    mqtt: Annotated[
        str | None, Option("--mqtt", metavar="URL", help="Publish to a broker, as mqtt://host.")
    ] = None
    metrics: Annotated[
        str | None,
        Option("--metrics", metavar="[HOST:]PORT", help="Serve figures for Prometheus."),
    ] = None
    runtime: Annotated[
        str | None,
        Option(
            "--runtime",
            metavar="NAME",
            help="litert, tflite or onnxruntime [the first installed one that runs the file].",
        ),
    ] = None
    threads: Annotated[int, Option("--threads", metavar="N", min=1, help="Of the runtime.")] = 1
    install_service: Annotated[
        bool, Option("--install-service", help="Run the rest of this line at every start.")
    ] = False
    print_service: Annotated[
        bool, Option("--print", help="With --install-service: only print the unit.")
    ] = False


def arguments(options: Options) -> Iterator[str]:
    """The words that ask `edge-asc live` for these options; what nobody asked for is left out."""
    hints = get_type_hints(Options, include_extras=True)
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default:
            name = hints[field.name].__metadata__[0].default  # typer keeps the option's name there
            yield name if value is True else f"{name}={value}"
