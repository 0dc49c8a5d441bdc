"""`edge-asc live`: puts a source, a model and outputs together, and takes them apart again."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from edge_asc.demo.live import Live
from edge_asc.demo.outputs.address import parse_address
from edge_asc.demo.outputs.log.format import format_of
from edge_asc.demo.outputs.mqtt.settings import parse_url
from edge_asc.demo.outputs.output import Output, Outputs
from edge_asc.demo.smoothing import Smoothing
from edge_asc.demo.sources.pcm import Pcm
from edge_asc.demo.sources.portaudio import own_stderr
from edge_asc.demo.sources.source import CaptureHung, Source
from edge_asc.runtime.classifier import Classifier

WEB_TOKEN = "EDGE_ASC_WEB_TOKEN"
AWAITED = "EDGE_ASC_AWAITED_MICROPHONE"  # name of the one a hung sound system has taken away


@dataclass(frozen=True)
class Listening:
    """What `edge-asc live` was asked for; the fields are its options."""

    model: Path
    source: str = "mic"
    microphone: str | None = None
    raw: Pcm | None = None
    follow: bool = False
    realtime: bool = False
    hop_s: float = 1.0
    smoothing: Smoothing = field(default_factory=Smoothing)
    gate_dbfs: float | None = None
    models_floor: bool = False  # the model's own confidence floor, where its file has one
    view: str = "plain"  # "terminal", "plain", "json" or "quiet"
    web: str | None = None
    stream_audio: bool = False
    log: Path | None = None
    log_every: str = "change"
    mqtt: str | None = None
    metrics: str | None = None
    runtime: str | None = None
    threads: int = 1


def check(wanted: Listening) -> None:
    """Raise ValueError for what cannot be meant, before anything starts."""
    for what, address in (("web", wanted.web), ("metrics", wanted.metrics)):
        if address:
            parse_address(address, what)
    if wanted.mqtt:
        parse_url(wanted.mqtt)
    if wanted.log:
        format_of(wanted.log)
    if wanted.gate_dbfs is not None and not wanted.gate_dbfs <= 0:
        raise ValueError(f"gate {wanted.gate_dbfs:g}: no level below full scale, which is 0 dBFS")


def listen(wanted: Listening) -> None:
    """Listen until the audio ends, SIGINT or SIGTERM.

    A sound system that hangs beyond cure is left behind by starting this program anew in the same
    process: every output is closed first, the process number stays.

    Raises:
        ValueError, OSError: something that was asked for cannot be had, in one line.
    """
    with stop_signals() as stopped:
        source: Source | None = None
        try:
            with ExitStack() as stack:
                if wanted.source == "mic":
                    stack.enter_context(own_stderr(hide_libraries=wanted.view == "terminal"))
                classifier = Classifier.load(wanted.model, wanted.runtime, wanted.threads)
                source = open_source(wanted)
                stack.callback(source.close)
                output = Outputs(list(_outputs(wanted, classifier, stack)))
                rule = smoothing_of(wanted, classifier)
                Live(source, classifier, output, wanted.hop_s, rule, wanted.gate_dbfs).run(stopped)
        except CaptureHung as error:
            if stopped():
                os._exit(0)  # all is closed but the sound system, whose own clean-up would hang too
            print(f"edge-asc: {error}; starting anew", file=sys.stderr, flush=True)
            start_anew(source.name if source else "")


def smoothing_of(wanted: Listening, classifier: Classifier) -> Smoothing:
    """What was asked for; the floor is the file's threshold where none was asked for."""
    if not wanted.models_floor or classifier.threshold is None:
        return wanted.smoothing
    return replace(wanted.smoothing, floor=classifier.threshold)


def start_anew(microphone: str) -> NoReturn:
    """Put this program in the place of this process, to wait for the same microphone."""
    os.environ[AWAITED] = microphone
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one that lists them is closed by now
                os.set_inheritable(int(name), False)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextmanager
def stop_signals() -> Iterator[Any]:
    """Give a function that tells whether SIGINT or SIGTERM has come; a second one ends at once."""
    came: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if came:
            os._exit(128 + number)
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def open_source(wanted: Listening) -> Source:
    """The microphone, file or pipe that was asked for.

    Raises:
        ValueError, OSError: there is no such thing.
    """
    if wanted.source == "mic":
        from edge_asc.demo.sources.microphone import Microphone

        awaited = os.environ.pop(AWAITED, None)
        # A service waits: nobody is there to plug it in and start again.
        wait = awaited is not None or "NOTIFY_SOCKET" in os.environ
        return Microphone(awaited or wanted.microphone, wait=wait)
    if wanted.source == "-":
        from edge_asc.demo.sources.pipe import PipeSource

        return PipeSource(os.dup(sys.stdin.fileno()), "stdin", wanted.raw, realtime=wanted.realtime)
    if wanted.follow or wanted.raw:
        from edge_asc.demo.sources.pipe import PipeSource

        fd = os.open(wanted.source, os.O_RDONLY)
        return PipeSource(fd, wanted.source, wanted.raw, wanted.follow, wanted.realtime)
    from edge_asc.demo.sources.recording import FileSource

    return FileSource(Path(wanted.source), wanted.realtime)


def _outputs(wanted: Listening, classifier: Classifier, stack: ExitStack) -> Iterator[Output]:
    """Every output, closed by the stack; what shows on the terminal comes last, and leaves first.

    Each is imported when it is asked for: a machine without a network pays for none of it.
    """

    def kept(output: Output) -> Output:
        stack.callback(output.close)
        return output

    metadata = classifier.metadata
    if os.environ.get("NOTIFY_SOCKET"):
        from edge_asc.demo.outputs.notify import SystemdOutput

        yield kept(SystemdOutput())
    if wanted.log:
        from edge_asc.demo.outputs.log.decision_log import DecisionLog

        yield kept(DecisionLog(wanted.log, every=wanted.log_every))
    if wanted.mqtt:
        from edge_asc.demo.outputs.mqtt.mqtt import MqttOutput

        yield kept(MqttOutput(wanted.mqtt, metadata))
    if wanted.metrics:
        from edge_asc.demo.outputs.prometheus import PrometheusOutput

        yield kept(PrometheusOutput(wanted.metrics, metadata))
    if wanted.web:
        yield kept(_web(wanted, classifier))
    yield kept(_view(wanted, classifier))


def _web(wanted: Listening, classifier: Classifier) -> Output:
    from edge_asc.demo.outputs.web.web import WebOutput

    assert wanted.web
    token = os.environ.get(WEB_TOKEN)
    return WebOutput(
        wanted.web,
        classifier.metadata,
        classifier.frontend,
        token=token,
        stream_audio=wanted.stream_audio,
    )


def _view(wanted: Listening, classifier: Classifier) -> Output:
    from edge_asc.demo.outputs.plain import JsonOutput, PlainOutput

    if wanted.view == "json":
        return JsonOutput()
    if wanted.view == "terminal":
        from edge_asc.demo.outputs.terminal.terminal import TerminalOutput

        return TerminalOutput(classifier.description, classifier.metadata, wanted.hop_s)
    print(f"edge-asc: {classifier.description}", file=sys.stderr, flush=True)
    width = max(map(len, classifier.metadata.labels))
    return PlainOutput(width, quiet=wanted.view == "quiet")
