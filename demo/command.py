"""`edge-asc live`: puts a source, a model and outputs together, and takes them apart again."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edge_asc.demo.hearing.smoothing import FLOOR, Smoothing
from edge_asc.demo.learning.follow import Follower, stamp_of
from edge_asc.demo.learning.store import current_model
from edge_asc.demo.live import Live
from edge_asc.demo.options import KEEP_WHEN, MODELS, WEB_ADDRESS, Options
from edge_asc.demo.outputs.address import parse_address
from edge_asc.demo.outputs.keep.rules import check_scenes, parse_rules
from edge_asc.demo.outputs.log.format import check_every, format_of
from edge_asc.demo.outputs.log.writer import OF_DISKS
from edge_asc.demo.outputs.mqtt.settings import parse_url
from edge_asc.demo.outputs.output import Output, Outputs
from edge_asc.demo.service.signals import heeded, ignore_hang_ups
from edge_asc.demo.sources.address import check_source
from edge_asc.demo.sources.channels import parse_channel
from edge_asc.demo.sources.pcm import parse_raw
from edge_asc.demo.sources.portaudio import own_stderr
from edge_asc.demo.sources.source import CaptureHung, Source
from edge_asc.runtime.answers.stream import check_hop
from edge_asc.runtime.classifier import RUNTIMES, Classifier
from edge_asc.runtime.zoo.models import model_or_default
from edge_asc.shown import shown
from edge_asc.suggest import no_such

if TYPE_CHECKING:
    from edge_asc.demo.outputs.keep.output import KeepOutput
    from edge_asc.demo.outputs.web.review import Review

WEB_TOKEN = "EDGE_ASC_WEB_TOKEN"
LEAST_MB = 5.0  # that kept clips need: a clip, the index and its copy, with room to spare
AWAITED = "EDGE_ASC_AWAITED_MICROPHONE"  # name of the one a hung sound system has taken away


def check(options: Options) -> None:
    """Raise ValueError for what cannot be meant, before anything starts."""
    views = {"--plain": options.plain, "--json": options.as_json, "--quiet": options.quiet}
    asked = [name for name, on in views.items() if on]
    if len(asked) > 1:
        raise ValueError(f"{asked[0]} and {asked[1]} exclude each other")
    if options.print_service and not options.install_service:
        raise ValueError("--print goes with --install-service")
    if options.runtime and options.runtime not in RUNTIMES:
        raise ValueError(no_such("runtime", options.runtime, RUNTIMES))
    if options.gate_dbfs is not None and not options.gate_dbfs <= 0:
        raise ValueError(f"gate {options.gate_dbfs:g}: no level below full scale, which is 0 dBFS")
    check_hop(options.hop_s)
    parse_channel(options.channel)
    check_source(options.source)
    check_every(options.log_every)
    smoothing_of(options, None)
    if options.raw:
        parse_raw(options.raw)
    if options.web:
        parse_address(options.web, "web")
    if options.web_frame_ancestors is not None:
        _check_ancestors(options)
    if options.metrics:
        parse_address(options.metrics, "metrics")
    if options.mqtt:
        parse_url(options.mqtt)
    if options.log:
        format_of(options.log)
    _check_keeping(options)


def _check_ancestors(options: Options) -> None:
    from edge_asc.demo.outputs.web.access import parse_ancestors

    if not options.web:
        raise ValueError("--web-frame-ancestors goes with --web")
    parse_ancestors(options.web_frame_ancestors)


def _check_keeping(options: Options) -> None:
    if options.keep is None and options.keep_when != KEEP_WHEN:
        raise ValueError("--keep-when goes with --keep")
    parse_rules(options.keep_when)
    if not LEAST_MB <= options.keep_mb < math.inf:
        raise ValueError(f"--keep-mb {options.keep_mb:g}: at least {LEAST_MB:g} MB are needed")
    if not 0 < options.keep_days < math.inf:
        raise ValueError(f"--keep-days {options.keep_days:g}: must be above 0")


def smoothing_of(options: Options, models_floor: float | None) -> Smoothing:
    """What was asked for; the floor is the model's own threshold where none was asked for."""
    floors = (options.floor, models_floor, FLOOR)
    floor = next(floor for floor in floors if floor is not None)
    return Smoothing(options.smooth_s, options.margin, floor)


