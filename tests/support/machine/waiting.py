"""Waiting in tests: as long as a machine that is busy with other work may need, and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0  # for what happens at once on an idle machine
SOON_S = 5.0  # what is done within tenths of a second there; what hangs would take longer
STEP_S = 0.01
T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = PATIENCE_S) -> T:
    """Wait for something; give what it came to, or fail."""
    deadline_s = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(STEP_S)
    return found
