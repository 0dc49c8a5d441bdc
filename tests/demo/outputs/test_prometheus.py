"""Figures as Prometheus reads them: scraped over HTTP, parsed, and judged by its own tool."""

import http.client
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import tiny_models
from edge_asc.cli.errors import said
from edge_asc.demo.events import UNSURE, Decision, Health
from edge_asc.demo.outputs.prometheus import PrometheusOutput
from edge_asc.runtime.classifier import Classifier
from waiting import SOON_S, until

METADATA = tiny_models.metadata(abstract_labels=list(tiny_models.ABSTRACT_LABELS), precision="int8")


def decision(scene: str = "low", **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "time_s": time.time(),
        "position_s": 1.0,
        "scene": scene,
        "changed": True,
        "confidence": 0.8,
        "probabilities": {"low": 0.8, "middle": 0.15, "high": 0.05},
        "abstract": "dark",
        "abstract_probabilities": {"dark": 0.95, "bright": 0.05},
        "inference_ms": 3.0,
        "latency_ms": 36.0,
    }
    return Decision(**{**fields, **changes})


def health(**changes: Any) -> Health:
    fields = {"time_s": 1_800_000_000.0, "state": "listening", "source": "USB PnP"}
    return Health(**{**fields, **changes})


@pytest.fixture
def output() -> Iterator[PrometheusOutput]:
    output = PrometheusOutput(0, METADATA)
    yield output
    output.close()


def scrape(output: PrometheusOutput) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{output.port}/metrics", timeout=10) as page:
        assert page.headers["Content-Type"].startswith("text/plain")
        text: str = page.read().decode()
    return text


