"""A web page that is fed by hand: outputs, requests and sockets for its tests."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from websockets.sync.client import ClientConnection, connect

from edge_asc.demo.events import Decision, Health
from edge_asc.demo.outputs.web.hub import HEADER
from edge_asc.demo.outputs.web.web import WebOutput
from edge_asc.frontend.front_end import FrontEnd
from tiny_models import FRONTEND, LABELS, metadata
from waiting import PATIENCE_S

TOKEN = "a token of sufficient length".replace(" ", "-")


@contextmanager
def serving(
    address: str = "0", frontend: FrontEnd = FRONTEND, **options: Any
) -> Iterator[WebOutput]:
    """A page on loopback, at a free port; `options` are of it and of the model's metadata."""
    own = {"token": None, "stream_audio": False, "model": None, "review": None}
    own["frame_ancestors"] = None
    own = {name: options.pop(name, usual) for name, usual in own.items()}
    output = WebOutput(address, metadata(frontend=frontend.to_dict(), **options), frontend, **own)
    try:
        yield output
    finally:
        output.close()


def decision(
    scene: str = "low", time_s: float | None = None, position_s: float = 1.0, **fields: Any
) -> Decision:
    """A decision for a scene, 80 % sure."""
    others = 0.2 / (len(LABELS) - 1)
    probabilities = {label: 0.8 if label == scene else others for label in LABELS}
    known = {"changed": False, "confidence": 0.8, "probabilities": probabilities}
    when_s = time.time() if time_s is None else time_s
    return Decision(time_s=when_s, position_s=position_s, scene=scene, **{**known, **fields})


def health(**fields: Any) -> Health:
    """A health of now."""
    return Health(**{"time_s": time.time(), "state": "listening", "source": "test", **fields})


def frames(k: int, seed: int = 0) -> np.ndarray:
    """Raw features `[M, k]` of `tiny_models.FRONTEND`."""
    rng = np.random.default_rng(seed)
    return rng.uniform(np.log(FRONTEND.log_floor), 8, (FRONTEND.n_mels, k)).astype(np.float32)


def request(
    output: WebOutput, path: str = "/", method: str = "GET", body: str = "", **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower case) and text of an answer; `_` in a header's name is `-`."""
    where = urlsplit(output.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_S)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, named)
        answer = connection.getresponse()
        return (
            answer.status,
            {k.lower(): v for k, v in answer.headers.items()},
            answer.read().decode(),
        )
    finally:
        connection.close()


def browser(
    output: WebOutput, origin: str | None = "own", host: str | None = None, **headers: str
) -> ClientConnection:
    """A socket to the page as its own script opens it; `host` is the name it was found under."""
    where = urlsplit(output.url)
    name = host or where.netloc
    assert where.hostname
    return connect(
        f"ws://{name}/socket",
        sock=socket.create_connection((where.hostname, where.port or 80)),
        origin=f"http://{name}" if origin == "own" else origin,  # type: ignore[arg-type]
        additional_headers={k.replace("_", "-"): v for k, v in headers.items()},
        proxy=None,
        compression=None,
        open_timeout=PATIENCE_S,
        close_timeout=1,
    )


def dead_browser(output: WebOutput) -> socket.socket:
    """A browser that opens the socket and never reads from it."""
    where = urlsplit(output.url)
    assert where.hostname and where.port
    dead = socket.socket()
    dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    dead.connect((where.hostname, where.port))
    lines = [
        "GET /socket HTTP/1.1",
        f"Host: {where.netloc}",
        f"Origin: http://{where.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    dead.sendall("\r\n".join([*lines, "", ""]).encode())
    return dead


def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next JSON message of a kind; what comes before is dropped."""
    while True:
        message = socket.recv(timeout=PATIENCE_S)
        if isinstance(message, str) and (found := json.loads(message))["type"] == kind:
            return dict(found)


def hear_bytes(socket: ClientConnection) -> tuple[tuple[int, float, float, int], bytes]:
    """Header (kind, level, peak, first) and content of the next binary message."""
    while True:
        message = socket.recv(timeout=PATIENCE_S)
        if isinstance(message, bytes):
            kind, level, peak, first = HEADER.unpack_from(message)
            return (kind, level, peak, int(first)), message[HEADER.size :]


def n_browsers(output: WebOutput) -> int:
    """How many are connected."""
    return output._hub.n_clients
