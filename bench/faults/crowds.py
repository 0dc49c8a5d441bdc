"""Connections that ask nothing, and requests that never end: the page and the listening go on."""

import http.client
import random
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from found import Found
from listener import Listener, write_noise

FILES = (256, 1024)  # that the listener may have open
PAGE_S = 10.0  # within which the page is to answer
HELD_S = 6.0  # the crowd stays, once all are there
SOUND_S = 1200.0
_ASK_EVERY = 500
BEGINNINGS = (
    b"G",
    b"GET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ",
    b"POST /api/clips HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{",
    b"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n",
)


def idle_connections(tries: int, seed: int) -> Found:
    """Open so many connections that ask nothing, at each limit of open files."""
    return _crowds(Found("idle connections", tries, seed), lambda rng: b"")


def half_requests(tries: int, seed: int) -> Found:
    """Hold so many requests that begin and do not end."""
    return _crowds(Found("half requests held", tries, seed), lambda rng: rng.choice(BEGINNINGS))


def _crowds(found: Found, begin: Any) -> Found:
    _have_files(2 * found.tries + 500)
    with tempfile.TemporaryDirectory() as folder:
        sound = write_noise(Path(folder) / "noise.wav", SOUND_S)
        for files in FILES:
            _crowd(found, files, begin, sound)
    return found


def _have_files(wanted: int) -> None:
    """We hold the other ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), hard))


def _crowd(found: Found, files: int, begin: Any, sound: Path) -> None:
    rng = random.Random(f"{found.fault} {found.seed} {files}")
    with Listener(sound, "--web", "0", files=files) as listener, ExitStack() as stack:
        address = listener.address()
        for number in range(found.tries):
            what, wrong = _come(address, begin(rng), stack)
            found.count(f"ulimit -n {files}: {what}", number, wrong)
            if number % _ASK_EVERY == _ASK_EVERY - 1:
                _ask(found, address, number)
        for _ in _seconds(HELD_S):
            _ask(found, address, found.tries)
        n_lost, dropped_s = listener.lost()
        found.most("decisions_lost", n_lost)
        found.most("dropped_s", dropped_s)
        found.most("complaint_lines", listener.complaints.count(b"\n"))
        if n_lost or dropped_s or b"Traceback" in listener.complaints:
            lost = f"{n_lost} decisions lost, {dropped_s} s dropped"
            found.count("lost", files, f"{lost}; {listener.complaints.decode()[:300]}")


def _come(address: tuple[str, int], begin: bytes, stack: ExitStack) -> tuple[str, str]:
    """Connect, say something, and stay."""
    try:
        visitor = stack.enter_context(socket.create_connection(address, PAGE_S))
    except OSError as error:
        return "not taken", f"{type(error).__name__}: {error}"
    try:
        visitor.sendall(begin)
    except OSError:
        return "cut at once", ""
    return "held", ""


def _seconds(n_s: float) -> Iterator[float]:
    end_s = time.monotonic() + n_s
    while (left_s := end_s - time.monotonic()) > 0:
        yield left_s
        time.sleep(min(1.0, left_s))


def _ask(found: Found, address: tuple[str, int], number: int) -> None:
    """How long the page takes."""
    begun_s = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=PAGE_S)
    try:
        connection.request("GET", "/")
        status, said = connection.getresponse().status, ""
    except (OSError, http.client.HTTPException) as error:
        status, said = 0, repr(error)
    finally:
        connection.close()
    took_s = time.monotonic() - begun_s
    found.most("page_s", took_s)
    wrong = "" if status == 200 and took_s < PAGE_S else f"{status} {said} after {took_s:.1f} s"
    found.count("the page answers" if not wrong else "the page does not answer", number, wrong)


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    figures = found["figures"]
    return (
        f"{figures['decisions_lost']} decisions lost, {figures['dropped_s']:g} s of audio dropped;"
        f" the page answers within {figures['page_s']:.2f} s, in all of"
        f" {found['counts'].get('the page answers', 0)} tries"
        + (f"; {found['wrong']} not as it should be" if found["wrong"] else "")
    )
