"""A browser for a module's tests, a tab at a time, and the hour at which they look."""

from collections.abc import Iterator

import pytest

from browser import Browser
from local_time import noon


@pytest.fixture
def at_noon() -> Iterator[None]:
    with noon():
        yield


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def chromium(running: Browser) -> Iterator[Browser]:
    yield running
    running.close_tabs()
