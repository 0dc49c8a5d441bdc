"""Addresses to serve at, as people write them."""

import re

LOOPBACK = "127.0.0.1"  # where nothing else is said: no other machine reaches it
_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+)?:)?(?P<port>[0-9]{1,5})")


def parse_address(address: str, what: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; the last two on loopback.

    Args:
        address: as it was written.
        what: is served there, for the error.

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
