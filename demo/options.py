"""What `edge-asc live` can be asked for: each field is an option of the command line.

The command, the loop's parts and the service read the same object. A new option is a field here,
and the place that heeds it. Nothing heavy is imported, so that help comes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from typer import Option

WEB_ADDRESS = "127.0.0.1:8765"  # of a --web without one
KEEP_WHEN = "unsure,change"
MODELS = "models"  # in the folder of --keep: those that were taught here


def says(name: str, help: str, metavar: str | None = None, **more: Any) -> Any:
    """An option's name on the command line, its help, and what stands for its value there."""
    return Option(name, help=help, metavar=metavar, **more)


Text = str | None
MicrophoneName = Annotated[
    Text, says("--microphone", "Microphone [the system's default].", "NAME|INDEX")
]
Channel = Annotated[
    Text, says("--channel", "The channel to hear [mix, the mean of all].", "N|mix|loudest")
]
RAW_HELP = "What headerless audio is: Hz, channels, u8 s16 s24 s32 f32 or f64."
FLOOR_HELP = "Confidence below which it says 'unsure' [the model's, else 0.4]."
RUNTIME_HELP = "litert, tflite or onnxruntime [the first installed one that runs the file]."


@dataclass(frozen=True)
class Options:
    """The options; their annotations are what typer shows and reads."""

    model: Annotated[
        Path | None,
        says(
            "--model",
            "Model file, or a name of `edge-asc models` [its default].",
            "FILE|NAME",
        ),
    ] = None
    follow_model: Annotated[
        bool, says("--follow-model", "Load the model file again when it has changed.")
    ] = False
    source: Annotated[
        str, says("--source", "A microphone, a recording, or WAV on stdin.", "mic|FILE|-")
    ] = "mic"
    microphone: MicrophoneName = None
    list_microphones: Annotated[
        bool, says("--list-microphones", "Print the microphones, and end.")
    ] = False
    raw: Annotated[Text, says("--raw", RAW_HELP, "RATE[:CH[:CODING]]")] = None
    channel: Channel = None
    follow: Annotated[
        bool, says("--follow", "Wait for more at the end of FILE, as tail -f does.")
    ] = False
    realtime: Annotated[
        bool, says("--realtime", "Play FILE at its own speed, not as fast as can be.")
    ] = False
    hop_s: Annotated[float, says("--hop", "Seconds from one decision to the next.", "S")] = 1.0
    smooth_s: Annotated[
        float, says("--smooth", "Time constant of the smoothing; 0: none.", "S")
    ] = 1.0
    margin: Annotated[
        float, says("--margin", "Lead that another scene, or unsure, needs to be shown.", "P")
    ] = 0.1
    floor: Annotated[float | None, says("--floor", FLOOR_HELP, "P")] = None
    gate_dbfs: Annotated[
        float | None,
        says("--gate", "Level below which it says 'unsure', as -50: a quiet room.", "DBFS"),
    ] = None
    plain: Annotated[bool, says("--plain", "Print a line per decision.")] = False
    as_json: Annotated[bool, says("--json", "Print JSON lines.")] = False
    quiet: Annotated[bool, says("--quiet", "Print no decisions.")] = False
    web: Annotated[
        Text, says("--web", f"Serve a web page [at {WEB_ADDRESS}].", "[[HOST:]PORT]")
    ] = None
    web_frame_ancestors: Annotated[
        Text,
        says("--web-frame-ancestors", "Origins whose pages may frame it, as a dashboard.", "URL"),
    ] = None
    stream_audio: Annotated[bool, says("--stream-audio", "Let the page's visitors listen.")] = False
    log: Annotated[Path | None, says("--log", "Write a log, .jsonl or .csv.", "FILE")] = None
    log_every: Annotated[
        str, says("--log-every", "What is worth a line in the log.", "change|decision")
    ] = "change"
    keep: Annotated[
        Path | None, says("--keep", "Keep clips of doubtful audio, for edge-asc review.", "DIR")
    ] = None
    keep_when: Annotated[
        str, says("--keep-when", "What is worth a clip.", "unsure,change,SCENE,'every 10m'")
    ] = KEEP_WHEN
    keep_mb: Annotated[
        float, says("--keep-mb", "Most that DIR may hold; the oldest clips go.", "MB")
    ] = 200.0
    keep_days: Annotated[
        float, says("--keep-days", "After which a clip without a label goes.", "DAYS")
    ] = 14.0
    mqtt: Annotated[Text, says("--mqtt", "Publish to a broker, as mqtt://host.", "URL")] = None
    metrics: Annotated[Text, says("--metrics", "Serve figures for Prometheus.", "[HOST:]PORT")] = (
        None
    )
    runtime: Annotated[Text, says("--runtime", RUNTIME_HELP, "NAME")] = None
    threads: Annotated[int, says("--threads", "Of the runtime.", "N", min=1)] = 1
    install_service: Annotated[
        bool, says("--install-service", "Run the rest of this line at every start.")
    ] = False
    print_service: Annotated[
        bool, says("--print", "With --install-service: only print the unit.")
    ] = False


def arguments(options: Options) -> Iterator[str]:
    """The words that ask `edge-asc live` for these options; what nobody asked for is left out."""
    hints = get_type_hints(Options, include_extras=True)
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default:
            name = hints[field.name].__metadata__[0].default  # typer keeps the option's name there
            yield name if value is True else f"{name}={value}"
