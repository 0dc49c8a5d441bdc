"""What is said over MQTT: topics and payloads, and their description for Home Assistant.

Pure functions. Home Assistant (2024.12 or newer) makes a device of the description, with a sensor
for each of its components; other programs read the same two topics, `state` and `health`.
"""

import json
import re
from collections.abc import Set
from typing import Any, get_args

import msgspec

from edge_asc import __version__
from edge_asc.demo.events import UNSURE, Decision, Health, State, iso_time, json_text, rounded
from edge_asc.runtime.metadata import Metadata

PREFIX = "homeassistant"
STATUS_TOPIC = f"{PREFIX}/status"  # "online" when Home Assistant has started
STATE_S = 5.0  # a state is sent at least this often
EXPIRE_S = 30  # without a state for that long, a sensor's value is unknown
ATTRIBUTES = "{{ {'model': value_json.model} | tojson }}"  # of the scene: who heard it
INNER = ("event", "time_s", "position_s", "changed")  # fields that are not sent


class Topics:
    """Where one listener publishes.

    Args:
        base: first part of its topics.
        node: its name, unique in the house; of `a-z A-Z 0-9 _ -`.

    Raises:
        ValueError: a name that cannot stand in a topic.
    """

    def __init__(self, base: str, node: str) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", node):
            raise ValueError(f"MQTT node {node!r}: only a-z, A-Z, 0-9, _ and - are allowed")
        if not base.strip("/") or re.search(r"[+#\0]|^\$", base):
            raise ValueError(f"MQTT base topic {base!r} is empty or holds +, # or $")
        self.node = node
        self.state, self.health = f"{base}/{node}/state", f"{base}/{node}/health"
        self.availability = f"{base}/{node}/availability"  # `online` or `offline`, retained
        self.device = f"edge_asc_{node}"  # identifier of the device and of the client
        self.discovery = f"{PREFIX}/device/{self.device}/config"  # the description, retained


def payload_of(event: Decision | Health) -> bytes:
    """A decision or a health as JSON."""
    fields = msgspec.to_builtins(event)
    fields = {"time": iso_time(event.time_s)} | {n: v for n, v in fields.items() if n not in INNER}
    return json_text(rounded(fields)).encode()


def discovery_payload(topics: Topics, metadata: Metadata, known: Set[str] = frozenset()) -> bytes:
    """The device, with a sensor for the scene and one for each abstract class.

    Of the `known` keys, which an earlier description had, those that this model lacks are removed.
    """
    sensors = _components(topics, metadata)
    gone = sorted(known - sensors.keys())
    payload = {
        "device": {
            "identifiers": [topics.device],
            "name": f"Acoustic scene {topics.node}",
            "manufacturer": "edge-asc",
            "model": f"{metadata.name}, {metadata.precision}",
            "sw_version": __version__,
        },
        "origin": {"name": "edge-asc", "sw_version": __version__},
        "availability": [{"topic": topics.availability}],
        "state_topic": topics.state,
        "qos": 1,
        "components": {
            key: {
                "platform": "sensor",
                "unique_id": f"{topics.device}_{key}",
                "default_entity_id": f"sensor.{_entity(topics.device)}_{_entity(key)}",
                "expire_after": EXPIRE_S,
                **component,
            }
            for key, component in sensors.items()
        }
        | {key: {"platform": "sensor"} for key in gone},
    }
    return json.dumps(payload, separators=(",", ":")).encode()


def sensor_keys(topics: Topics, metadata: Metadata) -> Set[str]:
    """Of the sensors that a model has."""
    return _components(topics, metadata).keys()


def _components(topics: Topics, metadata: Metadata) -> dict[str, dict[str, Any]]:
    """What is particular to each sensor."""
    of_device = {"entity_category": "diagnostic", "state_topic": topics.health}
    sensors = {
        "scene": {
            **_choice("Scene", "scene", [*metadata.labels, UNSURE]),
            "icon": "mdi:waveform",
            "json_attributes_topic": topics.state,
            "json_attributes_template": ATTRIBUTES,
        },
        "confidence": _share("Confidence", "value_json.confidence"),
    }
    if metadata.abstract_labels:
        sensors["abstract"] = _choice("Kind of scene", "abstract", metadata.abstract_labels)
    for key, label in _keys(metadata.abstract_labels).items():
        name, quoted = label.replace("_", " ").capitalize(), json.dumps(label, ensure_ascii=False)
        sensors[key] = _share(name, f"value_json.abstract_probabilities[{quoted}]")
    sensors["latency"] = {
        **_measured("Latency", "value_json.latency_ms", "ms"),
        "device_class": "duration",
        "entity_category": "diagnostic",
    }
    sensors["microphone"] = _choice("Microphone", "state", list(get_args(State))) | of_device
    sensors["temperature"] = {
        **_measured("Temperature", "value_json.temperature_c", "°C"),
        "device_class": "temperature",
        **of_device,
    }
    return sensors


def _choice(name: str, key: str, options: list[str]) -> dict[str, Any]:
    template = f"{{{{ value_json.{key} }}}}"
    return {"name": name, "device_class": "enum", "options": options, "value_template": template}


def _share(name: str, value: str) -> dict[str, Any]:
    return _measured(name, f"({value} * 100) | round(1)", "%") | {"suggested_display_precision": 0}


def _measured(name: str, value: str, unit: str) -> dict[str, Any]:
    return {
        "name": name,
        "unit_of_measurement": unit,
        "state_class": "measurement",
        "value_template": f"{{{{ {value} }}}}",
    }


def _keys(labels: list[str]) -> dict[str, str]:
    """A key for each label, of characters that an identifier may have; no two are the same."""
    keys = {f"abstract_{_entity(label)}": label for label in labels}
    if len(keys) < len(labels):
        keys = {f"abstract_{number}": label for number, label in enumerate(labels)}
    return keys


def _entity(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())
