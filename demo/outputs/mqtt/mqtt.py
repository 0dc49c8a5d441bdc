"""Publishes decisions to an MQTT broker, and describes itself to Home Assistant.

While the broker is away nothing is kept but the newest decision and health, which go out as soon as
it is back. Home Assistant dates a state by when it comes, so an old one sent late would be wrong;
only what was on its way when the connection broke, 20 messages at most, is sent again.
"""

import os
import time
from collections.abc import Mapping

from edge_asc.demo.events import Decision, Health
from edge_asc.demo.outputs.mqtt.home_assistant import (
    STATE_S,
    STATUS_TOPIC,
    discovery_payload,
    payload_of,
    sensor_keys,
)
from edge_asc.demo.outputs.mqtt.link import MqttLink
from edge_asc.demo.outputs.mqtt.settings import credentials, parse_url, tls_context, topics_of
from edge_asc.demo.outputs.output import Output
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata

CHANGE_S = 1.0  # changes are sent no faster


class MqttOutput(Output):
    """A client of a broker.

    Args:
        url: `mqtt://host[:1883][/base]` or `mqtts://…`; see `mqtt_settings` for what is secret.
        node: this listener's name among others on the broker; by default `EDGE_ASC_MQTT_NODE` or
            the host's name.

    Raises:
        ValueError: an illegal address, name, certificate or setting.
        OSError: a file of a secret or certificate cannot be read.
        ImportError: there is no paho-mqtt.
    """

    what = "MQTT"

    def __init__(
        self,
        url: str,
        metadata: Metadata,
        *,
        node: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        address = parse_url(url)
        self._topics = topics_of(address, node, environment)
        self._known = sensor_keys(self._topics, metadata)
        self._description = discovery_payload(self._topics, metadata)
        self._decision: Decision | None = None
        self._health: Health | None = None
        self._sent: dict[
            str, tuple[float, str]
        ] = {}  # topic: when something was sent last, and what
        self._n_announced = 0  # connects after which we have introduced ourselves
        self.n_unsent = 0  # messages that were due while the broker was away, or behind
        user, password = credentials(environment)
        self._link = MqttLink(
            address,
            self._topics.device,
            user,
            password,
            tls_context(address, environment),
            self._topics.availability,
            STATUS_TOPIC,
        )

    def on_decision(self, decision: Decision) -> None:
        """Send it when the scene is another, or the last was sent a while ago."""
        self._decision = decision
        self._send()

    def on_health(self, health: Health) -> None:
        """Send it likewise."""
        self._health = health
        self._send()

    def on_model(self, classifier: Classifier) -> None:
        """Describe the sensors anew; the last decision was another model's."""
        self._decision, metadata = None, classifier.metadata
        self._description = discovery_payload(self._topics, metadata, self._known)
        self._known |= sensor_keys(self._topics, metadata)
        self._n_announced = 0

    def notices(self) -> list[str]:
        """What a person should know: connected, lost, refused; each once."""
        return self._link.notices(self.n_unsent)

    def close(self) -> None:
        """Be offline."""
        self._link.close()

    def _send(self) -> None:
        self._announce()
        decision, health = self._decision, self._health
        if decision is not None and (health is None or health.state == "listening"):
            self._send_due(self._topics.state, decision, decision.scene)  # else the last expires
        if health is not None:
            self._send_due(self._topics.health, health, health.state)

    def _send_due(self, topic: str, event: Decision | Health, what: str) -> None:
        """Send an event unless one was sent of late: of the same content, or of any."""
        now_s = time.monotonic()
        sent_s, sent = self._sent.get(topic, (float("-inf"), ""))
        if now_s - sent_s >= (STATE_S if what == sent else CHANGE_S):
            self.n_unsent += not self._link.publish(topic, payload_of(event))
            self._sent[topic] = now_s, what

    def _announce(self) -> None:
        """Introduce ourselves to a broker that is new or back, and to a new Home Assistant."""
        started = b"online" in self._link.heard
        if self._link.connected and (self._n_announced != self._link.n_connects or started):
            self._n_announced = self._link.n_connects
            self._link.heard.clear()
            self._link.publish(self._topics.discovery, self._description, retain=True)
            self._link.publish(self._topics.availability, b"online", retain=True)
            self._sent.clear()
