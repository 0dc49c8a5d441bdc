"""Who may see the page: loopback by the right name, anyone else with the token.

- Without a token the page is on loopback, and a request must name it so: a foreign page whose name
  was made to point at this machine (DNS rebinding) names itself.
- With one, a request brings it as `Authorization: Bearer`, or a cookie that it was exchanged for.
- The socket is opened by pages of this server alone: browsers say in `Origin` whose page asks. So
  is everything that changes something; a script that brings the token itself needs no `Origin`.
- The review of kept clips lets others hear a home: it is there with a token alone.
"""

import hashlib
import hmac
import ipaddress
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from edge_asc.demo.outputs.address import names_loopback

MIN_TOKEN_CHARACTERS = 16
TRIES_PER_MINUTE = 5  # wrong tokens from one network; further ones are not looked at
# Through one proxy, whoever it says that asks: what it is told of that may be made up.
TRIES_THROUGH_PROXY = 20
PROXIES = ["127.0.0.1", "::1"]  # may say who asks, and by which scheme
_PEER = "edge_asc.peer"  # of a scope: who is connected
COOKIE_S = 30 * 24 * 3600
HOW_TO_MAKE_A_TOKEN = (
    "set EDGE_ASC_WEB_TOKEN, for example to what"
    ' `python3 -c "import secrets; print(secrets.token_urlsafe())"` prints'
)
REVIEW = ("/review", "/api/review", "/api/teach")  # and what is below them
PAGES = ("/", "/review")  # who comes here without a token is shown the form
_BEARER = {"WWW-Authenticate": "Bearer"}
_MAX_FORM_BYTES = 2048
_MAX_NETWORKS = 1000  # whose wrong tokens are remembered
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors"
HEADERS = {
    "Content-Security-Policy": f"{_POLICY} 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # an address with ?token= goes nowhere
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


def parse_ancestors(text: str | None) -> tuple[str, ...]:
    """The origins whose pages may frame ours: `http://host:port`, several with blanks between.

    Raises:
        ValueError: one is no origin.
    """
    origins = tuple((text or "").split())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"frame ancestor {origin!r}: give the origin of the page around it, scheme, host"
                " and port alone, as http://homeassistant.local:8123"
            )
    if text is not None and not origins:
        raise ValueError("frame ancestors: none is given")
    return origins


def headers_for(ancestors: Sequence[str]) -> dict[str, str]:
    """The headers of every answer, where these origins may frame the page."""
    if not ancestors:
        return HEADERS
    headers = HEADERS | {"Content-Security-Policy": f"{_POLICY} {' '.join(ancestors)}"}
    del headers["X-Frame-Options"]  # which knows no origins
    return headers


def check_token(token: str | None, address: str, loopback: bool) -> None:
    """Raise ValueError for an address that needs a token and has none, and for a poor token."""
    if token is None:
        if not loopback:
            raise ValueError(
                f"web address {address} is reached from other machines and needs a token:"
                f" {HOW_TO_MAKE_A_TOKEN}"
            )
    elif len(token) < MIN_TOKEN_CHARACTERS:
        raise ValueError(
            f"web token has {len(token)} characters, at least {MIN_TOKEN_CHARACTERS} needed:"
            f" {HOW_TO_MAKE_A_TOKEN}"
        )
    elif not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"web token must be printable ASCII without blanks: {HOW_TO_MAKE_A_TOKEN}")


