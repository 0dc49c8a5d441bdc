"""uvicorn in a thread of its own, that no visitor can hold up: silent, dead, slow or too many."""

import asyncio
import logging
import resource
import socket
import threading
import time
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

SEND_TIMEOUT_S = 10.0  # a browser that takes nothing for so long is cut
PING_S = 10.0  # how often a browser is asked whether it is there, and how long it may take
START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 0.3
_GOODBYE_S = 0.05  # between a polite close and the end of the connection
MAX_CONNECTIONS = 100
_FILES_SHARE = 4  # a quarter of the process' files; the rest is for sound, log and clips
_LEAST_CONNECTIONS = 8
BACKLOG = 16  # accepted at once; each is a file before it can be counted
REQUEST_S = 5.0  # from a connection, or an answer, to a whole request
ASKING = (h11.IDLE, h11.SEND_BODY)  # states of a visitor whose request is not whole
TROUBLE_AGAIN_S = 60.0
_MAX_MESSAGE_BYTES = 1024  # browsers say a word at most


class _Http(H11Protocol):
    """Waits a while for a request, and makes room for a newcomer."""

    _late: asyncio.TimerHandle | None = None
    _since_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= max_connections() and not self._make_room():
            transport.abort()
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._await_request()

    def _make_room(self) -> bool:
        """Cut the oldest that asks for nothing, else that takes no answer; whether there was one.

        Pages that are open are none of them; there is a limit to those.
        """
        others = [one for one in self.connections if isinstance(one, _Http)]
        oldest = min(others, key=lambda one: (one._late is None, one._since_s), default=None)
        if oldest is not None:
            oldest.transport.abort()
            self.connections.discard(oldest)
        return oldest is not None

    def data_received(self, data: bytes) -> None:
        self._await_request()
        super().data_received(data)
        is_page = self.transport.get_protocol() is not self  # a socket from here on
        if is_page or self.conn.their_state not in ASKING:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_GOODBYE_S, self.transport.abort)


class _Socket(WSProtocol):
    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_GOODBYE_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Send, or end the connection without waiting for what was sent to be read."""
        if not self.writable.is_set():
            try:
                await asyncio.wait_for(self.writable.wait(), SEND_TIMEOUT_S)
            except asyncio.TimeoutError:
                self.transport.abort()
                raise ClientDisconnected from None
        await super().send(message)


class _Server(uvicorn.Server):
    """Waits for its end without waking ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ready.set()
        await self.stopping.wait()


class _Troubles(logging.Handler):
    """Keeps what goes wrong in the server for a notice a minute, in place of tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.thread: int | None = None  # whose records they are: all servers have one logger
        self._told_s = -TROUBLE_AGAIN_S
        self._latest = ""
        self._n = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self.thread:
            return
        error = record.exc_info[1] if record.exc_info else None
        self.add(repr(error) if error else record.getMessage())

    def add(self, text: str) -> None:
        """Count one; any thread may call."""
        self._latest, self._n = " ".join(text.split()), self._n + 1

    def notices(self) -> list[str]:
        """What there is to tell now."""
        if not self._n or time.monotonic() - self._told_s < TROUBLE_AGAIN_S:
            return []
        self._told_s, n, self._n = time.monotonic(), self._n, 0
        return [f"{self._latest} ({n} times)" if n > 1 else self._latest]


class ServerThread:
    """Serves from construction to `close`, which closes the listening socket, too.

    `what` is served, for messages.

    Raises:
        OSError: it did not start.
    """

    def __init__(
        self, app: ASGIApp, listener: socket.socket, what: str = "the web page's server"
    ) -> None:
        self._error: BaseException | None = None
        self._listener, self._what = listener, what
        self._troubles = _Troubles()
        self._server = _Server(_config(app))
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()
        self._server.ready.wait(START_TIMEOUT_S)
        if self._server.loop is None:
            raise OSError(f"{what} did not start: {self._error or 'time-out'}")

    def _run(self) -> None:
        log, self._troubles.thread = logging.getLogger("uvicorn.error"), threading.get_ident()
        log.addHandler(self._troubles)
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told by `check`, in a thread that can tell it
            self._error = error
        finally:
            log.removeHandler(self._troubles)
            self._server.ready.set()
            self._listener.close()

    async def _serve(self) -> None:
        def on_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            self._troubles.add(repr(error) if error else str(context.get("message")))

        asyncio.get_running_loop().set_exception_handler(on_trouble)
        await self._server.serve([self._listener])

    def notices(self) -> list[str]:
        """What has gone wrong, at most once a minute."""
        return [f"{self._what}: {text}" for text in self._troubles.notices()]

    def check(self) -> None:
        """Raise OSError when the server ended by itself."""
        if not self._thread.is_alive():
            raise OSError(f"{self._what} ended: {self._error or 'nobody knows why'}")

    def close(self) -> None:
        """End it; browsers are told."""
        if self._server.loop and self._thread.is_alive():
            self._server.loop.call_soon_threadsafe(self._server.stopping.set)
        self._thread.join(_STOP_TIMEOUT_S)


def max_connections() -> int:
    """How many may be open at once."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(_LEAST_CONNECTIONS, min(MAX_CONNECTIONS, files // _FILES_SHARE))


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_Http,
        ws=_Socket,
        lifespan="off",
        log_config=None,
        log_level="error",  # nonsense from a client is no news for whoever watches the terminal
        access_log=False,
        server_header=False,
        date_header=False,
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # bytes are few, the processor is slow
        backlog=BACKLOG,
        proxy_headers=False,  # `Access` wants to know the peer, too
    )
