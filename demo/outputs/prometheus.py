"""Figures for Prometheus, at `http://HOST:PORT/metrics`.

Counters and levels are read from the latest `Health` and `Decision` when somebody scrapes, so what
the live loop pays is two assignments and a few sums per decision. What is not known, or no longer
true because nothing listens, is absent rather than stale.
"""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    make_asgi_app,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_asc import __version__
from edge_asc.demo.events import UNSURE, Decision, Health, State
from edge_asc.demo.outputs.address import is_loopback, listen, names_loopback, parse_address
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.outputs.web.server import ServerThread
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata

INFERENCE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LATENCY_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

Read = Callable[[Health], float | None]
# Without a prefix, and what they mean; a figure that is None is left out.
COUNTERS: dict[str, tuple[str, Read]] = {
    "audio_seconds": ("Audio classified.", lambda h: h.audio_s),
    "audio_dropped_seconds": ("Audio lost for want of speed.", lambda h: h.dropped_s),
    "audio_overruns": ("Times the sound system lost audio.", lambda h: h.overruns),
    "audio_reopens": ("Times the source was opened again.", lambda h: h.reopens),
}
LOAD = "Work per second of audio over the last minute; below 1 keeps up."
GAUGES: dict[str, tuple[str, Read]] = {
    "last_audio_timestamp_seconds": (
        "Unix time of the last audio.",
        lambda h: None if h.audio_age_s is None else h.time_s - h.audio_age_s,
    ),
    "real_time_factor": (LOAD, lambda h: h.real_time_factor),
    "level_dbfs": ("Level of the last audio, relative to full scale.", lambda h: h.level_dbfs),
    "temperature_celsius": ("Of the processor.", lambda h: h.temperature_c),
    "throttled": (
        "Whether the processor is slowed down.",
        lambda h: None if h.throttled is None else bool(h.throttled),
    ),
}
FAMILIES = ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES))


class PrometheusOutput(Output):
    """Serves figures from a thread of its own.

    Args:
        address: `PORT` or `HOST:PORT`; without a host only this machine can read them.
        model: `Classifier.id`; None: the model's name.

    Raises:
        ValueError: not an address.
        OSError: the port is taken.
    """

    what = "the metrics"

    def __init__(self, address: str | int, metadata: Metadata, model: str | None = None) -> None:
        host, port = parse_address(str(address), "metrics")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            listener = listen(where, "metrics")
        except OSError as error:
            cause = error.__cause__
            why = getattr(cause, "strerror", None) or str(error)
            raise OSError(getattr(cause, "errno", None), why, f"metrics at {host}:{port}") from None
        self._health: Health | None = None
        self._decision: Decision | None = None
        disable_created_metrics()  # series that say nothing the process' start does not
        registry = CollectorRegistry()
        self._decisions = Counter(
            "edge_asc_decisions", "Decisions made.", ["scene"], registry=registry
        )
        self._inference = Histogram(
            "edge_asc_inference_seconds",
            "Time the network takes for a window.",
            buckets=INFERENCE_BUCKETS_S,
            registry=registry,
        )
        self._latency = Histogram(
            "edge_asc_latency_seconds",
            "From a window's last sample to its decision.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._build = Info("edge_asc_build", "What runs.", registry=registry)
        self._model = Info("edge_asc_model", "Which model listens.", registry=registry)
        self._introduce(metadata, model or metadata.name)
        ProcessCollector(registry=registry)
        registry.register(self)  # `collect` below
        self.host, self.port = listener.getsockname()[:2]
        app = _Door(make_asgi_app(registry), is_loopback(self.host))
        self._server = ServerThread(app, listener, "the metrics' server")

    def on_decision(self, decision: Decision) -> None:
        """Count it."""
        self._decision = decision
        self._decisions.labels(decision.scene).inc()
        self._inference.observe(decision.inference_ms / 1000)
        if decision.latency_ms is not None:
            self._latency.observe(decision.latency_ms / 1000)

    def on_health(self, health: Health) -> None:
        """Keep it for the next scrape.

        Raises:
            OSError: the server's thread ended by itself.
        """
        self._server.check()
        self._health = health

    def on_model(self, classifier: Classifier) -> None:
        """Its labels join those that are counted; one series says which model it is."""
        self._decision = None
        self._introduce(classifier.metadata, classifier.id)

    def _introduce(self, metadata: Metadata, model: str) -> None:
        self._metadata = metadata
        for scene in (*metadata.labels, UNSURE):
            self._decisions.labels(scene)
        about = {"version": __version__, "model": metadata.name, "precision": metadata.precision}
        self._build.info(about)
        self._model.info({"model": model})

    def close(self) -> None:
        """Stop serving; the port is free again."""
        self._server.close()

    def notices(self) -> list[str]:
        """What goes wrong in its server."""
        return self._server.notices()

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads, as its client wants it."""
        if self._health is not None:
            yield from _health_metrics(self._health)
            if self._health.state != "listening":
                return
        if self._decision is not None:
            yield from self._decision_metrics(self._decision)

    def _decision_metrics(self, decision: Decision) -> Iterator[Metric]:
        scenes = (*self._metadata.labels, UNSURE)
        shown = {scene: float(scene == decision.scene) for scene in scenes}
        yield _labelled("scene", "Whether this is the scene that is shown.", "scene", shown)
        text = "Smoothed probability."
        yield _labelled("scene_probability", text, "scene", decision.probabilities)
        if decision.abstract_probabilities is not None:
            by_class = decision.abstract_probabilities
            yield _labelled("abstract_probability", text, "class", by_class)


class _Door:
    """Lets in requests that read, and where only this machine is served, by its own names alone."""

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self._app, self._loopback = app, loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":  # browsers' sockets: closed before they open
            await send({"type": "websocket.close"})
            return
        host, answer = Headers(scope=scope).get("host", ""), self._app
        if self._loopback and not names_loopback(host):
            text = f"{host!r} is not a name of this machine's loopback, like localhost\n"
            answer = PlainTextResponse(text, 403)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse("use GET\n", 405, {"Allow": "GET, HEAD"})
        await answer(scope, receive, send)


def _health_metrics(health: Health) -> Iterator[Metric]:
    for family, figures in FAMILIES:
        for name, (text, read) in figures.items():
            value = read(health)
            if value is not None:
                yield family(f"edge_asc_{name}", text, value=value)
    states = {state: float(state == health.state) for state in get_args(State)}
    yield _labelled("source_state", "Whether the source is in this state.", "state", states)


def _labelled(name: str, text: str, label: str, values: dict[str, Any]) -> Metric:
    family = GaugeMetricFamily(f"edge_asc_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