def smoothing_for(options: Options, classifier: Classifier) -> Smoothing:
    """What was asked for, with a model's threshold."""
    return smoothing_of(options, classifier.threshold)


def listen(options: Options) -> None:
    """Listen until the audio ends, SIGINT or SIGTERM; SIGHUP loads the model's file again.

    A sound system that hangs beyond cure is left behind by starting this program anew in the same
    process: every output is closed first, the process number stays.

    Raises:
        ValueError, OSError: something that was asked for cannot be had, in one line.
    """
    with heeded() as signals:
        source: Source | None = None
        try:
            with ExitStack() as stack:
                if options.source == "mic":
                    stack.enter_context(own_stderr(hide_libraries=_draws(options)))
                given = model_or_default(options.model, say)
                which = partial(_listens, options, given)
                load = partial(Classifier.load, runtime=options.runtime, threads=options.threads)
                model = which()
                taken = stamp_of(model) if options.follow_model else None
                classifier = load(model)
                source = open_source(options)
                stack.callback(source.close)
                keeper = _keeper(options, classifier, strict=model == given)
                review = _review(options, classifier, keeper)
                output = Outputs()
                stack.callback(output.close)
                for one in _outputs(options, classifier, keeper, review):
                    output.add(one)
                rule = partial(smoothing_for, options)
                live = Live(source, classifier, output, options.hop_s, rule, options.gate_dbfs)
                if model != given:
                    live.say(f"model: {classifier.id}, taught here, in place of {given.name}")
                if review and options.keep:
                    _teach(options.keep / MODELS, review, live, given, load, stack)
                follower = Follower(live, which, load, signals.reloads, taken)
                stack.callback(follower.close)
                live.run(signals.stopped)
        except CaptureHung as error:
            if signals.stopped():
                os._exit(0)  # all is closed but the sound system, whose own clean-up would hang too
            say(f"{error}; starting anew")
            start_anew(source.name if source else "")


def _listens(options: Options, given: Path) -> Path:
    """The model's file: that which was last taught here and put to use, else the one given."""
    if options.keep is None:
        return given
    return current_model(options.keep / MODELS) or given


def say(text: str) -> None:
    """A line for a person, apart from the decisions."""
    print(f"edge-asc: {shown(text)}", file=sys.stderr, flush=True)


def start_anew(microphone: str) -> NoReturn:
    """Put this program in the place of this process, to wait for the same microphone."""
    os.environ[AWAITED] = microphone
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one that lists them is closed by now
                os.set_inheritable(int(name), False)
    ignore_hang_ups()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def open_source(options: Options) -> Source:
    """The microphone, file or pipe that was asked for.

    Raises:
        ValueError, OSError: there is no such thing.
    """
    if options.source == "mic":
        from edge_asc.demo.sources.microphone import Microphone

        awaited = os.environ.pop(AWAITED, None)
        # A service waits: nobody is there to plug it in and start again.
        wait = awaited is not None or "NOTIFY_SOCKET" in os.environ
        return Microphone(awaited or options.microphone, wait=wait, channel=options.channel)
    raw = parse_raw(options.raw) if options.raw else None
    if options.source == "-" or options.follow or raw:
        from edge_asc.demo.sources.pipe import PipeSource

        if options.source == "-":
            fd, name, follow = os.dup(sys.stdin.fileno()), "stdin", False
        else:
            fd, name, follow = os.open(options.source, os.O_RDONLY), options.source, options.follow
        return PipeSource(fd, name, raw, follow, options.realtime, channel=options.channel)
    from edge_asc.demo.sources.recording import FileSource

    return FileSource(Path(options.source), options.realtime, channel=options.channel)


