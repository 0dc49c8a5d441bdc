"""The process' own time zone, as the system would have it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def local_time(zone: str) -> Iterator[None]:
    """Live in a zone, named as in the time zone database or as POSIX spells them."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            yield
    finally:
        time.tzset()


@contextmanager
def noon() -> Iterator[None]:
    """A time zone where it is noon: the minutes that a test looks back on are of today."""
    with local_time(f"NOON{time.gmtime().tm_hour - 12:+d}"):
        yield