class WrongTokens:
    """Counts wrong tokens by network: an IPv4 address, or the 64 bits that a household has."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, tries: int = TRIES_PER_MINUTE
    ) -> None:
        self._clock, self._tries = clock, tries
        self._times: dict[str, deque[float]] = {}

    def too_many(self, host: str) -> bool:
        """Whether this network must wait."""
        times = self._times.get(_network(host), deque())
        return len(times) == self._tries and self._clock() - times[0] < 60

    def add(self, host: str) -> None:
        """Count one; when there are too many networks, the one first seen is forgotten."""
        network = _network(host)
        if network not in self._times and len(self._times) >= _MAX_NETWORKS:
            del self._times[next(iter(self._times))]
        self._times.setdefault(network, deque(maxlen=self._tries)).append(self._clock())


def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a proxy may say anything
        return host
    bits = 32 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, bits), strict=False))


class Gate:
    """Decides about a request.

    Args:
        token: what visitors must know; None where only loopback is served.
        port: of the server; cookies of one host are shared by its ports, so it is in their name.
        ancestors: origins whose pages may frame this one.
    """

    def __init__(self, token: str | None, port: int, ancestors: Sequence[str] = ()) -> None:
        self._token = token
        self.headers, self._framed = headers_for(ancestors), bool(ancestors)
        self.needs_token = token is not None
        self._cookie = f"edge_asc_{port}"
        # What a browser keeps is worth nothing elsewhere, and nothing after a change of the token.
        key = (token or "").encode()
        self._cookie_value = hmac.new(key, b"edge-asc web cookie", hashlib.sha256).hexdigest()
        self._wrong, self._wrong_through = WrongTokens(), WrongTokens(tries=TRIES_THROUGH_PROXY)

    def refusal(self, request: HTTPConnection) -> Response | None:
        """What to answer instead of the page; None lets the request through."""
        host = request.headers.get("host", "")
        if self._token is None and not names_loopback(host):
            return _say(403, f"{host!r} is not a name of this machine's loopback, like localhost")
        if self._token is None and _is_review(request.url.path):
            return _say(403, f"the review of clips needs a token: {HOW_TO_MAKE_A_TOKEN}")
        origin = request.headers.get("origin")
        if _needs_origin(request) and _netloc(origin or "") != host.lower():
            return _say(403, f"origin {origin or ''!r} is not this server, {host!r}")
        is_open = request.url.path == "/login" or request.url.path.startswith("/static/")
        if self._token is None or is_open:
            return None
        has_cookie = _same(request.cookies.get(self._cookie, ""), self._cookie_value)
        return None if has_cookie else self._identify(request)

    def _identify(self, request: HTTPConnection) -> Response | None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            problem = self._problem(bearer.strip(), request)
            return _say(problem, "wrong token", _BEARER) if problem else None
        if request.url.path not in PAGES:
            return _say(401, "token needed", _BEARER)
        if token := request.query_params.get("token"):
            return self._admit(token, request)
        return RedirectResponse("login", 303)

    def _admit(self, token: str, request: HTTPConnection) -> Response:
        """A cookie and the way to the page for the right token, the form for a wrong one."""
        if problem := self._problem(token, request):
            return RedirectResponse(f"login?problem={problem}", 303)
        answer = RedirectResponse("./", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            self._cookie,
            self._cookie_value,
            max_age=COOKIE_S,
            secure=secure,
            httponly=True,
            # In a frame of another site browsers send others only, and these over TLS alone.
            samesite="none" if self._framed and secure else "strict",
        )
        return answer

    def _problem(self, token: str, request: HTTPConnection) -> int | None:
        """None for the right token, else a status: 401 wrong, 429 not looked at."""
        host = request.client.host if request.client else ""
        peer = str(request.scope.get(_PEER, host))
        if self._wrong.too_many(host) or self._wrong_through.too_many(peer):
            return 429
        if self._token is not None and _same(token, self._token):
            return None
        self._wrong.add(host)
        self._wrong_through.add(peer)
        return 401

    async def login(self, request: Request) -> Response:
        """Answer the form, when it was filled in."""
        form = b""
        try:
            async for part in request.stream():
                form += part
                if len(form) > _MAX_FORM_BYTES:
                    return _say(413, "form too long")
        except ClientDisconnect:
            return _say(400, "half a form")
        token = parse_qs(form.decode("ascii", "replace")).get("token", [""])[0]
        return self._admit(token, request)


def _is_review(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in REVIEW)


def _needs_origin(request: HTTPConnection) -> bool:
    """Whether a foreign page could do harm by asking this with the cookie of this server.

    A token in the request itself is no cookie, so that a script may leave `Origin` out.
    """
    if request.scope["type"] == "websocket":
        return True
    if request.scope["method"] in ("GET", "HEAD") or request.url.path == "/login":
        return False
    scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
    return "origin" in request.headers or scheme != "bearer"


def _netloc(origin: str) -> str | None:
    """Host and port of an `Origin`; None where it has none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _same(given: str, right: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode(), right.encode())


def _say(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status, headers)


class Access:
    """Asks the gate before the app, and adds the headers that hold for every answer."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate
        self._behind_proxy: Any = ProxyHeadersMiddleware(self._answer, PROXIES)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope.get("client"):
            scope[_PEER] = scope["client"][0]
        await self._behind_proxy(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._gate.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        answer: Any = self._gate.refusal(HTTPConnection(scope)) or self._app
        await answer(scope, receive, send_with_headers)