def _outputs(
    options: Options,
    classifier: Classifier,
    keeper: "KeepOutput | None",
    review: "Review | None",
) -> Iterator[Output]:
    """Every output; what shows on the terminal comes last, and leaves first.

    Each is imported when it is asked for: a machine without a network pays for none of it.
    """
    metadata = classifier.metadata
    if os.environ.get("NOTIFY_SOCKET"):
        from edge_asc.demo.outputs.notify import SystemdOutput

        yield SystemdOutput()
    if options.log:
        from edge_asc.demo.outputs.log.decision_log import DecisionLog

        yield DecisionLog(options.log, every=options.log_every)
    if keeper:
        yield keeper
    if options.mqtt:
        from edge_asc.demo.outputs.mqtt.mqtt import MqttOutput

        yield MqttOutput(options.mqtt, metadata)
    if options.metrics:
        from edge_asc.demo.outputs.prometheus import PrometheusOutput

        yield PrometheusOutput(options.metrics, metadata, classifier.id)
    if options.web:
        yield _page(options, classifier, review)
    yield _view(options, classifier)


def _keeper(options: Options, classifier: Classifier, strict: bool) -> "KeepOutput | None":
    """Who keeps clips; `strict`: a scene that the model does not know is an error."""
    if options.keep is None:
        return None
    from edge_asc.demo.outputs.keep.output import KeepOutput

    rules = parse_rules(options.keep_when)
    if strict:
        check_scenes(rules, classifier.metadata.labels)
    try:
        return KeepOutput(
            options.keep,
            rules,
            classifier.metadata,
            classifier.frontend,
            most_mb=options.keep_mb,
            most_days=options.keep_days,
        )
    except OSError as error:
        if error.errno not in OF_DISKS:
            raise
        say(f"{options.keep}: {str(error.strerror).lower()}: no clips are kept")
        return None


def _review(
    options: Options, classifier: Classifier, keeper: "KeepOutput | None"
) -> "Review | None":
    if not (options.web and keeper):
        return None
    from edge_asc.demo.outputs.web.review import Review

    return Review(keeper.store, lambda: keeper.description, classifier.frontend)


def _teach(
    models: Path,
    review: "Review",
    live: Live,
    given: Path,
    load: Callable[[Path], Classifier],
    stack: ExitStack,
) -> None:
    """Let the page's review teach what listens."""
    from edge_asc.demo.learning.shown import ShownTeacher
    from edge_asc.demo.learning.teacher import Teacher

    teacher = Teacher(live, models, given, load)
    stack.callback(teacher.close)
    review.teacher = ShownTeacher(teacher, given)


def _page(options: Options, classifier: Classifier, review: "Review | None") -> Output:
    from edge_asc.demo.outputs.web.web import WebOutput

    return WebOutput(
        options.web or WEB_ADDRESS,
        classifier.metadata,
        classifier.frontend,
        token=os.environ.get(WEB_TOKEN),
        stream_audio=options.stream_audio,
        model=classifier.id,
        review=review,
        frame_ancestors=options.web_frame_ancestors,
    )


def _view(options: Options, classifier: Classifier) -> Output:
    from edge_asc.demo.outputs.plain import JsonOutput, PlainOutput, width_of

    if options.as_json:
        return JsonOutput()
    if _draws(options):
        from edge_asc.demo.outputs.terminal.terminal import TerminalOutput

        return TerminalOutput(classifier.description, classifier.metadata, options.hop_s)
    say(classifier.description)
    return PlainOutput(width_of(classifier), options.quiet)


def _draws(options: Options) -> bool:
    """Whether pictures are shown: only where a person looks."""
    if options.plain or options.as_json or options.quiet:
        return False
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
