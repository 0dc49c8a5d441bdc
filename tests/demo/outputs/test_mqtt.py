"""MQTT against a real broker that stops, hangs and refuses; Home Assistant's rules for payloads."""

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_models
from broker import PASSWORD, USER, Broker, Ear, make_certificates
from edge_asc.demo.events import UNSURE, Decision, Health
from edge_asc.demo.outputs.mqtt import home_assistant, mqtt
from edge_asc.demo.outputs.mqtt import link as mqtt_link
from edge_asc.demo.outputs.mqtt.home_assistant import (
    Topics,
    discovery_payload,
    payload_of,
)
from edge_asc.demo.outputs.mqtt.link import UNACKNOWLEDGED
from edge_asc.demo.outputs.mqtt.mqtt import MqttOutput
from edge_asc.demo.outputs.mqtt.settings import credentials, parse_url, tls_context
from edge_asc.runtime.classifier import Classifier
from waiting import PATIENCE_S, SOON_S, until

METADATA = tiny_models.metadata(abstract_labels=list(tiny_models.ABSTRACT_LABELS))
TOPICS = Topics("edge_asc", "kitchen")


def decision(scene: str = "low", **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "time_s": time.time(),
        "position_s": 12.5,
        "scene": scene,
        "changed": True,
        "confidence": 0.812345,
        "probabilities": {"low": 0.812345, "middle": 0.1, "high": 0.087655},
        "abstract": "dark",
        "abstract_probabilities": {"dark": 0.91, "bright": 0.09},
        "latency_ms": 36.0,
    }
    return Decision(**{**fields, **changes})


def health(state: Any = "listening", **changes: Any) -> Health:
    return Health(time_s=time.time(), state=state, source="USB PnP", **changes)


class Live:
    """What the live loop does with an output, a little faster; notices are kept."""

    def __init__(self, output: MqttOutput) -> None:
        self.output = output
        self.scene = "low"
        self.notices: list[str] = []
        self.longest_s = 0.0  # of a call

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
        def step() -> Any:
            started = time.perf_counter()
            self.output.on_decision(decision(self.scene))
            self.output.on_health(health())
            self.longest_s = max(self.longest_s, time.perf_counter() - started)
            self.notices += self.output.notices()
            return condition()

        return until(step, seconds)

    def until_told(self, *parts: str) -> str:
        def found() -> list[str]:
            return [text for text in self.notices if all(part in text for part in parts)]

        return str(self.until(found)[0])


@contextmanager
def publishing(
    broker: Broker | int, environment: dict[str, str] | None = None, tls: bool = False
) -> Iterator[Live]:
    """A listener called `kitchen` that publishes to a broker."""
    port = broker if isinstance(broker, int) else broker.port
    url = f"mqtts://localhost:{port}" if tls else f"mqtt://127.0.0.1:{port}"
    output = MqttOutput(url, METADATA, node="kitchen", environment=environment or {})
    try:
        yield Live(output)
    finally:
        output.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


# paho leaves the socket of a handshake that has failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket")


@pytest.fixture
def collected() -> Iterator[None]:
    """For tests of such handshakes: the warning comes here, where it is ignored."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates at which a test need not wait."""
    monkeypatch.setattr(mqtt, "CHANGE_S", 0.05)
    monkeypatch.setattr(mqtt, "STATE_S", 0.3)
    monkeypatch.setattr(mqtt_link, "SETTLE_S", 0.05)
    monkeypatch.setattr(mqtt_link, "BACKOFF_S", (0.2, 0.4))


def test_another_model_is_described_anew(broker: Broker, tmp_path: Path) -> None:
    """Home Assistant drops a sensor of which nothing but its platform is said."""
    other = tiny_models.write_model(tmp_path / "other.tflite", labels=["one", "low", "two"])
    classifier = Classifier.load(other)
    with Ear(broker, "#") as ear, publishing(broker) as live:
        live.until(lambda: scenes(ear))
        live.output.on_model(classifier)
        live.scene = "two"
        live.until(lambda: scenes(ear)[-1] == "two")
        told = [json.loads(text)["components"] for text in ear.payloads(TOPICS.discovery)]
    assert len(told) == 2
    assert told[1]["scene"]["options"] == ["one", "low", "two", UNSURE]
    gone = {key for key, sensor in told[1].items() if sensor == {"platform": "sensor"}}
    assert gone == {"abstract", "abstract_dark", "abstract_bright"}
    assert set(told[0]) == set(told[1])


