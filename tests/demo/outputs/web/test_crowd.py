"""Visitors who hold connections and ask nothing, or ask what nobody understands."""

import logging
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from urllib.parse import urlsplit

import pytest

from edge_asc.demo.outputs.web import server
from edge_asc.demo.outputs.web.web import WebOutput
from waiting import SOON_S, until
from web_feed import browser, decision, health, hear, request, serving


def held(output: WebOutput, n: int, begin: bytes, stack: ExitStack) -> list[socket.socket]:
    """Connections that have sent something and no whole request."""
    where = urlsplit(output.url)
    found = []
    for _ in range(n):
        visitor = socket.create_connection((where.hostname, where.port), 5)
        stack.callback(visitor.close)
        visitor.sendall(begin)
        found.append(visitor)
    return found


def is_cut(visitor: socket.socket) -> bool:
    visitor.settimeout(0.01)
    try:
        while visitor.recv(4096):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


BEGINNINGS = [
    b"",
    b"G",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\ntoken=",
]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_who_asks_nothing_gives_way_to_who_asks(begin: bytes) -> None:
    with serving() as output, browser(output) as page, ExitStack() as stack:
        hear(page, "hello")
        held(output, server.MAX_CONNECTIONS + 20, begin, stack)
        begun_s = time.monotonic()
        assert request(output)[0] == 200
        assert time.monotonic() - begun_s < SOON_S
        output.on_health(health())
        assert hear(page, "health")  # who looks is not cut
        assert len(output._server._server.server_state.connections) <= server.MAX_CONNECTIONS


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_request_has_its_time_however_it_drips(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.5)
    with serving() as output, ExitStack() as stack:
        visitors = held(output, 3, begin, stack)
        deadline_s = time.monotonic() + SOON_S
        while not all(map(is_cut, visitors)) and time.monotonic() < deadline_s:
            for visitor in visitors:
                with suppress(OSError):
                    visitor.send(b"a")
            time.sleep(0.1)
        assert all(map(is_cut, visitors))


def test_who_takes_no_answer_gives_way_as_well() -> None:
    with serving() as output, ExitStack() as stack:
        asks = b"GET /static/live/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40
        held(output, server.MAX_CONNECTIONS + 5, asks, stack)
        assert request(output)[0] == 200


@pytest.fixture
def few_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("few_files")
def test_a_process_of_few_files_keeps_most_of_them() -> None:
    before = len(os.listdir("/dev/fd"))
    with serving() as output, ExitStack() as stack:
        held(output, 100, b"", stack)  # of which this process holds the other ends
        until(lambda: len(output._server._server.server_state.connections) <= 256 // 4)
        ours = len(os.listdir("/dev/fd")) - before - 100
        assert ours < 256 // 4 + server.BACKLOG + 10
        output.on_decision(decision())
        output.on_health(health())
        assert request(output, "/healthz")[0] == 200


def test_trouble_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as output:
        log, loop = logging.getLogger("uvicorn.error"), output._server._server.loop
        assert loop is not None
        output.notices()
        said_inside = partial(log.error, "Exception", exc_info=ValueError("line\nline"))
        log.error("of another server, in another thread")
        for _ in range(50):
            loop.call_soon_threadsafe(said_inside)
            loop.call_soon_threadsafe(loop.call_exception_handler, {"message": "accept"})
        until(lambda: output._server._troubles._n == 100)
        (said,) = output.notices()
        assert said.startswith("the web page's server: ")
        assert said.endswith("(100 times)")
        assert "\n" not in said
        loop.call_soon_threadsafe(log.error, "again")
        until(lambda: output._server._troubles._n == 1)
        assert output.notices() == []


def test_frames_of_bytes_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as output, browser(output) as page:
        hear(page, "hello")
        for content in (b"", b"abc", b"\xff" * 900):
            page.send(content)
        output.on_health(health())
        assert hear(page, "health")
    assert caplog.text == ""
