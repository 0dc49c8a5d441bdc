"""Which MQTT broker, and as whom: an address from the command line, all secrets from elsewhere.

A command line can be read by every user of a machine, so no password is taken from it.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge_asc.demo.outputs.mqtt.home_assistant import Topics

BASE = "edge_asc"
PORTS = {"mqtt": 1883, "mqtts": 8883}
USER, PASSWORD = "EDGE_ASC_MQTT_USER", "EDGE_ASC_MQTT_PASSWORD"
PASSWORD_FILE = "EDGE_ASC_MQTT_PASSWORD_FILE"
CREDENTIAL = "mqtt-password"  # what systemd's LoadCredential= calls it
NODE = "EDGE_ASC_MQTT_NODE"
CA, CERT, KEY = "EDGE_ASC_MQTT_CA", "EDGE_ASC_MQTT_CERT", "EDGE_ASC_MQTT_KEY"


@dataclass(frozen=True)
class Address:
    """A broker."""

    host: str  # name or address
    port: int  # of TCP
    tls: bool  # whether the connection is encrypted
    base: str  # first part of the topics

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse_url(url: str) -> Address:
    """`mqtt://host[:1883][/base]`, or `mqtts://` with TLS, port 8883.

    Raises:
        ValueError: something else, or with a password in it, which the message does not repeat.
    """
    form = "mqtt://HOST[:PORT][/BASE] or mqtts://…"
    if "@" in url:
        raise ValueError(
            f"MQTT address with a user or password in it, which others can see: put them into"
            f" {USER} and {PASSWORD} (or {PASSWORD_FILE}) of the environment"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"MQTT address with an illegal host or port; it is {form}") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"MQTT address {url!r} is not {form}")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError(f"MQTT address with an illegal host {parts.hostname!r}") from None
    base = unquote(parts.path).strip("/") or BASE
    tls = parts.scheme == "mqtts"
    return Address(parts.hostname, PORTS[parts.scheme] if port is None else port, tls, base)


def topics_of(address: Address, node: str | None, environment: Mapping[str, str]) -> Topics:
    """Topics of a node: the one that is named here, in the environment, or by the host's name."""
    name = node or environment.get(NODE) or re.sub(r"[^a-zA-Z0-9_-]", "-", socket.gethostname())
    return Topics(address.base, name)


def credentials(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """User and password; None for what is not given.

    Raises:
        ValueError: a password without a user.
        OSError: the file of the password cannot be read.
    """
    user, password = environment.get(USER), _password(environment)
    if password is not None and not user:
        raise ValueError(f"an MQTT password without a user: set {USER}")
    return user or None, password


def _password(environment: Mapping[str, str]) -> str | None:
    if PASSWORD in environment:
        return environment[PASSWORD]
    if PASSWORD_FILE in environment:
        return _secret(Path(environment[PASSWORD_FILE]))
    given = Path(environment.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / CREDENTIAL
    return _secret(given) if given.exists() else None


def _secret(file: Path) -> str:
    return file.read_text("utf-8").rstrip("\r\n")


def tls_context(address: Address, environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """For `mqtts://`: the system's authorities or an own one, and our certificate if there is one.

    Raises:
        ValueError: settings that contradict each other, or a file that is no certificate or key.
        OSError: a file cannot be read.
    """
    given = {name: environment[name] for name in (CA, CERT, KEY) if environment.get(name)}
    if not address.tls:
        if given:
            raise ValueError(
                f"{', '.join(given)} given, but {address} is not encrypted: use mqtts://"
            )
        return None
    if (CERT in given) != (KEY in given):
        raise ValueError(f"{CERT} and {KEY} must be given together")
    for file in given.values():
        Path(file).open("rb").close()  # its error names the file; that of ssl does not
    try:
        context = ssl.create_default_context(cafile=given.get(CA))
        if CERT in given:
            context.load_cert_chain(given[CERT], given[KEY], password="")
    except ssl.SSLError as error:
        files = ", ".join(given.values())
        raise ValueError(f"{files}: not PEM files that fit each other ({error.reason})") from None
    return context
