"""Addresses of streams, which other programs read better."""

import re

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def check_source(source: str) -> None:
    """Raise ValueError for an address on a network, with a line that reads it."""
    if _ADDRESS.match(source):
        raise ValueError(
            f"{source}: an address, which another program must read:"
            f" ffmpeg -v error -i '{source}' -f s16le -ac 1 -ar 44100 -"
            " | edge-asc … --source - --raw 44100"
        )
