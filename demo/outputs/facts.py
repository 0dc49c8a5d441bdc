"""What a health tells in words: the same for a line of text and for the terminal's picture."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from edge_asc.demo.events import Health

HOT_C = 80.0  # where a Raspberry Pi begins to slow down


class Fact(NamedTuple):
    """One fact, and how bad it is."""

    text: str
    verdict: Literal["ok", "warn", "bad"] = "ok"


def facts(health: Health) -> Iterator[Fact]:
    """How it is; what the system does not tell is left out."""
    factor = health.real_time_factor
    yield Fact(f"real-time factor {factor:.3f}", "bad" if factor > 1 else "ok")
    if health.latency_ms is not None:
        yield Fact(f"latency {health.latency_ms:.0f} ms")
    yield Fact(f"dropped {health.dropped_s:.1f} s", "warn" if health.dropped_s else "ok")
    yield Fact(f"overruns {health.overruns}", "warn" if health.overruns else "ok")
    yield Fact(f"reopens {health.reopens}", "warn" if health.reopens else "ok")
    yield Fact(f"memory {health.rss_bytes / 1e6:.0f} MB")
    if health.temperature_c is not None:
        hot = health.temperature_c >= HOT_C
        yield Fact(f"{health.temperature_c:.0f} °C", "bad" if hot else "ok")
    if health.throttled:
        yield Fact(", ".join(health.throttled).upper(), "bad")
    elif health.throttled is not None:
        yield Fact("not throttled")