def scenes(ear: Ear) -> list[str]:
    return [json.loads(payload)["scene"] for payload in ear.payloads(TOPICS.state)]


def test_decisions_arrive_and_who_comes_late_knows_what_there_is(broker: Broker) -> None:
    with Ear(broker, "edge_asc/#") as ear, publishing(broker) as live:
        live.until(lambda: ear.payloads(TOPICS.state) and ear.payloads(TOPICS.health))
        live.scene = "high"
        live.until(lambda: scenes(ear)[-1] == "high")
        state = json.loads(ear.payloads(TOPICS.state)[-1])
        assert state["probabilities"] == {"low": 0.8123, "middle": 0.1, "high": 0.0877}
        assert (state["confidence"], state["abstract"]) == (0.8123, "dark")
        assert json.loads(ear.payloads(TOPICS.health)[0])["source"] == "USB PnP"
        with Ear(broker, "#") as late:
            until(lambda: late.payloads(TOPICS.discovery) and late.payloads(TOPICS.availability))
            assert all(retained for _, _, retained in late.messages[:2])
            assert late.payloads(TOPICS.discovery) == [discovery_payload(TOPICS, METADATA)]
            assert late.payloads(TOPICS.availability) == [b"online"]
    assert live.notices == [f"MQTT mqtt://127.0.0.1:{broker.port}: connected"]


def test_states_come_at_a_limited_rate(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "CHANGE_S", 0.2)
    with Ear(broker, TOPICS.state) as ear, publishing(broker) as live:
        live.until(lambda: scenes(ear))
        begin_s = time.monotonic()

        def flicker() -> bool:
            live.scene = "low" if live.scene == "high" else "high"
            return time.monotonic() > begin_s + 1

        live.until(flicker)
        passed_s = time.monotonic() - begin_s
        until(lambda: len(scenes(ear)) >= 2)
        assert len(scenes(ear)) <= 2 + passed_s / 0.2


def test_nothing_that_is_no_longer_heard_is_sent(broker: Broker) -> None:
    """Home Assistant lets a state expire; so it must not be repeated."""
    with Ear(broker, "edge_asc/#") as ear, publishing(broker) as live:
        live.until(lambda: scenes(ear))
        live.output.on_health(health("lost"))
        until(lambda: b'"lost"' in live_health(live, ear, "lost"))
        n_states = len(scenes(ear))
        end_s = time.monotonic() + 0.7
        until(lambda: live_health(live, ear, "lost") and time.monotonic() > end_s)
        assert len(scenes(ear)) == n_states
        live.until(lambda: len(scenes(ear)) > n_states)


def live_health(live: Live, ear: Ear, state: str) -> bytes:
    """Say that the source is in this state; give the newest that came, b"" before it."""
    live.output.on_health(health(state))
    return b"".join(ear.payloads(TOPICS.health)[-1:])


