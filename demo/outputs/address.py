"""Addresses to serve at, as people write them, and the listening socket of the web page."""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"  # where nothing else is said: no other machine reaches it
_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+)?:)?(?P<port>[0-9]{1,5})")
# Unread bytes that the system keeps for one browser; without a limit it grows to megabytes.
_SEND_BUFFER_BYTES = 256 * 1024


def parse_address(address: str, what: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; the last two on loopback.

    `what` is served there, for the error.

    Raises:
        ValueError: it is none of them.
    """
    found = _ADDRESS.fullmatch(address.strip())
    if not found:
        raise ValueError(f"{what} address {address!r}: give HOST:PORT, [IPV6]:PORT, :PORT or PORT")
    port = int(found["port"])
    if port > 65535:
        raise ValueError(f"{what} address {address!r}: port {port} is above 65535")
    return (found["host"] or LOOPBACK).strip("[]"), port


def resolve(address: str, what: str = "web") -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Address family and numeric host and port of an address.

    Raises:
        ValueError: it is not written like one.
        OSError: there is no such host.
    """
    host, port = parse_address(address, what)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(f"{what} address {address}: {str(error.strerror).lower()}") from error
    family, _, _, _, where = found[0]
    return family, (str(where[0]), int(where[1]))


def is_loopback(host: str) -> bool:
    """Whether a numeric host is reached from this machine alone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def names_loopback(host: str) -> bool:
    """Whether a request's `Host` is a name of this machine's loopback.

    A foreign page whose name was made to point here (DNS rebinding) names itself.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or is_loopback(name)
    except ValueError:
        return False


def listen(address: str, what: str = "web") -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        ValueError, OSError: it cannot; in one line.
    """
    family, where = resolve(address, what)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every connection. Visitors that vanish without a word are found in the end.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.bind(where)
        listener.listen()
    except OSError as error:
        listener.close()
        raise OSError(f"{what} address {address}: {str(error.strerror).lower()}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """What to type into a browser, on another machine where others reach it."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = _own_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _own_host() -> str:
    """This machine's address on its network; its name where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses a route; a datagram socket sends nothing yet
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