def figures(output: PrometheusOutput) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels."""
    families = text_string_to_metric_families(scrape(output))
    samples = [sample for family in families for sample in family.samples]
    return {(s.name.removeprefix("edge_asc_"), *s.labels.values()): s.value for s in samples}


def test_everything_that_is_known_is_there(output: PrometheusOutput) -> None:
    output.on_health(
        health(
            audio_s=3600.5,
            dropped_s=1.5,
            overruns=4,
            reopens=2,
            real_time_factor=0.02,
            audio_age_s=0.25,
            level_dbfs=-41.5,
            temperature_c=51.3,
            throttled=["under-voltage"],
        )
    )
    for scene in ("low", "low", UNSURE):
        output.on_decision(decision(scene))
    found = figures(output)
    expected = {
        ("audio_seconds_total",): 3600.5,
        ("audio_dropped_seconds_total",): 1.5,
        ("audio_overruns_total",): 4,
        ("audio_reopens_total",): 2,
        ("real_time_factor",): 0.02,
        ("last_audio_timestamp_seconds",): 1_800_000_000.0 - 0.25,
        ("level_dbfs",): -41.5,
        ("temperature_celsius",): 51.3,
        ("throttled",): 1,
        ("source_state", "listening"): 1,
        ("source_state", "lost"): 0,
        ("decisions_total", "low"): 2,
        ("decisions_total", "middle"): 0,
        ("decisions_total", UNSURE): 1,
        ("scene", UNSURE): 1,
        ("scene", "low"): 0,
        ("scene_probability", "low"): 0.8,
        ("abstract_probability", "dark"): 0.95,
        ("latency_seconds_count",): 3,
        ("latency_seconds_sum",): pytest.approx(3 * 0.036),
        ("latency_seconds_bucket", "0.02"): 0,
        ("latency_seconds_bucket", "0.05"): 3,
        ("inference_seconds_bucket", "0.002"): 0,
        ("inference_seconds_bucket", "0.005"): 3,
    }
    assert {key: found[key] for key in expected} == expected
    assert found["process_resident_memory_bytes",] > 1e6
    build = [key for key in found if key[0] == "build_info"]
    assert len(build) == 1
    assert {"tiny", "int8"} <= set(build[0])


def test_one_series_says_which_model_listens(output: PrometheusOutput, tmp_path: Path) -> None:
    other = tiny_models.write_model(tmp_path / "other.tflite", labels=["one", "low", "two"])
    classifier = Classifier.load(other)
    output.on_health(health())
    output.on_decision(decision("low"))
    output.on_decision(decision("high"))
    output.on_model(classifier)
    found = figures(output)
    assert {k: v for k, v in found.items() if k[0] == "model_info"} == {
        ("model_info", classifier.id): 1
    }
    assert [key for key in found if key[0] == "build_info" and "float32" in key]
    counts = {key[1]: found[key] for key in found if key[0] == "decisions_total"}
    # A counter that went away would look like a restart.
    assert counts == {"low": 1, "high": 1, "middle": 0, "one": 0, "two": 0, UNSURE: 0}
    assert "scene_probability" not in {key[0] for key in found}  # the old model's
    probabilities = {"one": 0.1, "low": 0.1, "two": 0.8}
    output.on_decision(decision("two", probabilities=probabilities))
    shown = {key[1] for key in figures(output) if key[0] == "scene"}
    assert shown == {"one", "low", "two", UNSURE}


def test_what_is_not_known_or_no_longer_true_is_absent(output: PrometheusOutput) -> None:
    assert ("decisions_total", "low") in figures(output)  # from the start, so that rates are right
    output.on_decision(decision(latency_ms=None, abstract_probabilities=None))
    output.on_health(health())
    found = figures(output)
    assert found["latency_seconds_count",] == 0
    names = {key[0] for key in found}
    unknown = {"temperature_celsius", "throttled", "last_audio_timestamp_seconds"}
    assert not names & {*unknown, "abstract_probability"}
    assert {"scene", "scene_probability"} <= names
    output.on_health(health(state="lost"))
    lost = figures(output)
    assert lost["source_state", "lost"] == 1
    assert not {key[0] for key in lost} & {"scene", "scene_probability"}


def test_promtool_has_no_objection(output: PrometheusOutput) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("the Debian package prometheus is not installed")
    output.on_health(health(temperature_c=50.0, throttled=[], audio_age_s=0.1))
    output.on_decision(decision())
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=scrape(output), capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_port_that_is_taken_is_one_line(output: PrometheusOutput) -> None:
    with pytest.raises(OSError, match="metrics") as caught:
        PrometheusOutput(f"127.0.0.1:{output.port}", METADATA)
    assert said(caught.value) == f"metrics at 127.0.0.1:{output.port}: address already in use"


def test_only_this_machine_reads_unless_told_otherwise(output: PrometheusOutput) -> None:
    assert output.host == "127.0.0.1"


def test_closing_frees_the_port_and_does_not_wait(output: PrometheusOutput) -> None:
    n_threads = threading.active_count()
    with socket.create_connection(("127.0.0.1", output.port)) as dawdler:
        dawdler.sendall(b"GET /metr")  # and no more
        scrape(output)
        begin_s = time.monotonic()
        output.close()
        assert time.monotonic() - begin_s < SOON_S
        again = PrometheusOutput(output.port, METADATA)
        scrape(again)
        again.close()
    until(lambda: threading.active_count() <= n_threads)


@pytest.mark.parametrize(
    "address", ["", "http", ":", "1.2.3.4", "1.2.3.4:", "70000", "::1:80", "-1"]
)
def test_illegal_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="metrics address"):
        PrometheusOutput(address, METADATA)


def asked(output: PrometheusOutput, host: str, method: str = "GET") -> int:
    """The status of an answer to a request that names a host."""
    connection = http.client.HTTPConnection("127.0.0.1", output.port, timeout=10)
    connection.request(method, "/metrics", headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil", "10.0.0.1:9101", "", "[::"])
def test_a_foreign_name_for_loopback_is_refused(output: PrometheusOutput, host: str) -> None:
    """A page whose name was made to point here must not read."""
    assert asked(output, host) == 403
    assert asked(output, f"localhost:{output.port}") == asked(output, "[::1]") == 200


def test_where_others_are_served_every_name_is_one_and_nothing_but_reading() -> None:
    output = PrometheusOutput("0.0.0.0:0", METADATA)
    try:
        assert asked(output, "pi.lan:9101") == 200
        assert asked(output, "pi.lan:9101", "DELETE") == 405
    finally:
        output.close()


def test_idle_connections_take_no_threads_and_keep_nobody_out(output: PrometheusOutput) -> None:
    n_threads = threading.active_count()
    idle = [socket.create_connection(("127.0.0.1", output.port)) for _ in range(150)]
    assert "edge_asc_build_info" in scrape(output)
    assert threading.active_count() == n_threads
    for one in idle:
        one.close()


def test_a_server_that_ends_by_itself_is_an_error(output: PrometheusOutput) -> None:
    loop = output._server._server.loop
    assert loop is not None
    loop.call_soon_threadsafe(loop.stop)
    output._server._thread.join(10)
    with pytest.raises(OSError, match=r"the metrics' server ended: .+"):
        output.on_health(health())
