"""A real MQTT broker for tests: mosquitto on a free port of this machine, with its own files.

with Broker(tmp_path) as broker:
    broker.port
    broker.stop(); broker.start()   # on the same port
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

START_S = 10.0
USER, PASSWORD = "asc", "s3cret"


def needed() -> str:
    """Path of mosquitto; skips the test where it is not installed."""
    path = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip("the Debian package mosquitto is not installed")
    return path


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """One listener on loopback.

    Args:
        folder: for its files.
        password: whether `USER` and `PASSWORD` are asked for.
        acl: who may do what, in mosquitto's words; None: all.
        tls: whether it speaks TLS, with the certificates of `make_certificates(folder)`.
        client_certificate: whether it asks for a client's, which then names the user.
    """

    def __init__(
        self,
        folder: Path,
        password: bool = False,
        acl: str | None = None,
        tls: bool = False,
        client_certificate: bool = False,
    ) -> None:
        self._path = needed()
        self.port = free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            "persistence false",
            f"log_dest file {folder}/mosquitto.log",
            f"listener {self.port} {'localhost' if tls else '127.0.0.1'}",
            f"allow_anonymous {'false' if password or client_certificate else 'true'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")
        if password:
            make = ["mosquitto_passwd", "-b", "-c", str(folder / "passwd"), USER, PASSWORD]
            subprocess.run(make, check=True, capture_output=True)
            lines.append(f"password_file {folder}/passwd")
        if acl is not None:
            (folder / "acl").write_text(acl)
            lines.append(f"acl_file {folder}/acl")
        if tls:
            lines += [f"{key} {folder}/{file}" for key, file in TLS_FILES.items()]
        if client_certificate:
            lines += ["require_certificate true", "use_identity_as_username true"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> "Broker":
        """Start it and wait until it answers."""
        command = [self._path, "-c", str(self.folder / "mosquitto.conf")]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_die_with_us
        )
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError((self.folder / "mosquitto.log").read_text())

    def signal(self, number: int) -> None:
        """Send it a signal: SIGSTOP makes it hang, SIGCONT go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)
            self._process = None

    def __enter__(self) -> "Broker":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()


def _die_with_us() -> None:
    """No broker is left behind when the tests are killed (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


TLS_FILES = {"cafile": "ca.crt", "certfile": "server.crt", "keyfile": "server.key"}
_REQUEST = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_SIGN = ["x509", "-req", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]


def make_certificates(folder: Path) -> None:
    """Authorities `ca` and `strange`; certificates of `server` (localhost) and `client` by `ca`."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("ca", "strange"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        _openssl(folder, *_REQUEST, "-x509", "-days", "2", "-subj", f"/CN={name}", *files)
    for name in ("server", "client"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.csr"]
        _openssl(folder, *_REQUEST, "-subj", f"/CN={name}", *files)
        _openssl(folder, *_SIGN, "-extfile", "names", "-in", f"{name}.csr", "-out", f"{name}.crt")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Ear:
    """A subscriber of a broker, with the messages it got.

    Args:
        broker: started, without TLS.
        topics: to subscribe to.
    """

    def __init__(self, broker: Broker, *topics: str) -> None:
        from paho.mqtt.client import CallbackAPIVersion, Client

        self.messages: list[tuple[str, bytes, bool]] = []  # topic, payload, retained before
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([(t, 1) for t in topics])
        messages = self.messages  # a client that is part of a cycle closes its sockets late
        self._client.on_message = lambda _client, _data, message: messages.append(
            (message.topic, message.payload, message.retain)
        )
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", broker.port, 10)
        self._client.loop_start()
        assert subscribed.wait(START_S)

    def payloads(self, topic: str) -> list[bytes]:
        """What came on a topic, in order."""
        return [payload for name, payload, _ in list(self.messages) if name == topic]

    def publish(self, topic: str, payload: bytes) -> None:
        """Say something oneself."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(START_S)

    def __enter__(self) -> "Ear":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
