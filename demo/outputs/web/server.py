"""uvicorn in a thread of its own, that a silent or dead browser cannot hold up."""

import asyncio
import socket
import threading
from typing import Any

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
_MAX_CONNECTIONS = 100
_MAX_MESSAGE_BYTES = 1024  # browsers say a word at most


class _Http(H11Protocol):
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


class ServerThread:
    """Serves from construction to `close`, which closes the listening socket, too.

    Raises:
        OSError: it did not start.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._error: BaseException | None = None
        self._listener = listener
        self._server = _Server(_config(app))
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        self._server.ready.wait(START_TIMEOUT_S)
        if self._server.loop is None:
            raise OSError(f"the web page's server did not start: {self._error or 'time-out'}")

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve([self._listener]))
        except BaseException as error:  # told by `check`, in a thread that can tell it
            self._error = error
        finally:
            self._server.ready.set()
            self._listener.close()

    def check(self) -> None:
        """Raise OSError when the server ended by itself."""
        if not self._thread.is_alive():
            raise OSError(f"the web page's server ended: {self._error or 'nobody knows why'}")

    def close(self) -> None:
        """End it; browsers are told."""
        if self._server.loop and self._thread.is_alive():
            self._server.loop.call_soon_threadsafe(self._server.stopping.set)
        self._thread.join(_STOP_TIMEOUT_S)


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
        limit_concurrency=_MAX_CONNECTIONS,
        forwarded_allow_ips=["127.0.0.1", "::1"],  # a proxy on this machine may say who asks
    )
