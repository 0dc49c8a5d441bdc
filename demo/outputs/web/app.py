"""What the server answers: the page, its socket, and state for scripts."""

import asyncio
import hashlib
import time
from importlib.resources import files
from pathlib import PurePath

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge_asc.demo.outputs.web.access import Gate
from edge_asc.demo.outputs.web.hub import MAX_CLIENTS, RENEWED, Client, Hub, frames_message
from edge_asc.demo.outputs.web.review import Review, review_routes
from edge_asc.demo.outputs.web.state import LiveState

STALE_S = 10.0  # health comes once a second
TRY_AGAIN_LATER = 1013  # WebSocket close code
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_PROBLEMS = {"401": "That is not the token.", "429": "Too many wrong tokens; wait a minute."}


class Page:
    """The files of the page, read once."""

    def __init__(self) -> None:
        folder = files("edge_asc.demo.outputs.web") / "static"
        found = {file.name: file for file in folder.iterdir()}
        for room in ("live", "review"):
            found |= {f"{room}/{file.name}": file for file in (folder / room).iterdir()}
        known = (name for name in found if PurePath(name).suffix in _TYPES)
        self._files = {name: found[name].read_bytes() for name in known}
        everything = b"".join(self._files[name] for name in sorted(self._files))
        self.version = hashlib.sha256(everything).hexdigest()[:16]

    def answer(self, name: str, request: Request) -> Response:
        """A file, or that the browser has it already."""
        if name not in self._files:
            return Response("not found\n", 404, media_type="text/plain")
        headers = {"ETag": f'"{self.version}"', "Cache-Control": "no-cache"}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        kind = _TYPES[PurePath(name).suffix]
        return Response(self._files[name], headers=headers, media_type=kind)

    def login(self, request: Request) -> Response:
        """The form, with what was wrong."""
        said = _PROBLEMS.get(request.query_params.get("problem", ""), "")
        content = self._files["login.html"].replace(b"<!--problem-->", said.encode())
        return Response(content, headers={"Cache-Control": "no-store"}, media_type="text/html")


def make_app(state: LiveState, hub: Hub, gate: Gate, review: Review | None) -> Starlette:
    """Everything behind the gate, and the form before it; `review` where clips are kept."""
    page = Page()

    async def index(request: Request) -> Response:
        return page.answer("live/index.html", request)

    async def review_page(request: Request) -> Response:
        return page.answer("review/index.html", request)

    async def static(request: Request) -> Response:
        return page.answer(request.path_params["name"], request)

    async def login(request: Request) -> Response:
        if not gate.needs_token:
            return RedirectResponse("./", 303)
        return await gate.login(request) if request.method == "POST" else page.login(request)

    async def api_state(request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        return Response(state.summary(), headers=headers, media_type="application/json")

    async def healthz(request: Request) -> Response:
        status, text = _fitness(state)
        return Response(text + "\n", status, {"Cache-Control": "no-store"}, "text/plain")

    async def socket(browser: WebSocket) -> None:
        await serve_browser(browser, state, hub, page.version)

    routes: list[BaseRoute] = [
        Route("/", index),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/static/{name:path}", static),
        Route("/api/state", api_state),
        Route("/healthz", healthz),
        WebSocketRoute("/socket", socket),
    ]
    if review is not None:
        routes += [Route("/review", review_page), *review_routes(review)]
    return Starlette(routes=routes)


def _fitness(state: LiveState) -> tuple[int, str]:
    """200 while audio is heard, else 503, and why."""
    health = state.health
    if health is None:
        return 503, "starting"
    age_s = time.time() - health.time_s
    if age_s > STALE_S:
        return 503, f"no news for {age_s:.0f} s"
    return (503 if health.state in ("lost", "silent") else 200), health.state


async def serve_browser(browser: WebSocket, state: LiveState, hub: Hub, page: str) -> None:
    """Tell one browser everything, then what is new, until it goes."""
    await browser.accept()
    if hub.n_clients >= MAX_CLIENTS:
        await browser.close(TRY_AGAIN_LATER, "too many pages are open")
        return
    with hub.client() as client:  # joined before the state is read: nothing falls in between
        directions = _send(browser, client, state, page), _receive(browser, client)
        tasks = [asyncio.ensure_future(direction) for direction in directions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect):
            raise end


async def _send(browser: WebSocket, client: Client, state: LiveState, page: str) -> None:
    await browser.send_text(state.hello(time.time(), page))
    message = frames_message(*state.frames_since(0))
    while True:
        if isinstance(message.data, bytes):
            await browser.send_bytes(message.data)
        elif message is not RENEWED:
            await browser.send_text(message.data)
        message = await client.take()
        if client.lagged or message is RENEWED:
            client.lagged = False
            await browser.send_text(state.hello(time.time(), page))


async def _receive(browser: WebSocket, client: Client) -> None:
    while True:
        message = await browser.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        client.listening = message.get("text") == "listen"  # bytes are nothing we know