def test_a_broker_that_comes_back_gets_the_newest_state(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing(broker) as live:
        live.until(lambda: live.output._link.connected)
        broker.stop()
        live.until(lambda: not live.output._link.connected)
        for live.scene in ("middle", "unsure", "middle"):
            n_unsent = live.output.n_unsent
            live.until(lambda n=n_unsent: live.output.n_unsent > n)
        live.scene = "high"
        live.until_told("cannot be reached: connection refused")
        monkeypatch.setattr(mqtt, "STATE_S", 60)  # what follows is not for want of a newer one
        broker.start()
        with Ear(broker, "#") as ear:
            live.until(lambda: "high" in scenes(ear))
            # What was on its way when the connection broke may come first; nothing from between.
            assert not {"middle", "unsure"} & set(scenes(ear))
            assert ear.payloads(TOPICS.availability)[-1] == b"online"
        with Ear(broker, TOPICS.availability) as late:
            until(lambda: late.messages)
            assert late.messages == [(TOPICS.availability, b"online", True)]
        live.until_told("connected again", f"not sent so far: {live.output.n_unsent}")
    said = [re.sub(r".*\d: (\w+ \w+).*", r"\1", text) for text in live.notices]
    assert sorted(set(said)) == sorted(said)  # each once, whatever the number of attempts


def test_a_hanging_broker_holds_nothing_up(broker: Broker) -> None:
    with publishing(broker) as live:
        live.until(lambda: live.output._link.connected)
        broker.signal(signal.SIGSTOP)

        def change() -> bool:
            live.scene = {"low": "high", "high": "low"}[live.scene]
            return live.output.n_unsent > 3

        live.until(change)
        assert len(live.output._link._underway) == UNACKNOWLEDGED
        assert live.longest_s < SOON_S
        begin_s = time.monotonic()
        live.output.close()
        assert time.monotonic() - begin_s < SOON_S
        broker.signal(signal.SIGCONT)
        with Ear(broker, TOPICS.availability) as ear:
            until(lambda: ear.payloads(TOPICS.availability) == [b"offline"])


def test_closing_says_offline(broker: Broker) -> None:
    with Ear(broker, TOPICS.availability) as ear:
        with publishing(broker) as live:
            live.until(lambda: ear.payloads(TOPICS.availability) == [b"online"])
        until(lambda: ear.payloads(TOPICS.availability) == [b"online", b"offline"])


def test_closing_does_not_wait_for_a_broker_that_is_away() -> None:
    with publishing(9) as live:  # nobody is there
        live.until_told("cannot be reached")
        begin_s = time.monotonic()
    assert time.monotonic() - begin_s < SOON_S


# Where a process of its own finds this file and the helpers.
OF_TESTS = [str(Path(__file__).parent), *map(str, Path(__file__).parents[2].glob("support/*"))]

DIES = """
import sys, time
sys.path[:0] = {tests!r}
from test_mqtt import Live, MqttOutput, METADATA
live = Live(MqttOutput("mqtt://127.0.0.1:{port}", METADATA, node="kitchen", environment={{}}))
live.until(lambda: live.output._link._underway == {{}} and live.output._n_announced)
print("online", flush=True)
live.until(lambda: False, 60)
"""


def test_the_broker_says_when_the_process_has_died(broker: Broker) -> None:
    code = DIES.format(tests=OF_TESTS, port=broker.port)
    with Ear(broker, TOPICS.availability) as ear:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "online\n"
            until(lambda: ear.payloads(TOPICS.availability) == [b"online"])
        finally:
            process.kill()
            process.communicate()
        until(lambda: ear.payloads(TOPICS.availability) == [b"online", b"offline"])
    with Ear(broker, TOPICS.availability) as late:
        until(lambda: late.messages == [(TOPICS.availability, b"offline", True)])


def test_a_wrong_password_is_told_once(tmp_path: Path) -> None:
    wrong = {"EDGE_ASC_MQTT_USER": USER, "EDGE_ASC_MQTT_PASSWORD": "guess"}
    with Broker(tmp_path, password=True) as broker, publishing(broker, wrong) as live:
        log = tmp_path / "mosquitto.log"
        live.until(lambda: log.read_text().count("not authorised") >= 2)
        (told,) = live.notices
        assert "not authorized; check EDGE_ASC_MQTT_USER" in told
        assert "guess" not in told


@pytest.mark.parametrize("how", ["variable", "file", "systemd"])
def test_the_right_password_from_where_it_may_be(tmp_path: Path, how: str) -> None:
    (tmp_path / "mqtt-password").write_text(f"{PASSWORD}\n")
    secret = {
        "variable": {"EDGE_ASC_MQTT_PASSWORD": PASSWORD},
        "file": {"EDGE_ASC_MQTT_PASSWORD_FILE": str(tmp_path / "mqtt-password")},
        "systemd": {"CREDENTIALS_DIRECTORY": str(tmp_path)},
    }[how]
    environment = {"EDGE_ASC_MQTT_USER": USER, **secret}
    with Broker(tmp_path, password=True) as broker, publishing(broker, environment) as live:
        live.until_told("connected")


def test_a_topic_that_is_not_allowed_is_told_once(tmp_path: Path) -> None:
    known = {"EDGE_ASC_MQTT_USER": USER, "EDGE_ASC_MQTT_PASSWORD": PASSWORD}
    acl = f"user {USER}\ntopic readwrite homeassistant/#\ntopic readwrite +/+/availability\n"
    with Broker(tmp_path, password=True, acl=acl) as broker, publishing(broker, known) as live:
        live.until_told(f"the broker refuses {TOPICS.state}: not authorized")
        live.until_told(f"the broker refuses {TOPICS.health}: not authorized")
        end_s = time.monotonic() + 0.7
        live.until(lambda: time.monotonic() > end_s)
        assert sum("refuses" in text for text in live.notices) == 2


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    return folder


def test_tls_with_an_own_authority(certificates: Path) -> None:
    known = {"EDGE_ASC_MQTT_CA": str(certificates / "ca.crt")}
    with Broker(certificates, tls=True) as broker, publishing(broker, known, tls=True) as live:
        live.until_told("connected")


@pytest.mark.parametrize("authority", [None, "strange.crt"])
@pytest.mark.usefixtures("collected")
def test_an_unknown_authority_is_refused(certificates: Path, authority: str | None) -> None:
    known = {"EDGE_ASC_MQTT_CA": str(certificates / authority)} if authority else {}
    with Broker(certificates, tls=True) as broker, publishing(broker, known, tls=True) as live:
        live.until_told("its certificate is not accepted")
        assert not live.output._link.n_connects


@pytest.mark.usefixtures("collected")
def test_a_certificate_of_ours(certificates: Path) -> None:
    names = {"CA": "ca.crt", "CERT": "client.crt", "KEY": "client.key"}
    known = {f"EDGE_ASC_MQTT_{name}": str(certificates / file) for name, file in names.items()}
    with Broker(certificates, tls=True, client_certificate=True) as broker:
        with publishing(broker, known, tls=True) as live:
            live.until_told("connected")
        del known["EDGE_ASC_MQTT_CERT"], known["EDGE_ASC_MQTT_KEY"]
        with publishing(broker, known, tls=True) as live:
            live.until(lambda: live.notices)
            assert not live.output._link.n_connects


@pytest.mark.usefixtures("collected")
def test_tls_where_none_is_spoken_and_the_other_way_round(
    certificates: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_link, "ANSWER_S", 0.5)
    with publishing(broker, tls=True) as live:
        live.until_told("cannot be reached")
    with Broker(certificates, tls=True) as secret, publishing(secret) as live:
        live.until_told("without an answer")


@contextmanager
def answering(answer: bytes | None) -> Iterator[tuple[int, list[socket.socket]]]:
    """A port where whoever connects gets these bytes, None: nothing, and no end; and who came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                came.append(client)
                client.recv(1000)
                if answer is not None:
                    client.sendall(answer)
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], came
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for client in came:
                client.close()


def test_a_broker_that_never_answers_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "ANSWER_S", 0.5)
    with answering(None) as (port, _), publishing(port) as live:
        live.until_told("takes the connection but does not answer")


@pytest.mark.usefixtures("collected")
def test_closing_does_not_wait_for_a_handshake() -> None:
    with answering(None) as (port, _), publishing(port, tls=True) as live:
        live.until(lambda: live.output.n_unsent)
        begin_s = time.monotonic()
        live.output.close()
        assert time.monotonic() - begin_s < SOON_S


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x20\x02\x00\x01", "unsupported protocol version; MQTT 5 is needed"),  # MQTT 3.1.1's no
        (b"", "ends the connection without an answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "ends the connection without an answer"),
        (b"\x20\x03\x00\xfe\x00", "ends the connection without an answer"),  # no such reason
    ],
)
def test_what_is_no_broker_for_us_is_told_once(answer: bytes, said: str) -> None:
    with answering(answer) as (port, came), publishing(port) as live:
        live.until_told(said)
        live.until(lambda: len(came) >= 3)  # it goes on trying
        assert len(live.notices) == 1


def test_a_second_client_of_the_same_name_is_told_of(broker: Broker) -> None:
    with publishing(broker) as one:
        one.until_told("connected")
        with publishing(broker) as other:
            other.until(lambda: other.output._link.connected)
            one.until_told("lost: ", "soon; does another client call itself edge_asc_kitchen?")


def test_a_home_assistant_that_starts_is_told_what_there_is(broker: Broker) -> None:
    with Ear(broker, "#") as ear, publishing(broker) as live:
        live.until(lambda: ear.payloads(TOPICS.discovery) and scenes(ear))
        ear.publish("homeassistant/status", b"offline")
        ear.publish("homeassistant/status", b"online")
        live.until(lambda: len(ear.payloads(TOPICS.discovery)) == 2)


# Payloads


def components(metadata: Any = METADATA, topics: Topics = TOPICS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(discovery_payload(topics, metadata))["components"]
    return found


def rendered(component: dict[str, Any], topics: Topics, state: bytes, healthy: bytes) -> str:
    """What Home Assistant makes of a payload; a key that is not there is an error."""
    topic = component.get("state_topic", topics.state)
    value = json.loads({topics.state: state, topics.health: healthy}[topic])
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        component["value_template"]
    )
    return str(template.render(value_json=value))


def test_the_description_obeys_home_assistant() -> None:
    payload = json.loads(discovery_payload(TOPICS, METADATA))
    assert payload["device"]["identifiers"] == ["edge_asc_kitchen"]
    assert payload["origin"]["name"] == "edge-asc"
    assert payload["availability"] == [{"topic": TOPICS.availability}]
    unique = [c["unique_id"] for c in payload["components"].values()]
    assert len(set(unique)) == len(unique)
    for component in payload["components"].values():
        assert component["platform"] == "sensor"
        assert re.fullmatch(r"sensor\.[a-z0-9_]+", component["default_entity_id"])
        assert component["expire_after"] > 3 * home_assistant.STATE_S
        assert ("options" in component) == (component.get("device_class") == "enum")
        assert ("state_class" in component) == ("unit_of_measurement" in component)
        assert not ("options" in component and "unit_of_measurement" in component)
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", TOPICS.discovery)


def test_templates_give_what_was_decided() -> None:
    state = payload_of(decision())
    healthy = payload_of(health(temperature_c=51.3))
    values = {key: rendered(c, TOPICS, state, healthy) for key, c in components().items()}
    assert values == {
        "scene": "low",
        "confidence": "81.2",
        "abstract": "dark",
        "abstract_dark": "91.0",
        "abstract_bright": "9.0",
        "latency": "36.0",
        "microphone": "listening",
        "temperature": "51.3",
    }


def test_the_scene_says_which_model_heard_it() -> None:
    scene = components()["scene"]
    assert scene["json_attributes_topic"] == TOPICS.state
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        scene["json_attributes_template"]
    )
    value = json.loads(payload_of(decision(model="kitchen-1a2b3c4d")))
    assert json.loads(template.render(value_json=value)) == {"model": "kitchen-1a2b3c4d"}


def test_what_is_not_known_is_none_and_every_choice_is_an_option() -> None:
    """`None` is what Home Assistant takes for unknown."""
    state = payload_of(decision(UNSURE, latency_ms=None))
    for name in ("starting", "listening", "silent", "lost", "ended"):
        healthy = payload_of(health(name))
        for key, component in components().items():
            value = rendered(component, TOPICS, state, healthy)
            assert value in component.get("options", [value])
            assert (value == "None") == (key in ("latency", "temperature"))


def test_a_model_without_abstract_classes_has_no_sensors_for_them() -> None:
    assert not [key for key in components(tiny_models.metadata()) if "abstract" in key]


@settings(max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6, unique=True))
def test_any_labels_make_a_sound_description(labels: list[str]) -> None:
    try:
        json.dumps(labels, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate: no metadata can hold it
    metadata = tiny_models.metadata(abstract_labels=labels)
    labels = metadata.abstract_labels  # as they are shown
    shares = {label: round(0.1 + i / 100, 4) for i, label in enumerate(labels)}
    state = payload_of(decision(abstract=labels[0], abstract_probabilities=shares))
    found = {k: c for k, c in components(metadata).items() if k.startswith("abstract_")}
    values = [float(rendered(c, TOPICS, state, b"{}")) for c in found.values()]
    assert values == [pytest.approx(100 * share, abs=0.051) for share in shares.values()]
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for key in found)


# Addresses and secrets


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "base"),
    [
        ("mqtt://broker", "broker", 1883, False, "edge_asc"),
        ("mqtt://10.0.0.2:1884/home/sounds/", "10.0.0.2", 1884, False, "home/sounds"),
        ("mqtts://broker.local", "broker.local", 8883, True, "edge_asc"),
        ("mqtts://[::1]:8884", "::1", 8884, True, "edge_asc"),
    ],
)
def test_addresses(url: str, host: str, port: int, tls: bool, base: str) -> None:
    found = parse_url(url)
    assert (found.host, found.port, found.tls, found.base) == (host, port, tls, base)
    assert parse_url(f"{found}/{base}") == found


@pytest.mark.parametrize(
    "url",
    [
        *("broker", "http://broker", "mqtt://", "mqtt://b:port", "mqtt://b:70000", "mqtt://b?x=1"),
        *("mqtt://[::1", f"mqtt://{'x' * 70}", "mqtt://b/+"),
    ],
)
def test_illegal_addresses_are_one_line(url: str) -> None:
    with pytest.raises(ValueError, match="MQTT") as caught:
        MqttOutput(url, METADATA, environment={})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mqtt://me:hunter2@broker", "mqtt://me:hunter/2@broker"])
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="EDGE_ASC_MQTT_PASSWORD_FILE") as caught:
        parse_url(url)
    assert "hunter" not in str(caught.value)


def test_settings_that_contradict_each_other(tmp_path: Path) -> None:
    plain, secret = parse_url("mqtt://broker"), parse_url("mqtts://broker")
    (tmp_path / "x.crt").write_text("no certificate")
    file = str(tmp_path / "x.crt")
    for address, environment, said in (
        (plain, {"EDGE_ASC_MQTT_CA": file}, "not encrypted: use mqtts"),
        (secret, {"EDGE_ASC_MQTT_CERT": file}, "given together"),
        (secret, {"EDGE_ASC_MQTT_CA": file}, "x.crt: not PEM"),
    ):
        with pytest.raises(ValueError, match=said):
            tls_context(address, environment)
    with pytest.raises(FileNotFoundError) as caught:
        tls_context(secret, {"EDGE_ASC_MQTT_CA": str(tmp_path / "no.crt")})
    assert caught.value.filename == str(tmp_path / "no.crt")
    with pytest.raises(ValueError, match="set EDGE_ASC_MQTT_USER"):
        credentials({"EDGE_ASC_MQTT_PASSWORD": "x"})
    with pytest.raises(FileNotFoundError):
        credentials({"EDGE_ASC_MQTT_USER": "x", "EDGE_ASC_MQTT_PASSWORD_FILE": "/no/such"})


@pytest.mark.parametrize("node", ["a b", "küche", "a/b", "a+"])
def test_a_node_that_cannot_stand_in_a_topic(node: str) -> None:
    with pytest.raises(ValueError, match="MQTT node"):
        MqttOutput("mqtt://broker", METADATA, node=node, environment={})


def test_paho_is_imported_by_who_needs_it_alone() -> None:
    code = "import sys, edge_asc.demo.command; sys.exit('paho' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ)).returncode == 0
